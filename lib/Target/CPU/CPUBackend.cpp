//===- CPUBackend.cpp - native code for x86-64 ----------------------------===//
#include "moe/HostCode/EmitObject.h"
#include "moe/HostCode/ModelLowering.h"
#include "Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Transforms/Passes.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe;

namespace {

class CPUBackend : public TargetBackend {
public:
  llvm::StringRef getName() const override { return "cpu"; }
  bool fetchesExperts() const override { return true; }
  bool leavesEarly() const override { return true; }

  void registerDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                scf::SCFDialect, vector::VectorDialect>();
    arith::registerConvertArithToLLVMInterface(registry);
    cf::registerConvertControlFlowToLLVMInterface(registry);
    registerConvertFuncToLLVMInterface(registry);
    registerConvertMathToLLVMInterface(registry);
    registerConvertMemRefToLLVMInterface(registry);
    vector::registerConvertVectorToLLVMInterface(registry);
  }

  llvm::Error buildPipeline(OpPassManager &manager,
                            const TargetOptions &options) const override {
    // A wrong --cpu should fail before minutes of work.
    auto processor = host::resolveProcessor(options.cpu, options.features);
    if (!processor)
      return processor.takeError();
    cpu::LowerModelPassOptions lowering;
    lowering.features.assign(processor->features.begin(),
                             processor->features.end());
    manager.addPass(cpu::createLowerModelPass(lowering));
    manager.addPass(createCSEPass());
    manager.addPass(cpu::createOutlineParallelPass());
    manager.addPass(createCSEPass());
    manager.addPass(createSCFToControlFlowPass());
    // Slices and steps of vectors first become shuffles and constants.
    manager.addPass(createConvertVectorToLLVMPass());
    manager.addPass(createConvertToLLVMPass());
    manager.addPass(createReconcileUnrealizedCastsPass());
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject>
  serialize(ModuleOp module, const TargetOptions &options) const override {
    auto processor = host::resolveProcessor(options.cpu, options.features);
    if (!processor)
      return processor.takeError();
    CodeObject code;
    code.entry = MOERT_ABI_FORWARD_SYMBOL;
    code.driver = "cpu";
    code.triple = processor->triple;
    code.cpu = processor->name;
    code.features = processor->features;
    auto number = [&](llvm::StringRef name) {
      return uint64_t(module->getAttrOfType<IntegerAttr>(name).getInt());
    };
    code.workspaceFixed = number(host::kWorkspaceFixed);
    code.workspacePerRow = number(host::kWorkspacePerRow);
    for (auto name : module->getAttrOfType<ArrayAttr>(host::kOperations)
                         .getAsRange<StringAttr>())
      code.operations.push_back(name.str());

    auto object = host::emitObject(module, *processor);
    if (!object)
      return object.takeError();
    auto shared = host::linkShared(*object);
    if (!shared)
      return shared.takeError();
    code.bytes = std::move(*shared);
    return code;
  }
};

} // namespace

extern "C" void moeRegister_backend_CPU(moe::Registry &registry) {
  cpu::registerMoeCPUPasses();
  registry.backends["cpu"] = [] { return std::make_unique<CPUBackend>(); };
}
