//===- PairGrid.h - the nearest of 128 points in a plane --------*- C++ -*-===//
#ifndef MOE_LIB_QUANT_PAIRGRID_H
#define MOE_LIB_QUANT_PAIRGRID_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include <vector>

namespace moe {

/// Divides the plane of two levels into cells and lists for each which codes
/// may be the nearest to a point in it: usually three or four.
class PairGrid {
public:
  explicit PairGrid(CodeAttr code);

  /// The nearest code; of equals, the lowest.
  uint8_t find(float first, float second) const {
    if (first >= 0 && second >= 0 && first < extent && second < extent) {
      int cell = int(first / cellSize) * rowCells + int(second / cellSize);
      return findAmong(first, second, &candidates[starts[cell]],
                       starts[cell + 1] - starts[cell]);
    }
    return findAmong(first, second, everyCode, codes);
  }

  float getLevel(uint8_t code, int weight) const {
    return weight ? seconds[code] : firsts[code];
  }

private:
  static constexpr int codes = 128, rowCells = 64;
  static constexpr float extent = 256, cellSize = extent / rowCells;

  uint8_t findAmong(float first, float second, const uint8_t *list,
                    int count) const {
    uint8_t best = list[0];
    float least = getDistance(best, first, second);
    for (int i = 1; i < count; ++i) {
      float distance = getDistance(list[i], first, second);
      best = distance < least ? list[i] : best;
      least = distance < least ? distance : least;
    }
    return best;
  }

  float getDistance(uint8_t code, float first, float second) const {
    float x = first - firsts[code], y = second - seconds[code];
    return x * x + y * y;
  }

  void addCell(int cell);

  float firsts[codes], seconds[codes];
  uint8_t everyCode[codes];
  std::vector<uint8_t> candidates;
  std::vector<int> starts;
};

} // namespace moe

#endif // MOE_LIB_QUANT_PAIRGRID_H
