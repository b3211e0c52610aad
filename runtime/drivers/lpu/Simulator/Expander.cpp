//===- Expander.cpp - packed weights made int8 at the port of the MXM -----===//
#include "Expander.h"

#include "moert/abi/lpu.h"
#include <bit>
#include <cassert>
#include <cstring>
#include <vector>

using namespace moert::lpu;

static constexpr int codeBits = 7, pairsOfPart = 4,
                     partBits = codeBits * pairsOfPart, historyBits = 9;
static constexpr uint64_t partMask = (uint64_t(1) << partBits) - 1,
                          historyMask = (uint64_t(1) << historyBits) - 1;

const std::array<int8_t, 128> TrellisFormat::levels = {
    -127, 68,  51,  40,  31,  24,  19,  13,  6,   1,   -4,  -10, -17, -22,  -28,
    -38,  -45, -61, -90, 78,  57,  43,  35,  28,  20,  13,  9,   2,   -3,   -9,
    -14,  -21, -28, -35, -45, -56, -76, 91,  58,  46,  36,  29,  21,  16,   9,
    4,    -1,  -7,  -13, -18, -25, -33, -40, -50, -68, 123, 66,  51,  39,   31,
    23,   20,  11,  7,   0,   -4,  -11, -17, -24, -30, -38, -49, -61, -103, 72,
    53,   42,  33,  26,  18,  14,  8,   3,   -4,  -8,  -14, -20, -28, -35,  -45,
    -56,  -82, 82,  57,  46,  36,  28,  23,  15,  9,   4,   -2,  -7,  -13,  -20,
    -25,  -32, -43, -54, -72, 104, 63,  47,  40,  31,  24,  17,  11,  6,    1,
    -5,   -10, -17, -24, -31, -39, -50, -65};

/// Both weights of each state, the first one's byte first.
static const std::vector<std::array<uint8_t, 2>> &pairsOfStates() {
  static const auto table = [] {
    std::vector<std::array<uint8_t, 2>> pairs(size_t(UINT16_MAX) + 1);
    for (uint32_t state = 0; state <= UINT16_MAX; ++state) {
      uint32_t hash = state +
                      uint32_t(TrellisFormat::window[0]) * (state & 255) +
                      uint32_t(TrellisFormat::window[1]) * (state >> 8);
      pairs[state] = {uint8_t(TrellisFormat::levels[hash & 127]),
                      uint8_t(TrellisFormat::levels[hash >> 8 & 127])};
    }
    return pairs;
  }();
  return table;
}

bool moert::lpu::expanderTakes(unsigned format, int64_t streams) {
  return format == MOERT_LPU_FORMAT_TRELLIS &&
         (streams == TrellisFormat::streams ||
          streams == TrellisFormat::streams + TrellisFormat::historyStreams);
}

void moert::lpu::expandColumns(unsigned format, const uint8_t *const *streams,
                               int64_t count, int64_t width,
                               uint8_t *const *columns) {
  assert(expanderTakes(format, count));
  (void)format;
  const auto &pairs = pairsOfStates();
  constexpr int64_t lanes = TrellisFormat::superlaneLanes;
  constexpr int parts = 2;
  for (int64_t column = 0; column < groupColumns; ++column) {
    uint64_t history = 0;
    for (int64_t j = TrellisFormat::streams; j < count; ++j)
      history |= uint64_t(streams[j][column])
                 << 8 * (j - TrellisFormat::streams);
    uint64_t before[parts] = {history & historyMask,
                              history >> historyBits & historyMask};
    for (int64_t first = 0; first < width; first += lanes) {
      uint64_t codes = 0;
      for (int j = 0; j < TrellisFormat::streams; ++j)
        codes |= uint64_t(streams[j][first + column]) << 8 * j;
      for (int part = 0; part < parts; ++part) {
        uint64_t bits = before[part] | (codes >> part * partBits & partMask)
                                           << historyBits;
        uint8_t *out = columns[column] + first + 2 * part;
        for (int pair = 0; pair < pairsOfPart; ++pair)
          std::memcpy(out + 4 * pair,
                      pairs[bits >> pair * codeBits & UINT16_MAX].data(), 2);
        before[part] = bits >> partBits;
      }
    }
  }
}
