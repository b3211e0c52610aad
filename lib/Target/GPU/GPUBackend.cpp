//===- GPUBackend.cpp - PTX, and host code that launches it ---------------===//
#include "Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/HostCode/EmitObject.h"
#include "moe/Target/TargetBackend.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"

using namespace mlir;
using namespace moe;

namespace {

class GPUBackend : public TargetBackend {
public:
  StringRef getName() const override { return "gpu"; }
  bool fetchesExperts() const override { return true; }
  bool leavesEarly() const override { return true; }

  void registerDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect,
                    func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                    math::MathDialect, memref::MemRefDialect,
                    NVVM::NVVMDialect, scf::SCFDialect, vector::VectorDialect>();
    arith::registerConvertArithToLLVMInterface(registry);
    cf::registerConvertControlFlowToLLVMInterface(registry);
    registerConvertFuncToLLVMInterface(registry);
    registerConvertMathToLLVMInterface(registry);
    registerConvertMemRefToLLVMInterface(registry);
    registerConvertNVVMToLLVMInterface(registry);
    vector::registerConvertVectorToLLVMInterface(registry);
  }

  llvm::Error buildPipeline(OpPassManager &,
                            const TargetOptions &) const override {
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject> serialize(ModuleOp,
                                       const TargetOptions &) const override {
    return llvm::createStringError("the module holds no kernels");
  }
};

} // namespace

extern "C" void moeRegister_backend_GPU(Registry &registry) {
  registry.backends["gpu"] = [] { return std::make_unique<GPUBackend>(); };
}
