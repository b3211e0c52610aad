//===- Q35.cpp - 3.5 bits for each weight, a trellis of rotated pairs -----===//
//
// benchmarks/trellis_search.cpp found the window and the levels.
//===----------------------------------------------------------------------===//
#include "TrellisEncoder.h"
#include "moe/Driver/Registry.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::q35;

static constexpr int windowFactors[2] = {41, -125};

/// Less the offset.
static constexpr int8_t levels[codeCount] = {
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
static constexpr int64_t offset = 128;
static constexpr float outermost = 127;

/// Scale of weights whose mean square is 1.
static constexpr float unitScale = 0.0263f;

/// A scale belongs to at least so many weights: 16 bits among them keep a matrix
/// below 3.52 bits for each.
static constexpr int64_t scaleWeights = 800;

/// A search by Effort: its survivors, as a power of two, and its reach when
/// errors are fed back. To find 16 columns and look 48 ahead takes four times as
/// long as whole rows, and loses 3 % to them.
struct Search {
  int bits;
  int64_t step, lookAhead;
};
static constexpr Search searches[] = {{12, 16, 32}, {14, 16, 48}, {16, 32, 64}};
/// Survivors of the trials for a scale.
static constexpr int trialBits = 10;

/// Weights with a larger fourth moment than this (normal ones: 3, and a sixth
/// more or less for a thousand of them) are worth trials of larger scales, each
/// so much more than the last.
static constexpr double heavyTails = 3.5;
static constexpr float trialStep = 1.12f;
/// The most that f16 holds.
static constexpr float largestScale = 65504;

static TrellisTable createTable(int bits) {
  return TrellisTable(bits, windowFactors[0], windowFactors[1],
                      {std::begin(levels), std::end(levels)});
}

static const TrellisTable &getTrialTable() {
  static const TrellisTable table = createTable(trialBits);
  return table;
}

static const TrellisTable &getTable(Effort effort) {
  static const TrellisTable tables[] = {createTable(searches[0].bits),
                                        createTable(searches[1].bits),
                                        createTable(searches[2].bits)};
  return tables[int(effort)];
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// Squared error of a row with its scale, as far as a fast search shows it.
static double getTrialError(llvm::ArrayRef<float> row, const TileScales &scales,
                            int64_t index) {
  TrellisEncoder encoder(getTrialTable(), CodeAttr::stepColumns, 0);
  std::vector<float> targets(row.begin(), row.end());
  targets.resize(llvm::alignTo(row.size(), 2));
  std::vector<uint8_t> codes(targets.size() / 2);
  encoder.begin(scales, index);
  encoder.encode(0, targets, targets.size(), codes);

  const float scale = scales.getScale(index, 0);
  double error = 0;
  uint16_t states[2] = {0, 0};
  for (size_t i = 0; i < codes.size(); ++i) {
    uint16_t &state = states[i % 2];
    state = getNextState(state, codes[i]);
    auto [first, second] = getTrialTable().getLevels(state);
    double one = row[2 * i] - double(scale) * first;
    error += one * one;
    if (2 * i + 1 == row.size())
      break;
    double two = row[2 * i + 1] - double(scale) * second;
    error += two * two;
  }
  return error;
}

namespace {
/// The rows of a tile that share a scale.
class RowScale {
public:
  RowScale(const Tile &tile, TileScales &scales, int64_t first)
      : tile(tile), scales(scales), first(first),
        end(std::min(first + scales.scaleRows, tile.rows)) {
    for (int64_t row = first; row < end; ++row)
      for (float weight : tile.getRow(row)) {
        largest = std::max(largest, std::fabs(weight));
        double square = double(weight) * weight;
        squares += square;
        fourths += square * square;
      }
  }

  void choose() {
    const double count = double(end - first) * tile.columns;
    const float scale = unitScale * float(std::sqrt(squares / count));
    if (fourths * count > heavyTails * squares * squares)
      choose(scale);
    else
      scales.setScale(first, 0, scale);
  }

private:
  /// The scale from which a larger one is no better, at most one with which
  /// the outermost level holds the largest weight.
  void choose(float scale) {
    const float most = std::min(largest / outermost, largestScale);
    double least = getError(scale);
    for (float next = scale * trialStep; next <= most; next *= trialStep) {
      double error = getError(next);
      if (!(error < least))
        break;
      least = error;
      scale = next;
    }
    scales.setScale(first, 0, scale);
  }

  double getError(float scale) {
    scales.setScale(first, 0, scale);
    double error = 0;
    for (int64_t row = first; row < end; ++row)
      error += getTrialError(tile.getRow(row), scales, row);
    return error;
  }

  const Tile &tile;
  TileScales &scales;
  int64_t first, end;
  double squares = 0, fourths = 0;
  float largest = 0;
};

class Q35 : public QuantScheme {
public:
  StringRef getName() const override { return "q35"; }

  CodeAttr getCode(MLIRContext *context) const override {
    int64_t window[2] = {windowFactors[0], windowFactors[1]};
    int64_t stored[codeCount];
    for (int i = 0; i < codeCount; ++i)
      stored[i] = offset + levels[i];
    return CodeAttr::get(context, "q35", CodeLayout::Pairs, /*bits=*/7,
                         /*columns=*/0, /*weights=*/scaleWeights, offset,
                         /*zeros=*/false, /*rotated=*/true, window, stored);
  }

  /// A search minimises the sum of squares, not the largest error. What is sure
  /// is that no level is beyond the outermost, and no root of a mean square
  /// beyond the largest weight (f16 rounds a scale up by 2^-10 at most).
  double getErrorBound() const override {
    return 1 + outermost * unitScale * (1 + 0x1p-10);
  }
  double getGaussianError() const override { return 0.0097; }

  void chooseScales(const Tile &tile, TileScales &scales) const override {
    for (int64_t row = 0; row < tile.rows; row += scales.scaleRows)
      RowScale(tile, scales, row).choose();
  }

  std::unique_ptr<RowEncoder> createRowEncoder(CodeAttr,
                                               Effort effort) const override {
    const Search &search = searches[int(effort)];
    return std::make_unique<TrellisEncoder>(getTable(effort), search.step,
                                            search.lookAhead);
  }
};
} // namespace

extern "C" void moeRegister_scheme_Q35(Registry &registry) {
  registry.schemes["q35"] = [] { return std::make_unique<Q35>(); };
}
