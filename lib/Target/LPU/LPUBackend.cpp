//===- LPUBackend.cpp - models as statically scheduled programs -----------===//
#include "IR/Lpu.h"
#include "Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"

using namespace mlir;
using namespace moe;

namespace {
class LPUBackend : public TargetBackend {
public:
  StringRef getName() const override { return "lpu"; }

  void registerDialects(DialectRegistry &registry) const override {
    registry.insert<lpu::LPUDialect>();
  }

  llvm::Error buildPipeline(OpPassManager &,
                            const TargetOptions &) const override {
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject> serialize(ModuleOp,
                                       const TargetOptions &) const override {
    CodeObject code;
    code.driver = "lpu";
    return code;
  }
};
} // namespace

extern "C" void moeRegister_backend_LPU(Registry &registry) {
  lpu::registerFormQueuesPass();
  lpu::registerAssemblePass();
  lpu::registerDisassemblePass();
  lpu::registerLowerModelPass();
  registry.backends["lpu"] = [] { return std::make_unique<LPUBackend>(); };
}
