//===- ScaleSearch.cpp - scales and zeros of the least squared error ------===//
#include "Half.h"
#include "NearestCodes.h"
#include "moe/Quant/QuantScheme.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <optional>

using namespace moe;

/// Each candidate is this much smaller than the one before; the first holds the
/// largest weight, and none is below `smallest` of that.
static constexpr float shrink = 0.95f, smallest = 0.2f;
/// The error has one valley, but for ripples: so many candidates in a row that
/// are worse than the best end the search.
static constexpr int patience = 4;
/// Steps that refine the best candidate.
static constexpr int refinements = 3;
/// Below it, dividing by a scale could overflow; f16 has none below 2^-24.
static constexpr float smallestScale = 0x1p-26f;

namespace {
struct Candidate {
  float scale = 0;
  int64_t zero = 0;
  FitSums sums;
};

/// The weights that share one scale.
class ScaleSearch {
public:
  ScaleSearch(const NearestCodes &codes, CodeAttr code, const Tile &tile,
              int64_t row, int64_t rows, int64_t column, int64_t columns)
      : codes(codes), code(code), tile(tile), row(row), rows(rows),
        column(column), columns(columns) {
    for (int64_t i = row; i < row + rows; ++i)
      for (float value : getWeights(i)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
  }

  /// Nothing if all weights are 0.
  std::optional<Candidate> run() {
    if (low == 0 && high == 0)
      return std::nullopt;
    Candidate best = getCandidate(1);
    int worse = 0;
    for (float part = shrink; part >= smallest && worse < patience;
         part *= shrink) {
      Candidate next = getCandidate(part);
      bool isBetter = next.sums.error < best.sums.error;
      worse = isBetter ? 0 : worse + 1;
      if (isBetter)
        best = next;
    }
    for (int i = 0; i < refinements && refine(best); ++i)
      ;
    return best;
  }

private:
  llvm::ArrayRef<float> getWeights(int64_t i) const {
    return tile.getRow(i).slice(column, columns);
  }

  Candidate evaluate(float scale, int64_t zero) const {
    Candidate result;
    // As it will be stored; what cannot be is refused later.
    result.scale =
        scale <= largestHalf ? halfToFloat(floatToHalfUp(scale)) : scale;
    result.zero = zero;
    llvm::ArrayRef<float> importance = tile.importance;
    if (!importance.empty())
      importance = importance.slice(column, columns);
    for (int64_t i = row; i < row + rows; ++i)
      result.sums.add(codes.fit(getWeights(i), importance, result.scale,
                                float(code.getOffset() + zero)));
    return result;
  }

  /// The levels span `part` of the weights' range.
  Candidate getCandidate(float part) const {
    const int64_t least = codes.getLeast() - code.getOffset();
    const int64_t most = codes.getMost() - code.getOffset();
    if (!code.getZeros()) {
      float scale = 0;
      if (most > 0)
        scale = high / float(most);
      if (least < 0)
        scale = std::max(scale, low / float(least));
      // Levels on one side only, and all weights on the other.
      if (scale == 0)
        scale = std::max(high, -low) / float(std::max(most, -least));
      return evaluate(scale * part, 0);
    }
    const float steps = float(most - least);
    float scale = std::max(high / steps - low / steps, smallestScale) * part;
    float zero = std::round(float(least) - low * part / scale);
    return evaluate(scale, int64_t(std::clamp(zero, 0.0f, 255.0f)));
  }

  /// The scale that suits the chosen codes best, and the zeros beside. Returns
  /// whether it found something better.
  bool refine(Candidate &best) const {
    const double error = best.sums.error;
    auto attempt = [&](int64_t zero) {
      if (zero < 0 || zero > 255)
        return;
      Candidate next = zero == best.zero ? best : evaluate(best.scale, zero);
      if (next.sums.squares > 0 && next.sums.products > 0) {
        float scale = float(next.sums.products / next.sums.squares);
        Candidate fitted = evaluate(scale, zero);
        if (fitted.sums.error < next.sums.error)
          next = fitted;
      }
      if (next.sums.error < best.sums.error)
        best = next;
    };
    const int64_t zero = best.zero;
    attempt(zero);
    if (code.getZeros()) {
      attempt(zero - 1);
      attempt(zero + 1);
    }
    return best.sums.error < error;
  }

  const NearestCodes &codes;
  CodeAttr code;
  const Tile &tile;
  int64_t row, rows, column, columns;
  float low = 0, high = 0; ///< of the weights; 0 lies between
};
} // namespace

void QuantScheme::chooseScales(const Tile &tile, TileScales &scales) const {
  CodeAttr code = scales.code;
  std::shared_ptr<const NearestCodes> codes = NearestCodes::get(code);
  const int64_t group = code.getColumns() ? code.getColumns() : tile.columns;
  for (int64_t row = 0; row < tile.rows; row += scales.scaleRows) {
    int64_t rows = std::min(scales.scaleRows, tile.rows - row);
    for (int64_t start = 0; start < tile.columns; start += group) {
      int64_t columns = std::min(group, tile.columns - start);
      ScaleSearch search(*codes, code, tile, row, rows, start, columns);
      std::optional<Candidate> best = search.run();
      scales.setScale(row, start / group, best ? best->scale : 0);
      if (code.getZeros())
        scales.setZero(row, start / group, best ? best->zero : 0);
    }
  }
}
