//===- Q2.cpp - 2 bits for each weight of a rotated matrix ----------------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

namespace {
/// Rotated weights are nearly Gaussian, so the levels are those of the
/// quantiser of a Gaussian with the least squared error (Max, 1960; Lloyd,
/// 1982): +-0.4528 and +-1.5104 standard deviations, the larger made 127.
class Q2 : public QuantScheme {
public:
  StringRef getName() const override { return "q2"; }

  CodeAttr getCode(MLIRContext *context) const override {
    const int64_t levels[] = {1, 90, 166, 255};
    return CodeAttr::get(context, getName(), CodeLayout::Planes, /*bits=*/2,
                         /*columns=*/0, /*weights=*/800, /*offset=*/128,
                         /*zeros=*/false, /*rotated=*/true, /*window=*/{},
                         /*levels=*/levels);
  }

  /// Outliers are cut off, but not turned round.
  double getErrorBound() const override { return 1.0; }
  double getGaussianError() const override { return 0.1180; }
};
} // namespace

extern "C" void moeRegister_scheme_Q2(Registry &registry) {
  registry.schemes["q2"] = [] { return std::make_unique<Q2>(); };
}
