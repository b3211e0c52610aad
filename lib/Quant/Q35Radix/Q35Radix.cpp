//===- Q35Radix.cpp - pairs of 11 levels each in 7 bits -------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

namespace {
/// 11 * 11 <= 128: the first weight's level is code / 11, the second's code
/// % 11. The 7 codes left over go on counting: a twelfth level of the first
/// weight.
class Q35Radix : public QuantScheme {
public:
  StringRef getName() const override { return "q35-radix11"; }

  CodeAttr getCode(MLIRContext *context) const override {
    SmallVector<int64_t> levels(256);
    for (int64_t code = 0; code < 128; ++code) {
      levels[code] = step * (code / radix);
      levels[128 + code] = step * (code % radix);
    }
    return CodeAttr::get(context, getName(), CodeLayout::Pairs, /*bits=*/7,
                         /*columns=*/128, /*weights=*/1, /*offset=*/0,
                         /*zeros=*/true, /*rotated=*/false, /*window=*/{},
                         /*levels=*/levels);
  }

  /// Outliers are cut off, but not turned round.
  double getErrorBound() const override { return 1.0; }
  double getGaussianError() const override { return 0.0168; }

private:
  /// Levels lie apart by `step`, so that zeros can lie between them.
  static constexpr int64_t radix = 11, step = 16;
};
} // namespace

extern "C" void moeRegister_scheme_Q35Radix(Registry &registry) {
  registry.schemes["q35-radix11"] = [] { return std::make_unique<Q35Radix>(); };
}
