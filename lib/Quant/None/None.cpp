//===- None.cpp - weights keep the checkpoint's element type --------------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using namespace moe;

/// Stores one element, little endian.
static void store(const llvm::APInt &bits, char *out) {
  if (bits.getBitWidth() == 32)
    llvm::support::endian::write32le(out, bits.getZExtValue());
  else
    llvm::support::endian::write16le(out, bits.getZExtValue());
}

static llvm::APInt load(unsigned width, const char *in) {
  return llvm::APInt(width, width == 32 ? llvm::support::endian::read32le(in)
                                        : llvm::support::endian::read16le(in));
}

namespace {
/// One element after the other; narrowing rounds to nearest even.
class None : public QuantScheme {
public:
  StringRef getName() const override { return "none"; }

  double getBitsPerWeight(RankedTensorType type) const override {
    return type.getElementTypeBitWidth();
  }

  double getErrorBound(RankedTensorType type) const override {
    // Half a unit in the last place of the largest element of a row.
    unsigned precision = llvm::APFloat::semanticsPrecision(getSemantics(type));
    return type.getElementType().isF32() ? 0.0
                                         : 1.0 / double(1ull << precision);
  }

  uint64_t getRowBytes(RankedTensorType type) const override {
    return uint64_t(type.getDimSize(1)) * type.getElementTypeBitWidth() / 8;
  }

  llvm::Error encodeRow(RankedTensorType type, ArrayRef<float> row,
                        MutableArrayRef<char> out) const override {
    const unsigned bytes = type.getElementTypeBitWidth() / 8;
    for (auto [i, value] : llvm::enumerate(row)) {
      llvm::APFloat element(value);
      bool inexact;
      element.convert(getSemantics(type), llvm::APFloat::rmNearestTiesToEven,
                      &inexact);
      if (!element.isFinite())
        return llvm::createStringError(
            "element %zu of a row is %g, beyond the finite range of its type",
            size_t(i), double(value));
      store(element.bitcastToAPInt(), out.data() + i * bytes);
    }
    return llvm::Error::success();
  }

  llvm::Error decodeRow(RankedTensorType type, ArrayRef<char> bytes,
                        MutableArrayRef<float> out) const override {
    const unsigned width = type.getElementTypeBitWidth();
    for (auto [i, value] : llvm::enumerate(out)) {
      llvm::APFloat element(getSemantics(type),
                            load(width, bytes.data() + i * (width / 8)));
      bool inexact;
      element.convert(llvm::APFloat::IEEEsingle(),
                      llvm::APFloat::rmNearestTiesToEven, &inexact);
      value = element.convertToFloat();
    }
    return llvm::Error::success();
  }

private:
  static const llvm::fltSemantics &getSemantics(RankedTensorType type) {
    return cast<FloatType>(type.getElementType()).getFloatSemantics();
  }
};
} // namespace

extern "C" void moeRegister_scheme_None(Registry &registry) {
  registry.schemes["none"] = [] { return std::make_unique<None>(); };
}
