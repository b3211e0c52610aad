//===- EncodeMatrix.cpp - tiles of a matrix become codes, in parallel -----===//
#include "FeedbackEncoder.h"
#include "Half.h"
#include "Pack.h"
#include "Parallel.h"
#include "moe/Quant/Encoder.h"
#include "moe/Quant/Rotation.h"
#include "moe/Quant/StoredMatrix.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <optional>

using namespace moe;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

static constexpr int64_t tileRows = CodeAttr::tileRows;

namespace {

class MatrixEncoder {
public:
  MatrixEncoder(const QuantScheme &scheme, CodeAttr code,
                const MatrixInput &input, const EncodeOptions &options,
                MutableArrayRef<char> out)
      : scheme(scheme), code(code), input(input), options(options), out(out),
        values(input.values) {}

  llvm::Expected<EncodeErrors> run();

private:
  llvm::Error checkFinite() const;
  void rotateRows();
  std::string encodeTile(int64_t tile, EncodeErrors &errors);
  void storeScales(int64_t tile, const TileScales &scales);
  void encodeNearest(const Tile &tile, const TileScales &scales,
                     MutableArrayRef<char> bytes);
  void addErrors(int64_t firstRow, const Tile &tile, EncodeErrors &errors);

  const QuantScheme &scheme;
  CodeAttr code;
  const MatrixInput &input;
  const EncodeOptions &options;
  MutableArrayRef<char> out;
  ArrayRef<float> values;     ///< rows rotated, columns not
  std::vector<float> rotated; ///< holds them if rows are rotated
  std::optional<InputMoments> moments;
};

} // namespace

static llvm::Error fail(const std::string &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

llvm::Error MatrixEncoder::checkFinite() const {
  for (int64_t i = 0, e = values.size(); i < e; ++i)
    if (!std::isfinite(values[i]))
      return fail(
          llvm::formatv("row {0}, column {1} is {2} when weights should "
                        "be finite",
                        i / input.columns, i % input.columns,
                        std::isnan(values[i]) ? "nan" : "infinite"));
  return llvm::Error::success();
}

void MatrixEncoder::rotateRows() {
  if (!input.rowRotation)
    return;
  rotated.assign(values.begin(), values.end());
  rotateColumns(rotated, input.rows, input.columns, input.rowRotation);
  values = rotated;
}

void MatrixEncoder::storeScales(int64_t tile, const TileScales &scales) {
  const uint64_t codeBytes = code.getCodeBytes(input.rows, input.columns);
  const uint64_t scaleBytes = code.getScaleBytes(input.rows, input.columns);
  char *to = out.data() + codeBytes + tile * scales.scales.size() * 2;
  for (uint16_t scale : scales.scales) {
    llvm::support::endian::write16le(to, scale);
    to += 2;
  }
  std::copy(scales.zeros.begin(), scales.zeros.end(),
            out.data() + codeBytes + scaleBytes + tile * scales.zeros.size());
}

void MatrixEncoder::encodeNearest(const Tile &tile, const TileScales &scales,
                                  MutableArrayRef<char> bytes) {
  const int64_t weights = getCodeWeights(code);
  const int64_t columns = llvm::alignTo(tile.columns, weights);
  std::unique_ptr<RowEncoder> encoder =
      scheme.createRowEncoder(code, options.effort);
  std::vector<float> targets(columns);
  std::vector<uint8_t> codes(columns / weights);
  for (int64_t row = 0; row < tile.rows; ++row) {
    ArrayRef<float> from = tile.getRow(row);
    std::copy(from.begin(), from.end(), targets.begin());
    encoder->begin(scales, row);
    encoder->encode(0, targets, columns, codes);
    packRow(code, row, codes, bytes);
  }
}

/// What was stored, not what the scheme meant to store, is compared.
void MatrixEncoder::addErrors(int64_t firstRow, const Tile &tile,
                              EncodeErrors &errors) {
  StoredMatrix stored(code, input.rows, input.columns, out);
  std::vector<float> rests(tile.rows * tile.columns);
  for (int64_t row = 0; row < tile.rows; ++row) {
    MutableArrayRef<float> rest(rests.data() + row * tile.columns,
                                tile.columns);
    stored.decodeRow(firstRow + row, rest);
    ArrayRef<float> weights = tile.getRow(row);
    for (int64_t i = 0; i < tile.columns; ++i) {
      rest[i] = weights[i] - rest[i];
      errors.error += double(rest[i]) * rest[i];
      errors.weights += double(weights[i]) * weights[i];
    }
  }
  if (!moments)
    return;
  errors.outputError += moments->getOutputs(rests, tile.rows);
  errors.outputs += moments->getOutputs(tile.values, tile.rows);
}

/// Returns what is wrong with the tile, if anything.
std::string MatrixEncoder::encodeTile(int64_t index, EncodeErrors &errors) {
  const int64_t firstRow = index * tileRows, columns = input.columns;
  const int64_t rows = std::min(tileRows, input.rows - firstRow);
  std::vector<float> weights(values.begin() + firstRow * columns,
                             values.begin() + (firstRow + rows) * columns);
  for (int64_t row = 0; row < rows; ++row)
    rotateRow(MutableArrayRef<float>(weights).slice(row * columns, columns),
              input.columnRotation);
  for (float weight : weights)
    if (!std::isfinite(weight))
      return llvm::formatv("rows {0} to {1} go beyond the range of f32 when "
                           "they are rotated",
                           firstRow, firstRow + rows - 1);

  Tile tile = {weights, rows, columns, {}};
  if (moments)
    tile.importance = moments->getImportance();
  TileScales scales(code, columns);
  scheme.chooseScales(tile, scales);
  if (scales.overflow)
    return llvm::formatv("rows {0} to {1} need a scale of {2} when f16 holds "
                         "at most {3}",
                         firstRow, firstRow + rows - 1,
                         llvm::format("%g", scales.overflow),
                         llvm::format("%g", largestHalf));
  storeScales(index, scales);

  const uint64_t bytes = CodeAttr::getPaddedColumns(columns) /
                         CodeAttr::stepColumns * code.getStepBytes();
  MutableArrayRef<char> to = out.slice(index * bytes, bytes);
  if (moments && moments->hasFeedback())
    encodeWithFeedback(scheme, options.effort, *moments, tile, scales, to);
  else
    encodeNearest(tile, scales, to);
  addErrors(firstRow, tile, errors);
  return "";
}

llvm::Expected<EncodeErrors> MatrixEncoder::run() {
  assert(out.size() == code.getMatrixBytes(input.rows, input.columns));
  if (llvm::Error error = checkFinite())
    return std::move(error);
  rotateRows();
  if (input.inputs && input.inputs->rows > 0) {
    assert(input.inputs->columns == input.columns);
    llvm::Expected<InputMoments> found = InputMoments::create(
        *input.inputs, input.columnRotation, options.threads);
    if (!found)
      return found.takeError();
    moments = std::move(*found);
  }
  std::fill(out.begin(), out.end(), 0);

  const int64_t tiles = CodeAttr::getTiles(input.rows);
  std::vector<EncodeErrors> errors(tiles);
  std::vector<std::string> failures(tiles);
  parallelFor(options.threads, tiles, [&](int64_t tile) {
    failures[tile] = encodeTile(tile, errors[tile]);
  });
  // In the order of tiles, whichever thread was first.
  EncodeErrors sums;
  sums.hasOutputs = moments.has_value();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    if (!failures[tile].empty())
      return fail(failures[tile]);
    sums.error += errors[tile].error;
    sums.weights += errors[tile].weights;
    sums.outputError += errors[tile].outputError;
    sums.outputs += errors[tile].outputs;
  }
  return sums;
}

llvm::Expected<EncodeErrors> moe::encodeMatrix(const QuantScheme &scheme,
                                               CodeAttr code,
                                               const MatrixInput &input,
                                               const EncodeOptions &options,
                                               MutableArrayRef<char> out) {
  return MatrixEncoder(scheme, code, input, options, out).run();
}
