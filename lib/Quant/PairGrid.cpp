//===- PairGrid.cpp - which codes may be the nearest in a cell ------------===//
#include "PairGrid.h"

#include "moe/Quant/StoredMatrix.h"
#include <algorithm>

using namespace moe;

PairGrid::PairGrid(CodeAttr code) {
  for (int i = 0; i < codes; ++i) {
    std::tie(firsts[i], seconds[i]) = getPairLevels(code, uint16_t(i << 9));
    everyCode[i] = uint8_t(i);
  }
  starts.push_back(0);
  for (int cell = 0; cell < rowCells * rowCells; ++cell) {
    addCell(cell);
    starts.push_back(int(candidates.size()));
  }
}

/// Of a number to the interval [low, low + size]: nearest and farthest place.
static std::pair<float, float> getDistances(float value, float low,
                                            float size) {
  float below = low - value, above = value - (low + size);
  return {std::max({0.0f, below, above}), std::max(-below, -above)};
}

void PairGrid::addCell(int cell) {
  const float first = float(cell / rowCells) * cellSize;
  const float second = float(cell % rowCells) * cellSize;
  float least[codes], bound = INFINITY;
  for (int i = 0; i < codes; ++i) {
    auto [nearX, farX] = getDistances(firsts[i], first, cellSize);
    auto [nearY, farY] = getDistances(seconds[i], second, cellSize);
    least[i] = nearX * nearX + nearY * nearY;
    bound = std::min(bound, farX * farX + farY * farY);
  }
  // A code whose nearest place is farther than another's farthest never wins.
  for (int i = 0; i < codes; ++i)
    if (least[i] <= bound)
      candidates.push_back(uint8_t(i));
}
