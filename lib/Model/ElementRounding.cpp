//===- ElementRounding.cpp - one rounding, from float64 to the element ----===//
#include "ElementRounding.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include <algorithm>

using namespace llvm;
using namespace moe;
using support::endian::read16le;
using support::endian::read32le;
using support::endian::write16le;
using support::endian::write32le;

namespace {

/// The two 16-bit formats differ in the number of their mantissa's bits.
template <unsigned mantissaBits> struct Half {
  static constexpr unsigned exponentBits = 15 - mantissaBits;
  static constexpr int bias = (1 << (exponentBits - 1)) - 1;
  static const fltSemantics &semantics() {
    return mantissaBits == 7 ? APFloat::BFloat() : APFloat::IEEEhalf();
  }
};

/// Zeros, subnormals, infinities and NaNs: rare, so left to APFloat.
template <typename Format> uint16_t roundSpecial(double value) {
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(Format::semantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return uint16_t(rounded.bitcastToAPInt().getZExtValue());
}

template <unsigned mantissaBits> uint16_t roundHalf(double value) {
  using Format = Half<mantissaBits>;
  constexpr unsigned dropped = 52 - mantissaBits;
  uint64_t bits = bit_cast<uint64_t>(value);
  // Adding half of the last kept place, less one unless that place is odd,
  // carries into it exactly when round-to-nearest-even goes up.
  uint64_t kept =
      (bits + ((uint64_t(1) << (dropped - 1)) - 1 + ((bits >> dropped) & 1))) >>
      dropped;
  // Subnormals keep other places, and the carry may reach infinity or, from a
  // NaN, the sign: look at the exponent before and after.
  int exponent = int(kept >> mantissaBits & 0x7ff) - 1023 + Format::bias;
  int before = int(bits >> 52 & 0x7ff) - 1023 + Format::bias;
  if (before < 1 ||
      std::max(before, exponent) >= (1 << Format::exponentBits) - 1)
    return roundSpecial<Format>(value);
  return uint16_t((bits >> 63) << 15 | unsigned(exponent) << mantissaBits |
                  (kept & ((1u << mantissaBits) - 1)));
}

} // namespace

void moe::roundElements(ArrayRef<double> values, mlir::Type type, char *out) {
  if (type.isF32()) {
    for (double value : values) {
      write32le(out, bit_cast<uint32_t>(float(value)));
      out += 4;
    }
    return;
  }
  for (double value : values) {
    write16le(out, type.isBF16() ? roundHalf<7>(value) : roundHalf<10>(value));
    out += 2;
  }
}

/// Exact, also for subnormal numbers: the exponent is put right by a product.
static float widenHalf(uint16_t half) {
  uint32_t bits = uint32_t(half & 0x7fff) << 13;
  if ((half & 0x7c00) == 0x7c00)
    bits |= 0x7f800000;
  float magnitude = llvm::bit_cast<float>(bits);
  if ((half & 0x7c00) != 0x7c00)
    magnitude *= 0x1p112f;
  return half & 0x8000 ? -magnitude : magnitude;
}

void moe::widenElements(const char *elements, mlir::Type type, size_t count,
                        double *out) {
  for (size_t i = 0; i < count; ++i) {
    if (type.isF32())
      out[i] = bit_cast<float>(read32le(elements + 4 * i));
    else if (type.isBF16())
      out[i] = bit_cast<float>(uint32_t(read16le(elements + 2 * i)) << 16);
    else
      out[i] = widenHalf(read16le(elements + 2 * i));
  }
}
