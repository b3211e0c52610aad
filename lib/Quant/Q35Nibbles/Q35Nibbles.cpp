//===- Q35Nibbles.cpp - pairs of 4 and 3 bits, a scale for each 128 -------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

namespace {
/// The bits of a pair are two numbers in two's complement: the first weight's
/// in the upper 4, the second's in the lower 3. The second's steps are twice as
/// wide, so that both span the same range.
class Q35Nibbles : public QuantScheme {
public:
  StringRef getName() const override { return "q35-4x3"; }

  CodeAttr getCode(MLIRContext *context) const override {
    SmallVector<int64_t> levels(256);
    for (int64_t code = 0; code < 128; ++code) {
      int64_t first = llvm::SignExtend64(code >> 3, 4);
      int64_t second = llvm::SignExtend64(code & 7, 3);
      levels[code] = step * (2 * first + 1) + 15 * step;
      levels[128 + code] = 2 * step * (2 * second + 1) + 15 * step;
    }
    return CodeAttr::get(context, getName(), CodeLayout::Pairs, /*bits=*/7,
                         /*columns=*/128, /*weights=*/1, /*offset=*/0,
                         /*zeros=*/true, /*rotated=*/false, /*window=*/{},
                         /*levels=*/levels);
  }

  /// Outliers are cut off, but not turned round.
  double getErrorBound() const override { return 1.0; }
  double getGaussianError() const override { return 0.0201; }

private:
  /// Half of a step of the first weight: so fine that zeros can lie between.
  static constexpr int64_t step = 4;
};
} // namespace

extern "C" void moeRegister_scheme_Q35Nibbles(Registry &registry) {
  registry.schemes["q35-4x3"] = [] { return std::make_unique<Q35Nibbles>(); };
}
