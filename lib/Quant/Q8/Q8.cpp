//===- Q8.cpp - 8 bits for each weight, one scale for each row ------------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace moe;

namespace {
class Q8 : public QuantScheme {
public:
  StringRef getName() const override { return "q8"; }

  CodeAttr getCode(MLIRContext *context) const override {
    return CodeAttr::get(context, getName(), CodeLayout::Planes, /*bits=*/8,
                         /*columns=*/0, /*weights=*/1, /*offset=*/128,
                         /*zeros=*/false, /*rotated=*/false, /*window=*/{},
                         /*levels=*/{});
  }

  double getErrorBound() const override { return 0.501 / largest; }
  double getGaussianError() const override { return 6.5e-5; }

  /// The row's largest weight has the level 127, so that none is cut off.
  void chooseScales(const Tile &tile, TileScales &scales) const override {
    for (int64_t row = 0; row < tile.rows; ++row) {
      float most = 0;
      for (float value : tile.getRow(row))
        most = std::max(most, std::fabs(value));
      scales.setScale(row, 0, most / largest);
    }
  }

private:
  static constexpr float largest = 127;
};
} // namespace

extern "C" void moeRegister_scheme_Q8(Registry &registry) {
  registry.schemes["q8"] = [] { return std::make_unique<Q8>(); };
}
