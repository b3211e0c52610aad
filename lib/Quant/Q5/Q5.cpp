//===- Q5.cpp - 5 bits for each weight, a scale and zero for each 64 ------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

namespace {
class Q5 : public QuantScheme {
public:
  StringRef getName() const override { return "q5"; }

  CodeAttr getCode(MLIRContext *context) const override {
    return CodeAttr::get(context, getName(), CodeLayout::Planes, /*bits=*/5,
                         /*columns=*/64, /*weights=*/1, /*offset=*/0,
                         /*zeros=*/true, /*rotated=*/false, /*window=*/{},
                         /*levels=*/{});
  }

  /// The squared errors of a group are no more than those of 64 weights that
  /// are all half a step off, with steps of 2 / 31 of the largest: 8 / 31.
  double getErrorBound() const override { return 0.26; }
  double getGaussianError() const override { return 0.00184; }
};
} // namespace

extern "C" void moeRegister_scheme_Q5(Registry &registry) {
  registry.schemes["q5"] = [] { return std::make_unique<Q5>(); };
}
