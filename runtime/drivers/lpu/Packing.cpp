//===- Packing.cpp - stored weights as the machine unpacks them -----------===//
#include "Packing.h"

#include "Simulator/Expander.h"
#include <algorithm>
#include <cassert>
#include <cstring>

using namespace moert;
using namespace moert::lpu;

static constexpr uint64_t vectorBytes = 64, pairBits = 7, quadColumns = 4;

template <typename... Parts>
static Status fail(const StoredMatrix &matrix, const Parts &...parts) {
  return makeStatus(MOERT_DATA_LOSS, matrix.name, ": ", parts...);
}

namespace {
/// The codes of pairs (docs/Quantization.md), as they are stored.
class PairReader {
public:
  explicit PairReader(const StoredMatrix &matrix)
      : bytes(matrix.bytes),
        steps((matrix.columns + Code::stepColumns - 1) / Code::stepColumns),
        quads(steps * Code::stepColumns / quadColumns),
        tileBytes(steps * matrix.code.stepBytes()) {}

  /// Columns 4 * quad + 2 * second and the next one; 0 where nothing is stored.
  uint32_t codeOf(int64_t row, int64_t quad, int64_t second) const {
    if (row < 0 || quad < 0 || uint64_t(quad) >= quads)
      return 0;
    const uint64_t inTile = uint64_t(row) % Code::tileRows,
                   lane = 2 * inTile + uint64_t(second),
                   bit = pairBits * uint64_t(quad);
    const std::byte *tile =
        bytes + uint64_t(row) / Code::tileRows * tileBytes + 2 * lane;
    uint32_t word = wordOf(tile, bit / 16);
    if (bit % 16 + pairBits > 16)
      word |= wordOf(tile, bit / 16 + 1) << 16;
    return word >> bit % 16 & 127;
  }

private:
  /// Word w of a lane's stream lies in vector w.
  static uint32_t wordOf(const std::byte *lane, uint64_t word) {
    const std::byte *at = lane + word * vectorBytes;
    return std::to_integer<uint32_t>(at[0]) | std::to_integer<uint32_t>(at[1])
                                                  << 8;
  }

  const std::byte *bytes;
  uint64_t steps, quads, tileBytes;
};
} // namespace

//===----------------------------------------------------------------------===//
// What can be packed
//===----------------------------------------------------------------------===//

static Status checkRows(const StoredMatrix &matrix,
                        std::span<const int32_t> rows, uint64_t group) {
  if (rows.size() % group != 0)
    return fail(matrix, "a load of ", rows.size(),
                " rows, must be a multiple of ", group);
  for (int32_t row : rows)
    if (row < -1 || row >= int64_t(matrix.rows))
      return fail(matrix, "a load of row ", row, ", the matrix has ",
                  matrix.rows);
  return Status();
}

static Status checkTrellis(const StoredMatrix &matrix) {
  const Code &code = matrix.code;
  bool fits = code.layout == CodeLayout::Pairs && code.window.size() == 2 &&
              code.window[0] == TrellisFormat::window[0] &&
              code.window[1] == TrellisFormat::window[1] &&
              code.offset == TrellisFormat::offset &&
              code.levels.size() == TrellisFormat::levels.size();
  for (size_t i = 0; fits && i < code.levels.size(); ++i)
    fits = code.levels[i] - code.offset == TrellisFormat::levels[i];
  if (fits)
    return Status();
  return fail(matrix, "weights are stored as '", code.name,
              "', the expander has the numbers of q35 only");
}

/// Columns of a trellis follow one another.
static Status checkColumns(const StoredMatrix &matrix,
                           std::span<const int32_t> columns) {
  if (columns.size() % uint64_t(TrellisFormat::superlaneLanes) != 0)
    return fail(matrix, "a load of ", columns.size(),
                " lanes, must be a multiple of ",
                TrellisFormat::superlaneLanes);
  if (columns.empty())
    return Status();
  const int64_t first = columns[0];
  if (first < 0 || first % int64_t(quadColumns) != 0)
    return fail(matrix, "a trellis is loaded from column ", first,
                " on, must be a multiple of ", quadColumns);
  size_t lane = 0;
  while (lane < columns.size() && columns[lane] == first + int64_t(lane))
    ++lane;
  for (size_t after = lane; after < columns.size(); ++after)
    if (columns[after] != -1)
      return fail(matrix, "a trellis is loaded with column ", columns[after],
                  " in lane ", after, ", must be ",
                  after == lane ? first + int64_t(lane) : -1);
  if (first + int64_t(lane) > int64_t(matrix.columns))
    return fail(matrix, "a load of column ", first + int64_t(lane) - 1,
                ", the matrix has ", matrix.columns);
  return Status();
}

//===----------------------------------------------------------------------===//
// Trellis
//===----------------------------------------------------------------------===//

Status moert::lpu::packTrellis(const StoredMatrix &matrix,
                               std::span<const int32_t> rows,
                               std::span<const int32_t> columns,
                               std::span<std::byte> out) {
  MOERT_RETURN_IF_ERROR(checkTrellis(matrix));
  MOERT_RETURN_IF_ERROR(checkRows(matrix, rows, packedRows));
  MOERT_RETURN_IF_ERROR(checkColumns(matrix, columns));
  const uint64_t width = columns.size();
  assert(out.size() == rows.size() / packedRows * packedVectors * width);
  const PairReader reader(matrix);
  constexpr uint64_t lanes = TrellisFormat::superlaneLanes;
  for (uint64_t i = 0; i < rows.size(); ++i)
    for (uint64_t first = 0; first < width; first += lanes) {
      uint64_t bits = 0;
      int place = 0;
      for (int64_t second : {0, 1})
        for (uint64_t lane = first; lane < first + lanes; lane += quadColumns) {
          uint64_t code =
              columns[lane] < 0
                  ? 0
                  : reader.codeOf(rows[i], columns[lane] / int64_t(quadColumns),
                                  second);
          bits |= code << place;
          place += pairBits;
        }
      for (uint64_t j = 0; j < packedVectors; ++j)
        out[(i / packedRows * packedVectors + j) * width + first +
            i % packedRows] = std::byte(bits >> 8 * j);
    }
  return Status();
}

Status moert::lpu::packHistory(const StoredMatrix &matrix,
                               std::span<const int32_t> rows,
                               std::span<const int32_t> columns,
                               std::span<std::byte> out) {
  MOERT_RETURN_IF_ERROR(checkTrellis(matrix));
  MOERT_RETURN_IF_ERROR(checkRows(matrix, rows, packedRows));
  MOERT_RETURN_IF_ERROR(checkColumns(matrix, columns));
  const uint64_t width = columns.size();
  assert(out.size() == rows.size() / packedRows * historyVectors * width);
  std::fill(out.begin(), out.end(), std::byte(0));
  const PairReader reader(matrix);
  const int64_t quad = width ? columns[0] / int64_t(quadColumns) : 0;
  for (uint64_t i = 0; i < rows.size(); ++i) {
    // The last two bits of one code and all seven of the next, of both streams.
    uint32_t bits = 0;
    for (int64_t second : {1, 0})
      bits = bits << 9 | reader.codeOf(rows[i], quad - 1, second) << 2 |
             reader.codeOf(rows[i], quad - 2, second) >> 5;
    for (uint64_t j = 0; j < historyVectors; ++j)
      out[(i / packedRows * historyVectors + j) * width + i % packedRows] =
          std::byte(bits >> 8 * j);
  }
  return Status();
}

//===----------------------------------------------------------------------===//
// Nibbles
//===----------------------------------------------------------------------===//

static constexpr int64_t nibbleStep = 8, oddLevel = 4;

/// Every level must be a nibble's.
static Status checkNibbles(const StoredMatrix &matrix) {
  const Code &code = matrix.code;
  constexpr size_t codes = 128;
  bool fits = code.layout == CodeLayout::Pairs && code.window.empty() &&
              code.offset == 0 && code.levels.size() == 2 * codes;
  for (size_t i = 0; fits && i < code.levels.size(); ++i) {
    int64_t steps = code.levels[i] - (i < codes ? 0 : oddLevel);
    fits = steps >= 0 && steps <= 15 * nibbleStep && steps % nibbleStep == 0;
  }
  if (fits)
    return Status();
  return fail(matrix, "weights are stored as '", code.name,
              "', nibbles hold those of q35-4x3 only");
}

Status moert::lpu::packNibbles(const StoredMatrix &matrix,
                               std::span<const int32_t> rows,
                               std::span<const int32_t> columns,
                               std::span<std::byte> out) {
  MOERT_RETURN_IF_ERROR(checkNibbles(matrix));
  MOERT_RETURN_IF_ERROR(checkRows(matrix, rows, nibbleRows));
  for (int32_t column : columns)
    if (column < -1 || column >= int64_t(matrix.columns))
      return fail(matrix, "a load of column ", column, ", the matrix has ",
                  matrix.columns);
  const uint64_t width = columns.size(), half = nibbleRows / 2;
  assert(out.size() == rows.size() / 2 * width);
  std::fill(out.begin(), out.end(), std::byte(0));
  const PairReader reader(matrix);
  for (uint64_t i = 0; i < rows.size(); ++i)
    for (uint64_t lane = 0; lane < width; ++lane) {
      const int64_t column = columns[lane];
      if (rows[i] < 0 || column < 0)
        continue;
      bool odd = column % 2;
      uint32_t code =
          reader.codeOf(rows[i], column / int64_t(quadColumns), column / 2 % 2);
      int64_t level = matrix.code.levels[odd * size_t(128) + code];
      uint32_t nibble = uint32_t((level - odd * oddLevel) / nibbleStep);
      uint64_t plane = i / nibbleRows * half + i % half;
      out[plane * width + lane] |=
          std::byte(nibble << (i % nibbleRows / half * 4));
    }
  return Status();
}
