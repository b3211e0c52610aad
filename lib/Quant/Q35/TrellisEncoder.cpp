//===- TrellisEncoder.cpp - weights become targets of the trellis search --===//
#include "TrellisEncoder.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace moe;
using namespace moe::q35;

void TrellisEncoder::begin(const TileScales &scales, int64_t row) {
  columns = scales.columns;
  scale = scales.getScale(row, 0);
  states[0] = states[1] = 0;
}

/// A weight in units of targets. What no level comes near is cut off: it has
/// the outermost levels in any case.
static int16_t getTarget(float weight, float units) {
  constexpr float limit = targetLimit / targetUnit;
  float target = std::clamp(weight * units, -limit, limit);
  return int16_t(std::lrint(target)) * targetUnit;
}

void TrellisEncoder::encode(int64_t column, llvm::ArrayRef<float> targets,
                            int64_t count,
                            llvm::MutableArrayRef<uint8_t> codes) {
  constexpr int64_t lanes = 2, stride = 2 * lanes;
  if (scale == 0) {
    llvm::fill(codes, 0);
    return;
  }
  const float units = float(levelUnit / targetUnit) / scale;
  const int64_t size = targets.size();
  TrellisSearch &search =
      column == 0 && count >= columns ? rowSearch : blockSearch;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    pairs.clear();
    for (int64_t i = 2 * lane; i < size; i += stride) {
      bool half = column + i + 1 >= columns;
      pairs.push_back({getTarget(targets[i], units),
                       half ? int16_t(0) : getTarget(targets[i + 1], units),
                       half});
    }
    const int64_t chosen = (count - 2 * lane + stride - 1) / stride;
    path.resize(chosen);
    search.run(states[lane], pairs, chosen, path.data());
    for (int64_t i = 0; i < chosen; ++i)
      codes[lanes * i + lane] = path[i];
  }
}
