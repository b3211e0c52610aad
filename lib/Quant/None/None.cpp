//===- None.cpp - weights keep the checkpoint's element type --------------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

namespace {
class None : public QuantScheme {
public:
  StringRef getName() const override { return "none"; }
  CodeAttr getCode(MLIRContext *) const override { return {}; }
  double getErrorBound() const override { return 0; }
  double getGaussianError() const override { return 0; }
};
} // namespace

extern "C" void moeRegister_scheme_None(Registry &registry) {
  registry.schemes["none"] = [] { return std::make_unique<None>(); };
}
