//===- PackingTest.cpp - packed weights are the stored ones ---------------===//
#include "Packing.h"
#include "Simulator/Expander.h"
#include "Simulator/Units.h"
#include "moert/abi/lpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace moert;
using namespace moert::lpu;
using testing::HasSubstr;

namespace {

constexpr int64_t width = 320;

Code trellisCode() {
  Code code;
  code.name = "q35";
  code.layout = CodeLayout::Pairs;
  code.bits = 7;
  code.weights = 800;
  code.offset = 128;
  code.rotated = true;
  code.window = {41, -125};
  for (int8_t level : TrellisFormat::levels)
    code.levels.push_back(level + 128);
  return code;
}

Code nibbleCode() {
  Code code;
  code.name = "q35-4x3";
  code.layout = CodeLayout::Pairs;
  code.bits = 7;
  code.columns = 128;
  code.zeros = true;
  for (int i = 0; i < 128; ++i)
    code.levels.push_back(8 * ((i >> 3 ^ 8)));
  for (int i = 0; i < 128; ++i)
    code.levels.push_back(16 * ((i & 7) ^ 4) + 4);
  return code;
}

/// Random codes whose scales are 1 and whose zeros are 0.
struct TestMatrix {
  TestMatrix(Code code, uint64_t rows, uint64_t columns)
      : code(std::move(code)), rows(rows), columns(columns),
        bytes(this->code.matrixBytes(rows, columns)) {
    std::mt19937 random(7);
    uint64_t codes = this->code.codeBytes(rows, columns);
    for (uint64_t i = 0; i < codes; ++i)
      bytes[i] = std::byte(random());
    for (uint64_t i = 0; i < this->code.scaleBytes(rows, columns); i += 2)
      bytes[codes + i + 1] = std::byte(0x3c);
  }
  StoredMatrix stored() const {
    return {code, rows, columns, bytes.data(), "w"};
  }
  std::vector<float> row(uint64_t index) const {
    std::vector<float> out(columns);
    decodeRow(code, rows, columns, bytes.data(), index, out.data());
    return out;
  }

  Code code;
  uint64_t rows, columns;
  std::vector<std::byte> bytes;
};

std::vector<int32_t> countFrom(int32_t first, int64_t count,
                               int64_t size = width) {
  std::vector<int32_t> numbers(size_t(size), -1);
  std::iota(numbers.begin(), numbers.begin() + count, first);
  return numbers;
}

using Vectors = std::vector<std::byte>;

/// Weight (lane, row i) as LWX makes them of packed vectors.
std::vector<std::vector<int8_t>> expand(const Vectors &packed,
                                        const Vectors *history, uint64_t rows) {
  std::vector<std::vector<int8_t>> out;
  for (uint64_t group = 0; group < rows / 16; ++group) {
    std::vector<const uint8_t *> streams;
    auto add = [&](const Vectors &from, uint64_t count) {
      for (uint64_t j = 0; j < count; ++j)
        streams.push_back(reinterpret_cast<const uint8_t *>(from.data()) +
                          (group * count + j) * width);
    };
    add(packed, packedVectors);
    if (history)
      add(*history, historyVectors);
    std::vector<std::vector<uint8_t>> columns(16, std::vector<uint8_t>(width));
    std::vector<uint8_t *> places;
    for (auto &column : columns)
      places.push_back(column.data());
    EXPECT_TRUE(
        expanderTakes(MOERT_LPU_FORMAT_TRELLIS, int64_t(streams.size())));
    expandColumns(MOERT_LPU_FORMAT_TRELLIS, streams.data(),
                  int64_t(streams.size()), width, places.data());
    for (auto &column : columns)
      out.emplace_back(column.begin(), column.end());
  }
  return out;
}

void expectTrellis(const TestMatrix &matrix, const std::vector<int32_t> &rows,
                   const std::vector<int32_t> &columns, bool withHistory) {
  Vectors packed(rows.size() / 16 * 7 * width),
      history(rows.size() / 16 * 3 * width);
  ASSERT_TRUE(packTrellis(matrix.stored(), rows, columns, packed).ok());
  ASSERT_TRUE(packHistory(matrix.stored(), rows, columns, history).ok());
  auto got = expand(packed, withHistory ? &history : nullptr, rows.size());
  size_t unsure = withHistory || columns[0] == 0 ? 0 : 8;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0)
      continue;
    std::vector<float> wanted = matrix.row(uint64_t(rows[i]));
    for (size_t lane = unsure; lane < columns.size(); ++lane)
      if (columns[lane] >= 0)
        ASSERT_EQ(float(got[i][lane]), wanted[size_t(columns[lane])])
            << i << " " << lane;
  }
}

TEST(Packing, TrellisIsExpanded) {
  TestMatrix matrix(trellisCode(), 48, 256);
  std::vector<int32_t> rows = countFrom(0, 48, 48);
  rows[3] = -1;
  rows[40] = 7;
  expectTrellis(matrix, rows, countFrom(0, 256), false);
}

TEST(Packing, TrellisGoesOnInTheNextTile) {
  TestMatrix matrix(trellisCode(), 16, 700);
  std::vector<int32_t> rows = countFrom(0, 16, 16);
  expectTrellis(matrix, rows, countFrom(0, 320), true);
  expectTrellis(matrix, rows, countFrom(320, 320), true);
  expectTrellis(matrix, rows, countFrom(640, 60), true);
  expectTrellis(matrix, rows, countFrom(4, 320), true);
  expectTrellis(matrix, rows, countFrom(312, 320), false);
}

TEST(Packing, ExpanderTakesSevenOrTenStreams) {
  for (int64_t count = 0; count <= 16; ++count)
    EXPECT_EQ(expanderTakes(MOERT_LPU_FORMAT_TRELLIS, count),
              count == 7 || count == 10);
  EXPECT_FALSE(expanderTakes(MOERT_LPU_FORMAT_NONE, 7));
  EXPECT_FALSE(expanderTakes(2, 7));
}

TEST(Packing, NibblesAreLevels) {
  TestMatrix matrix(nibbleCode(), 32, 192);
  std::vector<int32_t> rows = countFrom(0, 32, 32), columns = countFrom(0, 192);
  std::reverse(columns.begin(), columns.end());
  rows[5] = -1;
  Vectors packed(rows.size() / 8 * 4 * width);
  ASSERT_TRUE(packNibbles(matrix.stored(), rows, columns, packed).ok());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<float> wanted =
        rows[i] < 0 ? std::vector<float>(192) : matrix.row(uint64_t(rows[i]));
    for (size_t lane = 0; lane < width; ++lane) {
      size_t plane = i / 8 * 4 + i % 4;
      uint8_t byte = std::to_integer<uint8_t>(packed[plane * width + lane]);
      int nibble = i % 8 < 4 ? byte & 15 : byte >> 4;
      if (rows[i] < 0 || columns[lane] < 0)
        ASSERT_EQ(nibble, 0);
      else
        ASSERT_EQ(float(8 * nibble + 4 * (columns[lane] % 2)),
                  wanted[size_t(columns[lane])]);
    }
  }
}

/// Four operations, no one after another, make 16 streams for LW of two
/// vectors.
TEST(Packing, TheVxmUnpacksNibbles) {
  TestMatrix matrix(nibbleCode(), 16, 256);
  std::vector<int32_t> rows = countFrom(0, 16, 16), columns = countFrom(0, 256);
  Vectors packed(rows.size() / 8 * 4 * width);
  ASSERT_TRUE(packNibbles(matrix.stored(), rows, columns, packed).ok());
  struct alignas(64) Words {
    uint32_t lanes[width];
  } operand, constant, result;
  for (size_t vector = 0; vector < 2; ++vector)
    for (size_t half = 0; half < 2; ++half) {
      for (size_t lane = 0; lane < width; ++lane) {
        operand.lanes[lane] = 0;
        for (size_t plane = 0; plane < 4; ++plane)
          operand.lanes[lane] |=
              std::to_integer<uint32_t>(
                  packed[(vector * 4 + plane) * width + lane])
              << 8 * plane;
        constant.lanes[lane] = half ? 0x04040404 : 0x0f0f0f0f;
      }
      aluCompute(half ? MOERT_LPU_SHR : MOERT_LPU_AND, false, MOERT_LPU_I8X4,
                 MOERT_LPU_I8X4, operand.lanes, constant.lanes, width,
                 result.lanes);
      for (size_t stream = 0; stream < 4; ++stream) {
        std::vector<float> wanted = matrix.row(8 * vector + 4 * half + stream);
        for (size_t lane = 0; lane < wanted.size(); ++lane)
          ASSERT_EQ(float(8 * (result.lanes[lane] >> 8 * stream & 255) +
                          4 * (lane % 2)),
                    wanted[lane]);
      }
    }
}

/// The message of a failure; out is large enough for all of them.
template <typename Pack>
std::string messageOf(Pack *pack, const TestMatrix &matrix,
                      const std::vector<int32_t> &rows,
                      const std::vector<int32_t> &columns) {
  Vectors out(rows.size() * width);
  Status status = pack(matrix.stored(), rows, columns, out);
  return status.ok() ? "" : status.message();
}

TEST(Packing, TellsWhatItCannotPack) {
  TestMatrix trellis(trellisCode(), 16, 64), nibbles(nibbleCode(), 16, 64);
  std::vector<int32_t> rows = countFrom(0, 16, 16), all = countFrom(0, 64);
  EXPECT_THAT(messageOf(packTrellis, nibbles, rows, all),
              HasSubstr("w: weights are stored as 'q35-4x3', the expander has "
                        "the numbers of q35 only"));
  EXPECT_THAT(messageOf(packHistory, nibbles, rows, all),
              HasSubstr("q35 only"));
  EXPECT_THAT(messageOf(packNibbles, trellis, rows, all),
              HasSubstr("'q35', nibbles hold those of q35-4x3 only"));
  TestMatrix other(trellisCode(), 16, 64);
  other.code.levels[5] += 1;
  EXPECT_THAT(messageOf(packTrellis, other, rows, all), HasSubstr("q35 only"));
  EXPECT_THAT(messageOf(packTrellis, trellis, countFrom(0, 8, 8), all),
              HasSubstr("a load of 8 rows, must be a multiple of 16"));
  EXPECT_THAT(messageOf(packTrellis, trellis, countFrom(1, 16, 16), all),
              HasSubstr("a load of row 16, the matrix has 16"));
  EXPECT_THAT(messageOf(packTrellis, trellis, rows, countFrom(2, 8)),
              HasSubstr("from column 2 on, must be a multiple of 4"));
  EXPECT_THAT(messageOf(packTrellis, trellis, rows, countFrom(0, 65)),
              HasSubstr("a load of column 64, the matrix has 64"));
  EXPECT_THAT(messageOf(packTrellis, trellis, rows, countFrom(0, 20, 20)),
              HasSubstr("a load of 20 lanes, must be a multiple of 16"));
  std::vector<int32_t> holes = all;
  holes[9] = 8;
  EXPECT_THAT(messageOf(packTrellis, trellis, rows, holes),
              HasSubstr("with column 8 in lane 9, must be 9"));
  holes[9] = -1;
  EXPECT_THAT(messageOf(packTrellis, trellis, rows, holes),
              HasSubstr("with column 10 in lane 10, must be -1"));
  EXPECT_THAT(messageOf(packNibbles, nibbles, rows, countFrom(0, 65)),
              HasSubstr("a load of column 64, the matrix has 64"));
  EXPECT_THAT(messageOf(packNibbles, nibbles, countFrom(0, 4, 4), all),
              HasSubstr("a load of 4 rows, must be a multiple of 8"));
}

} // namespace
