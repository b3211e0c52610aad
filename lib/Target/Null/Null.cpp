//===- Null.cpp - the backend that makes no code --------------------------===//
//
// The template for a backend, and a way to make a module of any model on any
// machine: runtime driver `null` accepts it, and computes nothing.
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"

using namespace mlir;
using namespace moe;

namespace {
class Null : public TargetBackend {
public:
  StringRef getName() const override { return "null"; }
  void registerDialects(DialectRegistry &) const override {}

  llvm::Error buildPipeline(OpPassManager &,
                            const TargetOptions &) const override {
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject> serialize(ModuleOp,
                                       const TargetOptions &) const override {
    CodeObject code;
    code.driver = "null";
    return code;
  }
};
} // namespace

extern "C" void moeRegister_backend_Null(Registry &registry) {
  registry.backends["null"] = [] { return std::make_unique<Null>(); };
}
