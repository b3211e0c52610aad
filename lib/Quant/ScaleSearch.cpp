//===- ScaleSearch.cpp - scales and zeros of the least squared error ------===//
#include "Half.h"
#include "NearestCodes.h"
#include "moe/Quant/QuantScheme.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <optional>

using namespace moe;

/// The first candidate holds the largest weight, and none is below this part.
static constexpr float smallest = 0.2f;
/// The error has one valley, but for ripples: so many candidates in a row that
/// are worse than the best end the search.
static constexpr int patience = 2;
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
    std::optional<Candidate> best;
    int worse = 0;
    for (float part = 1; part >= smallest && worse < patience;
         part *= codes.getShrink())
      worse = attemptPart(part, best) ? 0 : worse + 1;
    for (int i = 0; i < refinements && refine(*best); ++i)
      ;
    if (code.getZeros())
      for (int64_t step = code.getLevels().empty() ? 1 : 8; step; step /= 2)
        shift(step, *best);
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

  /// Evaluates zeros about `zero`; whether one is better than the best.
  bool attempt(float scale, double zero, std::optional<Candidate> &best) const {
    if (!code.getZeros())
      zero = 0;
    // Where levels are listed, zeros are fine enough that one will do.
    if (!code.getLevels().empty())
      zero = std::round(zero);
    // Weights near the end of f32, whose scale will be refused.
    if (!std::isfinite(zero))
      zero = 0;
    const int64_t below = int64_t(std::clamp(std::floor(zero), 0.0, 255.0));
    const int64_t above = int64_t(std::clamp(std::ceil(zero), 0.0, 255.0));
    bool isBetter = false;
    for (int64_t rounded = below; rounded <= above; ++rounded) {
      Candidate next = evaluate(scale, rounded);
      if (best && !(next.sums.error < best->sums.error))
        continue;
      best = next;
      isBetter = true;
    }
    return isBetter;
  }

  /// Levels that span `part` of the weights' range.
  bool attemptPart(float part, std::optional<Candidate> &best) const {
    const int64_t least = codes.getLeast() - code.getOffset();
    const int64_t most = codes.getMost() - code.getOffset();
    if (code.getZeros()) {
      const float steps = float(most - least);
      float scale = std::max(high / steps - low / steps, smallestScale) * part;
      return attempt(scale, double(least) - double(low) * part / scale, best);
    }
    float scale = 0;
    if (most > 0)
      scale = high / float(most);
    if (least < 0)
      scale = std::max(scale, low / float(least));
    // Levels on one side only, and all weights on the other.
    if (scale == 0)
      scale = std::max(high, -low) / float(std::max(most, -least));
    return attempt(scale * part, 0, best);
  }

  /// The line through weights over codes, w = scale * q + rest, says which
  /// scale and zero suit the chosen codes best. Whether they are better.
  bool refine(Candidate &best) const {
    const FitSums &sums = best.sums;
    double spread = sums.importance * sums.squares - sums.units * sums.units;
    double slope = sums.importance * sums.products - sums.units * sums.weights;
    double zero = double(best.zero);
    if (!code.getZeros()) {
      spread = sums.squares;
      slope = sums.products;
    } else if (spread > 0 && slope > 0) {
      double rest =
          (sums.weights - slope / spread * sums.units) / sums.importance;
      zero -= rest / (slope / spread);
    }
    if (!(spread > 0) || !(slope > 0))
      return false;
    std::optional<Candidate> next = best;
    bool isBetter = attempt(float(slope / spread), zero, next);
    best = *next;
    return isBetter;
  }

  /// Moves the zero by some steps as long as that helps, with the scale that
  /// suits the codes chosen so far.
  void shift(int64_t steps, Candidate &best) const {
    for (int64_t by : {-steps, steps}) {
      const int64_t zero = best.zero + by;
      const FitSums &sums = best.sums;
      // Every q is by - 1 lower.
      double products = sums.products - double(by) * sums.weights;
      double squares = sums.squares - 2.0 * double(by) * sums.units +
                       double(by * by) * sums.importance;
      if (zero < 0 || zero > 255 || !(products > 0) || !(squares > 0))
        continue;
      for (float scale : {best.scale, float(products / squares)}) {
        Candidate next = evaluate(scale, zero);
        if (next.sums.error < best.sums.error) {
          best = next;
          for (int i = 0; i < refinements && refine(best); ++i)
            ;
          break;
        }
      }
    }
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
