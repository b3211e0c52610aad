//===- Q35.cpp - 3.5 bits for each weight, a trellis of rotated pairs -----===//
//===----------------------------------------------------------------------===//
#include "Q35Code.h"
#include "TrellisEncoder.h"
#include "moe/Driver/Registry.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::q35;

/// A scale belongs to at least so many weights: its 16 bits add 0.02 to the 3.5
/// of each.
static constexpr int64_t scaleWeights = 800;

/// Searches by Effort: survivors, as a power of two, for whole rows, and what
/// suits feedback of errors. There small steps gain more than survivors, and
/// what looks ahead is done once for each step.
struct Search {
  int rowBits, blockBits;
  int64_t step, lookAhead;
};
static constexpr Search searches[] = {
    {12, 10, 8, 20}, {14, 12, 4, 28}, {16, 14, 4, 64}};
/// Survivors of the trials for a scale.
static constexpr int trialBits = 10;

/// Weights with a larger fourth moment than this (normal ones: 3, and a sixth
/// more or less for a thousand of them) are worth trials of larger scales, each
/// so much more than the last.
static constexpr double heavyTails = 3.5;
static constexpr float trialStep = 1.12f;
/// The most that f16 holds.
static constexpr float largestScale = 65504;

static const TrellisTable &getTable(int bits) {
  auto create = [](int bits) {
    return TrellisTable(bits, windowFactors[0], windowFactors[1],
                        {std::begin(levels), std::end(levels)});
  };
  static const TrellisTable tables[] = {create(10), create(12), create(14),
                                        create(16)};
  return tables[(bits - 10) / 2];
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// Squared error of a row with its scale, as far as a fast search shows it.
static double getTrialError(llvm::ArrayRef<float> row, const TileScales &scales,
                            int64_t index) {
  const TrellisTable &table = getTable(trialBits);
  TrellisEncoder encoder(table, table, CodeAttr::stepColumns, 0);
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
    auto [first, second] = table.getLevels(state);
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
    return std::make_unique<TrellisEncoder>(
        getTable(search.rowBits), getTable(search.blockBits), search.step,
        search.lookAhead);
  }
};
} // namespace

extern "C" void moeRegister_scheme_Q35(Registry &registry) {
  registry.schemes["q35"] = [] { return std::make_unique<Q35>(); };
}
