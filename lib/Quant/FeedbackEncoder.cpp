//===- FeedbackEncoder.cpp - later columns make up for earlier ones -------===//
#include "FeedbackEncoder.h"

#include "Pack.h"
#include "Products.h"
#include "RowLevels.h"
#include <algorithm>
#include <cassert>

using namespace moe;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

static constexpr int64_t tileRows = CodeAttr::tileRows;
static constexpr int64_t block = CodeAttr::stepColumns;

namespace {

class FeedbackEncoder {
public:
  FeedbackEncoder(const QuantScheme &scheme, Effort effort,
                  const InputMoments &moments, const Tile &tile,
                  const TileScales &scales);
  void run(MutableArrayRef<char> bytes);

private:
  /// What one row remembers.
  struct Row {
    std::unique_ptr<RowEncoder> encoder;
    RowLevels levels;
    std::vector<uint8_t> codes;
  };

  void aim(int64_t start);
  void encodeBlock(int64_t row, int64_t start);
  void addErrors(int64_t row, int64_t column, int64_t count, int64_t start);

  CodeAttr code;
  const InputMoments &moments;
  const Tile &tile;
  const TileScales &scales;
  const int64_t weights; ///< of one code
  const int64_t columns; ///< filled up to whole codes
  int64_t step, lookAhead;
  std::vector<Row> rows;
  std::vector<float> errors;  ///< [column][16 rows]
  std::vector<float> targets; ///< [16 rows][window]
  int64_t window;             ///< columns: a block and what lies ahead
};

} // namespace

FeedbackEncoder::FeedbackEncoder(const QuantScheme &scheme, Effort effort,
                                 const InputMoments &moments, const Tile &tile,
                                 const TileScales &scales)
    : code(scales.code), moments(moments), tile(tile), scales(scales),
      weights(getCodeWeights(code)),
      columns(llvm::alignTo(tile.columns, weights)),
      errors(moments.getSize() * tileRows) {
  for (int64_t row = 0; row < tile.rows; ++row) {
    rows.push_back({scheme.createRowEncoder(code, effort), RowLevels(code),
                    std::vector<uint8_t>(columns / weights)});
    rows.back().encoder->begin(scales, row);
  }
  step = rows.front().encoder->getStep();
  lookAhead = rows.front().encoder->getLookAhead();
  assert(block % step == 0 && step % weights == 0 && lookAhead <= block);
  window = block + (lookAhead ? block : 0);
  targets.resize(tileRows * window);
}

/// What the columns from `start` on aim at, as far as blocks before it matter.
void FeedbackEncoder::aim(int64_t start) {
  std::fill(targets.begin(), targets.end(), 0.0f);
  for (int64_t row = 0; row < tile.rows; ++row) {
    ArrayRef<float> from = tile.getRow(row).drop_front(start);
    from = from.take_front(window);
    std::copy(from.begin(), from.end(), &targets[row * window]);
  }
  const int64_t size = moments.getSize();
  addProducts(targets.data(), window, {errors.data(), tileRows},
              {moments.getFeedback(0) + start, size}, start, tileRows,
              std::min(window, size - start));
}

/// Columns that were just encoded pass their errors on.
void FeedbackEncoder::addErrors(int64_t row, int64_t column, int64_t count,
                                int64_t start) {
  uint8_t levels[block];
  const int64_t known = std::min(count, tile.columns - column);
  ArrayRef<uint8_t> codes(rows[row].codes);
  rows[row].levels.decode(codes.slice(column / weights, count / weights),
                          MutableArrayRef<uint8_t>(levels, known));
  ArrayRef<float> wanted = tile.getRow(row);
  const int64_t next = column + count - start;
  const int64_t end = std::min(window, moments.getSize() - start);
  for (int64_t i = 0; i < known; ++i) {
    int64_t group = code.getColumns() ? (column + i) / code.getColumns() : 0;
    int64_t level = levels[i] - code.getOffset() - scales.getZero(row, group);
    float error =
        wanted[column + i] - scales.getScale(row, group) * float(level);
    errors[(column + i) * tileRows + row] = error;
    addScaled(&targets[row * window + next], error,
              moments.getFeedback(column + i) + start + next, end - next);
  }
}

void FeedbackEncoder::encodeBlock(int64_t row, int64_t start) {
  const int64_t end = std::min(start + block, columns);
  for (int64_t column = start; column < end; column += step) {
    const int64_t count = std::min(step, end - column);
    const int64_t ahead = std::min(lookAhead, columns - column - count);
    ArrayRef<float> wanted(&targets[row * window + column - start],
                           count + ahead);
    MutableArrayRef<uint8_t> codes(rows[row].codes);
    rows[row].encoder->encode(column, wanted, count,
                              codes.slice(column / weights, count / weights));
    addErrors(row, column, count, start);
  }
}

void FeedbackEncoder::run(MutableArrayRef<char> bytes) {
  for (int64_t start = 0; start < columns; start += block) {
    aim(start);
    for (int64_t row = 0; row < tile.rows; ++row)
      encodeBlock(row, start);
  }
  for (int64_t row = 0; row < tile.rows; ++row)
    packRow(code, row, rows[row].codes, bytes);
}

void moe::encodeWithFeedback(const QuantScheme &scheme, Effort effort,
                             const InputMoments &moments, const Tile &tile,
                             const TileScales &scales,
                             MutableArrayRef<char> bytes) {
  FeedbackEncoder(scheme, effort, moments, tile, scales).run(bytes);
}
