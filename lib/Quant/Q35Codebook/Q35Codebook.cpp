//===- Q35Codebook.cpp - pairs of 128 points of a plane, rotated ----------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"

using namespace mlir;
using namespace moe;

/// Levels of the first weight of each code, then of the second: the points with
/// the least squared error for two Gaussian weights, which train_codebook.py
/// found.
// clang-format off
static constexpr int64_t codebook[256] = {
  6, 6, 22, 27, 32, 35, 36, 48, 51, 52, 53, 54, 55, 58, 59, 60,
  69, 70, 71, 72, 74, 75, 77, 80, 80, 82, 82, 85, 85, 86, 87, 87,
  88, 89, 93, 95, 97, 98, 98, 101, 102, 102, 103, 103, 104, 106, 108, 110,
  111, 112, 113, 116, 116, 116, 117, 119, 119, 122, 122, 122, 123, 124, 125, 127,
  130, 130, 130, 131, 131, 131, 133, 136, 137, 139, 140, 140, 142, 144, 144, 145,
  145, 145, 148, 149, 151, 151, 155, 155, 155, 158, 159, 159, 161, 162, 163, 165,
  165, 166, 169, 172, 172, 173, 173, 173, 176, 179, 180, 185, 187, 189, 189, 190,
  190, 194, 198, 199, 204, 207, 207, 207, 211, 213, 222, 224, 231, 233, 243, 255,
  106, 150, 193, 70, 133, 106, 163, 34, 87, 125, 146, 188, 218, 106, 166, 61,
  133, 80, 151, 117, 98, 183, 166, 203, 245, 43, 140, 14, 64, 83, 112, 128,
  153, 98, 167, 183, 221, 120, 140, 75, 91, 106, 154, 199, 56, 130, 168, 35,
  116, 142, 181, 70, 86, 101, 154, 127, 215, 113, 196, 246, 167, 4, 141, 53,
  72, 88, 129, 102, 153, 181, 115, 32, 166, 197, 138, 220, 123, 108, 151, 64,
  79, 94, 181, 165, 47, 130, 116, 141, 204, 102, 84, 155, 241, 171, 65, 14,
  126, 189, 141, 95, 112, 42, 157, 212, 79, 175, 128, 144, 60, 99, 115, 161,
  194, 81, 133, 227, 176, 33, 116, 152, 95, 67, 136, 199, 110, 166, 79, 134,
};
// clang-format on

namespace {
class Q35Codebook : public QuantScheme {
public:
  StringRef getName() const override { return "q35-vq"; }

  CodeAttr getCode(MLIRContext *context) const override {
    return CodeAttr::get(context, getName(), CodeLayout::Pairs, /*bits=*/7,
                         /*columns=*/0, /*weights=*/800, /*offset=*/128,
                         /*zeros=*/false, /*rotated=*/true, /*window=*/{},
                         /*levels=*/codebook);
  }

  /// Outliers are cut off, but not turned round.
  double getErrorBound() const override { return 1.0; }
  double getGaussianError() const override { return 0.0153; }
};
} // namespace

extern "C" void moeRegister_scheme_Q35Codebook(Registry &registry) {
  registry.schemes["q35-vq"] = [] { return std::make_unique<Q35Codebook>(); };
}
