//===- Sxm.cpp - lanes moved between and within superlanes ----------------===//
#include "Units.h"

#include <algorithm>
#include <bitset>
#include <cstring>

using namespace moert::lpu;

void moert::lpu::shiftNorth(const uint8_t *in, int64_t lanes, int64_t width,
                            int64_t north, uint8_t *out) {
  const int64_t superlanes = width / lanes;
  const int64_t by = std::clamp(north, -superlanes, superlanes) * lanes;
  const int64_t kept = width - std::abs(by);
  std::memset(out, 0, size_t(width));
  std::memcpy(out + std::max<int64_t>(by, 0), in - std::min<int64_t>(by, 0),
              size_t(kept));
}

bool moert::lpu::permuteLanes(const uint8_t *in, const uint16_t *map,
                              int64_t width, uint8_t *out) {
  bool exists = true;
  for (int64_t lane = 0; lane < width; ++lane) {
    bool inside = map[lane] < width;
    exists &= inside;
    out[lane] = inside ? in[map[lane]] : 0;
  }
  return exists;
}

bool moert::lpu::isBijective(const uint16_t *map, int64_t width) {
  std::bitset<maxWidth> seen;
  for (int64_t lane = 0; lane < width; ++lane) {
    if (map[lane] >= width || seen[map[lane]])
      return false;
    seen[map[lane]] = true;
  }
  return true;
}

void moert::lpu::distributeLanes(const uint8_t *in, uint64_t nibbles,
                                 int64_t lanes, int64_t width, uint8_t *out) {
  for (int64_t first = 0; first < width; first += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      out[first + lane] = in[first + int64_t(nibbles >> 4 * lane & 15)];
}

void moert::lpu::rotateLanes(const uint8_t *in, uint64_t by, int64_t lanes,
                             int64_t width, uint8_t *out) {
  const int64_t shift = int64_t(by % uint64_t(lanes));
  for (int64_t first = 0; first < width; first += lanes) {
    std::memcpy(out + first, in + first + shift, size_t(lanes - shift));
    std::memcpy(out + first + lanes - shift, in + first, size_t(shift));
  }
}

void moert::lpu::transposeLanes(const uint8_t *const *in, int64_t lanes,
                                int64_t width, uint8_t *const *out) {
  for (int64_t result = 0; result < lanes; ++result)
    for (int64_t first = 0; first < width; first += lanes)
      for (int64_t stream = 0; stream < lanes; ++stream)
        out[result][first + stream] = in[stream][first + result];
}

void moert::lpu::selectLanes(const uint8_t *a, const uint8_t *b, uint64_t bits,
                             int64_t lanes, int64_t width, uint8_t *out) {
  for (int64_t first = 0; first < width; first += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      out[first + lane] = (bits >> lane & 1 ? b : a)[first + lane];
}
