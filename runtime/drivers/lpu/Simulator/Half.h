//===- Half.h - IEEE 754's 16 bits as a float -----------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_HALF_H
#define MOERT_DRIVERS_LPU_SIMULATOR_HALF_H

#include <bit>
#include <cstdint>

namespace moert::lpu {

/// Exact. No branches, so that loops over it become vectors.
inline float widenHalf(uint16_t half) {
  uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  // As a float its exponent is 112 too small; a product with a power of two is
  // exact, for what was subnormal, too.
  uint32_t finite =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  uint32_t special = magnitude | 0x7f800000u;
  uint32_t bits = magnitude >= 0x0f800000u ? special : finite;
  return std::bit_cast<float>(bits | uint32_t(half & 0x8000) << 16);
}

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_HALF_H
