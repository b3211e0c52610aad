//===- Q35Code.h - the numbers that define q35 ------------------*- C++ -*-===//
//
// benchmarks/trellis_search.cpp found them. They are what stored bits mean.
//===----------------------------------------------------------------------===//
#ifndef MOE_QUANT_Q35_Q35CODE_H
#define MOE_QUANT_Q35_Q35CODE_H

#include "TrellisKernels.h"

namespace moe::q35 {

constexpr int windowFactors[2] = {41, -125};

/// Levels less the offset.
constexpr int8_t levels[codeCount] = {
    -127, 68, 51, 40, 31, 24, 19, 13, 6, 1, -4, -10,
    -17, -22, -28, -38, -45, -61, -90, 78, 57, 43, 35, 28,
    20, 13, 9, 2, -3, -9, -14, -21, -28, -35, -45, -56,
    -76, 91, 58, 46, 36, 29, 21, 16, 9, 4, -1, -7,
    -13, -18, -25, -33, -40, -50, -68, 123, 66, 51, 39, 31,
    23, 20, 11, 7, 0, -4, -11, -17, -24, -30, -38, -49,
    -61, -103, 72, 53, 42, 33, 26, 18, 14, 8, 3, -4,
    -8, -14, -20, -28, -35, -45, -56, -82, 82, 57, 46, 36,
    28, 23, 15, 9, 4, -2, -7, -13, -20, -25, -32, -43,
    -54, -72, 104, 63, 47, 40, 31, 24, 17, 11, 6, 1,
    -5, -10, -17, -24, -31, -39, -50, -65};
constexpr int64_t offset = 128;
constexpr float outermost = 127;

/// Scale of weights whose mean square is 1.
constexpr float unitScale = 0.0263f;

} // namespace moe::q35

#endif // MOE_QUANT_Q35_Q35CODE_H
