//===- Units.h - what the units compute, on vectors -------------*- C++ -*-===//
//
// Pure functions of bytes: no time, no hazards. `width` is the number of lanes
// of a vector, a multiple of 16; pointers are to 64-byte aligned memory whose
// rows have `paddedWidth(width)` elements. Results have the same bits on every
// host.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_UNITS_H
#define MOERT_DRIVERS_LPU_SIMULATOR_UNITS_H

#include "moert/abi/lpu.h"
#include <cstddef>
#include <cstdint>

namespace moert::lpu {

inline constexpr int64_t maxWidth = 1024; ///< lanes that a machine may have
inline constexpr int64_t paddedWidth(int64_t width) {
  return (width + 63) / 64 * 64;
}
/// Byte planes of a type; 0 if there is no such type.
inline constexpr int planesOf(unsigned type) {
  constexpr int planes[MOERT_LPU_TYPES] = {1, 2, 4, 2, 4, 4};
  return type < MOERT_LPU_TYPES ? planes[type] : 0;
}

//===-- Vxm.cpp -----------------------------------------------------------===//

/// Lanes as 32-bit words: byte plane p is bits 8p to 8p + 7, the others are 0.
void wordsOfPlanes(const uint8_t *const *planes, int count, int64_t width,
                   uint32_t *words);
void planesOfWords(const uint32_t *words, int count, int64_t width,
                   uint8_t *const *planes);

struct AluOutcome {
  bool overflow = false;    ///< an i32 wrapped
  bool notANumber = false;  ///< a lane of the result is one
};
/// Whether an ALU can compute `opcode` of vectors of `type` to one of `result`.
bool aluSupports(unsigned opcode, bool flag, unsigned type, unsigned result);
/// Sources it needs, 1 or 2; 0 if that is no operation of an ALU.
int aluSources(unsigned opcode);
AluOutcome aluCompute(unsigned opcode, bool flag, unsigned type,
                      unsigned result, const uint32_t *a, const uint32_t *b,
                      int64_t width, uint32_t *out);
float exp2Nearest(float x);
float rsqrtNearest(float x);
float tanhNearest(float x);
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value); ///< nearest, ties to even

// The MXM, with its state and hazards, is in Mxm.h; links between chips in
// Links.h.

//===-- Sxm.cpp: of one byte plane ----------------------------------------===//

/// Superlane s of the result is superlane s - north; zeros come in.
void shiftNorth(const uint8_t *in, int64_t lanes, int64_t width, int64_t north,
                uint8_t *out);
/// Lane l of the result is lane map[l] of `in`; false if the map names a lane
/// that there is not.
bool permuteLanes(const uint8_t *in, const uint16_t *map, int64_t width,
                  uint8_t *out);
bool isBijective(const uint16_t *map, int64_t width);
/// In each superlane of `lanes` lanes: lane l is lane (nibbles >> 4l) & 15.
void distributeLanes(const uint8_t *in, uint64_t nibbles, int64_t lanes,
                     int64_t width, uint8_t *out);
/// In each superlane: lane l is lane (l + by) % lanes.
void rotateLanes(const uint8_t *in, uint64_t by, int64_t lanes, int64_t width,
                 uint8_t *out);
/// Of `lanes` streams, in each superlane: lane s of result l is lane l of
/// stream s.
void transposeLanes(const uint8_t *const *in, int64_t lanes, int64_t width,
                    uint8_t *const *out);
/// Lane l of each superlane from b where bit l is set, else from a.
void selectLanes(const uint8_t *a, const uint8_t *b, uint64_t bits,
                 int64_t lanes, int64_t width, uint8_t *out);

// What LWX makes of packed weights is in Expander.h.

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_UNITS_H
