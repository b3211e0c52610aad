//===- StoredMatrix.cpp - what the bytes of a moe.code mean ---------------===//
#include "moe/Quant/StoredMatrix.h"

#include "Half.h"
#include "Pack.h"
#include "RowLevels.h"
#include "llvm/Support/Endian.h"
#include <cassert>

using namespace moe;

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

int64_t moe::getFieldLevel(CodeAttr code, uint8_t field) {
  llvm::ArrayRef<int64_t> levels = code.getLevels();
  return levels.empty() ? field : levels[field];
}

/// The lowest of the 7 bits of a pair in its window of 16.
static constexpr int codeShift = 9;

std::pair<int64_t, int64_t> moe::getPairLevels(CodeAttr code, uint16_t state) {
  llvm::ArrayRef<int64_t> levels = code.getLevels();
  if (code.isTrellis()) {
    int64_t a = code.getWindow()[0], b = code.getWindow()[1];
    uint16_t hash = uint16_t(state + a * (state & 255) + b * (state >> 8));
    return {levels[hash & 127], levels[(hash >> 8) & 127]};
  }
  size_t pair = state >> codeShift, second = levels.size() / 256 * 128;
  return {levels[pair], levels[second + pair]};
}

RowLevels::RowLevels(CodeAttr code) : code(code) {
  if (code.getLayout() == CodeLayout::Planes) {
    for (int field = 0; field < 1 << code.getBits(); ++field)
      first[field] = uint8_t(getFieldLevel(code, field));
  } else if (!code.isTrellis()) {
    for (int pair = 0; pair < 128; ++pair)
      std::tie(first[pair], second[pair]) =
          getPairLevels(code, pair << codeShift);
  }
}

void RowLevels::begin() {
  states[0] = states[1] = 0;
  lane = 0;
}

void RowLevels::decodePairs(llvm::ArrayRef<uint8_t> codes,
                            llvm::MutableArrayRef<uint8_t> levels) {
  for (size_t i = 0; i < codes.size(); ++i) {
    uint8_t one, two;
    if (code.isTrellis()) {
      uint16_t &state = states[lane];
      state = uint16_t(state >> 7 | codes[i] << codeShift);
      std::tie(one, two) = getPairLevels(code, state);
      lane ^= 1;
    } else {
      one = first[codes[i]];
      two = second[codes[i]];
    }
    levels[2 * i] = one;
    if (2 * i + 1 < levels.size())
      levels[2 * i + 1] = two;
  }
}

void RowLevels::decode(llvm::ArrayRef<uint8_t> codes,
                       llvm::MutableArrayRef<uint8_t> levels) {
  if (code.getLayout() == CodeLayout::Pairs)
    return decodePairs(codes, levels);
  for (size_t i = 0; i < codes.size(); ++i)
    levels[i] = first[codes[i]];
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

StoredMatrix::StoredMatrix(CodeAttr code, int64_t rows, int64_t columns,
                           llvm::ArrayRef<char> bytes)
    : code(code), columns(columns) {
  assert(bytes.size() == code.getMatrixBytes(rows, columns));
  uint64_t codeBytes = code.getCodeBytes(rows, columns);
  uint64_t scaleBytes = code.getScaleBytes(rows, columns);
  codes = bytes.take_front(codeBytes);
  scales = bytes.slice(codeBytes, scaleBytes);
  zeros = bytes.drop_front(codeBytes + scaleBytes);
}

/// Group of scales that a column belongs to.
static int64_t getGroup(CodeAttr code, int64_t column) {
  return code.getColumns() ? column / code.getColumns() : 0;
}

float StoredMatrix::getScale(int64_t row, int64_t column) const {
  constexpr int64_t tileRows = CodeAttr::tileRows;
  int64_t scaleRows = code.getScaleRows(columns);
  int64_t group =
      row / tileRows * code.getGroups(columns) + getGroup(code, column);
  int64_t index = group * (tileRows / scaleRows) + row % tileRows / scaleRows;
  return halfToFloat(
      llvm::support::endian::read16le(scales.data() + 2 * index));
}

int64_t StoredMatrix::getZero(int64_t row, int64_t column) const {
  if (zeros.empty())
    return 0;
  constexpr int64_t tileRows = CodeAttr::tileRows;
  int64_t group =
      row / tileRows * code.getGroups(columns) + getGroup(code, column);
  return uint8_t(zeros[group * tileRows + row % tileRows]);
}

void StoredMatrix::decodeLevels(int64_t row,
                                llvm::MutableArrayRef<int16_t> out) const {
  assert(int64_t(out.size()) == columns);
  const int64_t weights = getCodeWeights(code);
  const uint64_t tileBytes = CodeAttr::getPaddedColumns(columns) /
                             CodeAttr::stepColumns * code.getStepBytes();
  std::vector<uint8_t> rowCodes((columns + weights - 1) / weights);
  std::vector<uint8_t> levels(columns);
  unpackRow(code, row % CodeAttr::tileRows,
            codes.slice(row / CodeAttr::tileRows * tileBytes, tileBytes),
            rowCodes);
  RowLevels(code).decode(rowCodes, levels);
  const int64_t group = code.getColumns() ? code.getColumns() : columns;
  for (int64_t start = 0; start < columns; start += group) {
    int64_t shift = code.getOffset() + getZero(row, start);
    for (int64_t i = start, e = std::min(start + group, columns); i < e; ++i)
      out[i] = int16_t(levels[i] - shift);
  }
}

void StoredMatrix::decodeRow(int64_t row,
                             llvm::MutableArrayRef<float> out) const {
  std::vector<int16_t> levels(columns);
  decodeLevels(row, levels);
  const int64_t group = code.getColumns() ? code.getColumns() : columns;
  for (int64_t start = 0; start < columns; start += group) {
    float scale = getScale(row, start);
    for (int64_t i = start, e = std::min(start + group, columns); i < e; ++i)
      out[i] = scale * float(levels[i]);
  }
}
