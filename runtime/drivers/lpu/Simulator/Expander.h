//===- Expander.h - packed weights made int8 at the port of the MXM -------===//
//
// Format TRELLIS: a superlane of 16 lanes has 16 weights of each of 16 columns, in
// seven bytes each. Stream j brings byte j: in lane o of a superlane that of column o.
//
//   bit  0 - 27  codes of the pairs of lanes (0, 1) (4, 5) (8, 9) (12, 13)
//   bit 28 - 55  codes of the pairs of lanes (2, 3) (6, 7) (10, 11) (14, 15)
//
// The levels of a pair depend on its code and on the nine bits before it, which are
// those of the superlane to the south. Before superlane 0 there are zeros or, with
// three streams more, what these bring in superlane 0:
//
//   bit 56 - 64  the nine bits before bit 0      bit 65 - 73  those before bit 28
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_EXPANDER_H
#define MOERT_DRIVERS_LPU_SIMULATOR_EXPANDER_H

#include "Products.h"
#include <array>
#include <cstdint>

namespace moert::lpu {

/// Format TRELLIS is q35's, whose numbers never change: #moe.code's window, offset,
/// and levels less the offset.
struct TrellisFormat {
  static constexpr int streams = 7, historyStreams = 3;
  static constexpr int64_t superlaneLanes = 16;
  static constexpr int64_t window[2] = {41, -125};
  static constexpr int64_t offset = 128;
  static const std::array<int8_t, 128> levels;
};

/// Whether LWX of a format may take so many streams in a cycle.
bool expanderTakes(unsigned format, int64_t streams);
/// 16 columns of int8 weights out of the `count` streams of a cycle, all of `width`
/// bytes.
void expandColumns(unsigned format, const uint8_t *const *streams,
                   int64_t count, int64_t width, uint8_t *const *columns);

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_EXPANDER_H
