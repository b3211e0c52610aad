//===- DecodeRow.cpp - reads stored weights by their description ----------===//
//
// One weight after the other, as the definition says: a reference for kernels
// and a way out for drivers without one, not a fast path.
//===----------------------------------------------------------------------===//
#include "code/Code.h"

#include <cassert>
#include <cmath>

using namespace moert;

static constexpr uint64_t vectorBytes = 64;

/// The value of 16 bits as IEEE 754 has it.
static float halfToFloat(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 1023;
  float magnitude;
  if (exponent == 31)
    magnitude = fraction ? NAN : INFINITY;
  else if (exponent == 0)
    magnitude = std::ldexp(float(fraction), -24);
  else
    magnitude = std::ldexp(float(1024 + fraction), exponent - 25);
  return half >> 15 ? -magnitude : magnitude;
}

namespace {

/// One row of a matrix whose bytes lie somewhere.
class RowReader {
public:
  RowReader(const Code &code, uint64_t rows, uint64_t columns,
            const std::byte *bytes, uint64_t row)
      : code(code), bytes(bytes), columns(columns), row(row % Code::tileRows),
        tile(row / Code::tileRows), scales(code.codeBytes(rows, columns)),
        zeros(scales + code.scaleBytes(rows, columns)) {
    uint64_t steps = (columns + Code::stepColumns - 1) / Code::stepColumns;
    codes = tile * steps * code.stepBytes();
  }

  float weight(uint64_t column) const {
    int64_t shift = code.offset + zero(groupOf(column));
    return scale(groupOf(column)) * float(level(column) - shift);
  }
  float scale(uint64_t group) const {
    uint64_t shared = code.scaleRows(columns);
    uint64_t index = inMatrix(group) * (Code::tileRows / shared) + row / shared;
    return halfToFloat(wordAt(scales + index * sizeof(uint16_t)));
  }
  int64_t zero(uint64_t group) const {
    return code.zeros ? byteAt(zeros + inMatrix(group) * Code::tileRows + row)
                      : 0;
  }
  int64_t level(uint64_t column) const {
    if (code.layout == CodeLayout::Pairs)
      return pairLevel(column);
    uint8_t bits = field(column);
    return code.levels.empty() ? bits : code.levels[bits];
  }

private:
  uint8_t byteAt(uint64_t offset) const {
    return std::to_integer<uint8_t>(bytes[offset]);
  }
  uint16_t wordAt(uint64_t offset) const {
    return uint16_t(byteAt(offset) | byteAt(offset + 1) << 8);
  }
  /// The group of scales of its row that a column belongs to.
  uint64_t groupOf(uint64_t column) const {
    return code.columns ? column / uint64_t(code.columns) : 0;
  }
  uint64_t inMatrix(uint64_t group) const {
    return tile * code.groups(columns) + group;
  }
  uint8_t field(uint64_t column) const;
  int64_t pairLevel(uint64_t column) const;
  uint16_t window(uint64_t lane, uint64_t pair) const;

  const Code &code;
  const std::byte *bytes;
  uint64_t columns;
  uint64_t row; ///< in its tile
  uint64_t tile;
  uint64_t codes, scales, zeros; ///< where they start; codes: of the tile
};

} // namespace

/// A field of b bits lies in planes of 8, 4, 2 and 1 bits, those whose sum is
/// b; the first holds the lowest bits. A plane of p bits has 2p vectors: byte
/// 4 * row + j of vector v holds, p bits each, columns v * 32/p + 4i + j.
uint8_t RowReader::field(uint64_t column) const {
  uint64_t plane = codes + column / Code::stepColumns * code.stepBytes();
  uint64_t inStep = column % Code::stepColumns;
  int value = 0, known = 0;
  for (int bits : {8, 4, 2, 1}) {
    if (!(code.bits & bits))
      continue;
    uint64_t vectorColumns = 32 / uint64_t(bits);
    uint64_t vector = inStep / vectorColumns, rest = inStep % vectorColumns;
    uint8_t byte = byteAt(plane + vector * vectorBytes + 4 * row + rest % 4);
    value |= (byte >> rest / 4 * bits & ((1 << bits) - 1)) << known;
    known += bits;
    plane += 2 * uint64_t(bits) * vectorBytes;
  }
  return uint8_t(value);
}

/// The 16 bits of a lane that end with the code of its pair. Codes of 7 bits
/// follow one another, the lowest bit first; word w of a lane's stream lies in
/// vector w.
uint16_t RowReader::window(uint64_t lane, uint64_t pair) const {
  uint64_t end = 7 * (pair + 1), last = (end - 1) / 16,
           unused = 16 * (last + 1) - end;
  auto word = [&](uint64_t w) {
    return uint32_t(wordAt(codes + w * vectorBytes + 2 * lane));
  };
  // Before the first word there are zeros.
  uint32_t both = word(last) << 16 | (last ? word(last - 1) : 0);
  return uint16_t(both >> (16 - unused));
}

/// Even pairs of columns belong to the first lane of a row, odd to the second.
int64_t RowReader::pairLevel(uint64_t column) const {
  uint64_t pair = column / 2, second = column % 2;
  uint16_t state = window(2 * row + pair % 2, pair / 2);
  if (code.window.empty()) {
    // One table for both, or one for each.
    uint64_t table = code.levels.size() / 256 * second;
    return code.levels[128 * table + (state >> 9)];
  }
  uint16_t hash = uint16_t(state + code.window[0] * (state & 255) +
                           code.window[1] * (state >> 8));
  return code.levels[(second ? hash >> 8 : hash) & 127];
}

void moert::decodeRow(const Code &code, uint64_t rows, uint64_t columns,
                      const std::byte *bytes, uint64_t row, float *out) {
  assert(row < rows);
  RowReader reader(code, rows, columns, bytes, row);
  for (uint64_t column = 0; column < columns; ++column)
    out[column] = reader.weight(column);
}

void moert::decodeLevels(const Code &code, uint64_t rows, uint64_t columns,
                         const std::byte *bytes, uint64_t row,
                         int16_t *levels) {
  assert(row < rows);
  RowReader reader(code, rows, columns, bytes, row);
  for (uint64_t column = 0; column < columns; ++column)
    levels[column] = int16_t(reader.level(column) - code.offset);
}

void moert::decodeScales(const Code &code, uint64_t rows, uint64_t columns,
                         const std::byte *bytes, uint64_t row, float *scales,
                         float *zeros) {
  assert(row < rows);
  RowReader reader(code, rows, columns, bytes, row);
  for (uint64_t group = 0; group < code.groups(columns); ++group) {
    scales[group] = reader.scale(group);
    zeros[group] = float(reader.zero(group));
  }
}
