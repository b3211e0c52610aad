//===- Half.h - numbers of 16 bits, without the processor's help -*- C++
//-*-===//
#ifndef MOE_LIB_QUANT_HALF_H
#define MOE_LIB_QUANT_HALF_H

#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstdint>

namespace moe {

constexpr float largestHalf = 65504.0f;

inline float halfToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, rest = bits & 0x7fff;
  if (rest >= 0x7c00)
    return llvm::bit_cast<float>(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest < 0x400) // subnormal: a multiple of 2^-24
    return llvm::bit_cast<float>(
        sign | llvm::bit_cast<uint32_t>(float(rest) * 0x1p-24f));
  return llvm::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
}

/// The smallest number of 16 bits that is at least `value`, which is not
/// negative; infinity if there is none.
inline uint16_t floatToHalfUp(float value) {
  if (!(value <= largestHalf))
    return 0x7c00;
  if (value < 0x1p-14f) // below the normal numbers: a multiple of 2^-24
    return uint16_t(std::ceil(value * 0x1p24f));
  uint32_t bits = llvm::bit_cast<uint32_t>(value) - (112u << 23);
  return uint16_t((bits + 0x1fff) >> 13);
}

} // namespace moe

#endif // MOE_LIB_QUANT_HALF_H
