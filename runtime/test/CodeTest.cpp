//===- CodeTest.cpp - descriptions of stored weights, and their bytes -----===//
#include "code/Code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

using namespace moert;
using testing::ElementsAre;

namespace {

Code planes(int64_t bits) {
  Code code;
  code.name = "p" + std::to_string(bits);
  code.bits = bits;
  return code;
}

Code pairs(size_t levels) {
  Code code;
  code.name = "pairs";
  code.layout = CodeLayout::Pairs;
  code.bits = 7;
  code.levels.resize(levels);
  std::iota(code.levels.begin(), code.levels.end(), 0);
  return code;
}

//===-- Limits ------------------------------------------------------------===//

template <typename Change> std::string checkChanged(Code code, Change change) {
  change(code);
  return checkCode(code, "m.moe").message();
}

TEST(Code, AcceptsWhatTheDialectAccepts) {
  auto check = [](const Code &code) {
    return std::string(checkCode(code, "m").message());
  };
  for (int64_t bits = 1; bits <= 8; ++bits)
    EXPECT_EQ(check(planes(bits)), "ok");
  EXPECT_EQ(check(pairs(128)), "ok");
  EXPECT_EQ(check(pairs(256)), "ok");
  for (int64_t columns : {0, 32, 64, 128, 4096}) {
    Code code = planes(4);
    code.columns = columns;
    code.zeros = columns != 0;
    EXPECT_EQ(check(code), "ok");
  }
  Code trellis = pairs(128);
  trellis.window = {-86, 99};
  EXPECT_EQ(check(trellis), "ok");
}

TEST(Code, RejectsWhatItRejects) {
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.name = ""; }),
            "m.moe: the name is '', must be letters, digits and dashes");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.name = "a b"; }),
            "m.moe: the name is 'a b', must be letters, digits and dashes");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.bits = 0; }),
            "m.moe: planes have 0 bits, must have 1 to 8");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.bits = 9; }),
            "m.moe: planes have 9 bits, must have 1 to 8");
  EXPECT_EQ(checkChanged(pairs(128), [](Code &c) { c.bits = 6; }),
            "m.moe: pairs have 6 bits, must have 7");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.levels.resize(15); }),
            "m.moe: 15 levels for 16 codes");
  EXPECT_EQ(checkChanged(pairs(128), [](Code &c) { c.levels.clear(); }),
            "m.moe: 0 levels for 128 codes");
  EXPECT_EQ(checkChanged(pairs(256),
                         [](Code &c) {
                           c.window = {1, 2};
                         }),
            "m.moe: 256 levels for 128 codes");
  EXPECT_EQ(checkChanged(pairs(128), [](Code &c) { c.levels[3] = 256; }),
            "m.moe: a level is 256, must be between 0 and 255");
  EXPECT_EQ(checkChanged(pairs(128), [](Code &c) { c.levels[3] = -1; }),
            "m.moe: a level is -1, must be between 0 and 255");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.offset = 256; }),
            "m.moe: the offset is 256, must be between 0 and 255");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.offset = -1; }),
            "m.moe: the offset is -1, must be between 0 and 255");
  for (int64_t columns : {-32, 16, 96})
    EXPECT_EQ(checkChanged(planes(4), [&](Code &c) { c.columns = columns; }),
              "m.moe: a scale has " + std::to_string(columns) +
                  " columns, must be 0, 32 or a multiple of 64");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.zeros = true; }),
            "m.moe: zeros belong to 0 columns, must be at least 32");
  EXPECT_EQ(checkChanged(planes(4), [](Code &c) { c.weights = 0; }),
            "m.moe: a scale has 0 weights, must be at least 1");
  EXPECT_EQ(checkChanged(planes(4),
                         [](Code &c) {
                           c.window = {1, 2};
                         }),
            "m.moe: planes have a window, which only pairs may have");
  EXPECT_EQ(checkChanged(pairs(128), [](Code &c) { c.window = {1}; }),
            "m.moe: a window has 1 numbers, must have 2");
  EXPECT_EQ(checkChanged(pairs(128),
                         [](Code &c) {
                           c.window = {128, 0};
                         }),
            "m.moe: a factor of a window is 128, must be between -128 and 127");
  EXPECT_EQ(checkChanged(pairs(128),
                         [](Code &c) {
                           c.window = {-128, -1};
                         }),
            "m.moe: a window mixes states to -32895 .. 0, must be between "
            "-32768 and 32767");
}

//===-- Bytes -------------------------------------------------------------===//

TEST(Code, CountsBytes) {
  // Two tiles of two steps; each row has its scale.
  EXPECT_EQ(planes(8).codeBytes(17, 65), 2u * 2 * 1024);
  EXPECT_EQ(planes(8).scaleBytes(17, 65), 64u);
  EXPECT_EQ(planes(8).zeroBytes(17, 65), 0u);
  EXPECT_EQ(planes(5).matrixBytes(16, 64), 640u + 64);
  // q35: 1024 columns are enough for a scale, of 256 it takes four rows.
  Code trellis = pairs(128);
  trellis.weights = 800;
  EXPECT_EQ(trellis.matrixBytes(1024, 1024), 64u * 16 * 448 + 2048);
  EXPECT_EQ(trellis.scaleRows(256), 4u);
  EXPECT_EQ(trellis.scaleBytes(1024, 256), 2048u / 4);
  EXPECT_EQ(trellis.scaleRows(1), 16u);
  // Groups: a scale and a zero each.
  Code grouped = planes(4);
  grouped.columns = 32;
  grouped.zeros = true;
  EXPECT_EQ(grouped.groups(100), 4u);
  EXPECT_EQ(grouped.matrixBytes(16, 100), 2 * 512u + 4 * 16 * 2 + 4 * 16);
  // The largest that a module may have.
  EXPECT_EQ(planes(8).codeBytes(1, uint64_t(1) << 46), uint64_t(1) << 50);
}

/// A matrix of zero bytes whose scales are all 1.
struct Matrix {
  Matrix(Code code, uint64_t rows, uint64_t columns)
      : code(std::move(code)), rows(rows), columns(columns),
        bytes(this->code.matrixBytes(rows, columns)) {
    uint64_t scales = this->code.codeBytes(rows, columns);
    uint64_t count = this->code.scaleBytes(rows, columns) / 2;
    for (uint64_t i = 0; i < count; ++i)
      setScale(i, 0x3c00);
    EXPECT_EQ(scales + this->code.scaleBytes(rows, columns) +
                  this->code.zeroBytes(rows, columns),
              bytes.size());
  }
  void setScale(uint64_t index, uint16_t half) {
    uint64_t at = code.codeBytes(rows, columns) + 2 * index;
    bytes[at] = std::byte(half & 255);
    bytes[at + 1] = std::byte(half >> 8);
  }
  std::vector<float> row(uint64_t index) const {
    std::vector<float> out(columns);
    decodeRow(code, rows, columns, bytes.data(), index, out.data());
    return out;
  }
  /// Indices of the weights of a row that are not 0.
  std::vector<int> set(uint64_t index) const {
    std::vector<int> columns;
    std::vector<float> values = row(index);
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != 0)
        columns.push_back(int(i));
    return columns;
  }

  Code code;
  uint64_t rows, columns;
  std::vector<std::byte> bytes;
};

TEST(Code, PlanesLieWhereTheDefinitionSays) {
  // 4 bits: byte 4r + j of vector v holds columns 8v + j and 8v + 4 + j.
  Matrix four(planes(4), 17, 128);
  four.bytes[4 * 3 + 1] = std::byte(0xa5);
  EXPECT_THAT(four.set(3), ElementsAre(1, 5));
  EXPECT_EQ(four.row(3)[1], 5);
  EXPECT_EQ(four.row(3)[5], 10);
  EXPECT_THAT(four.set(2), ElementsAre());
  // The second step of the second tile.
  Matrix next(planes(4), 17, 128);
  next.bytes[2 * 512 + 512 + 64 * 7 + 2] = std::byte(0xf0);
  EXPECT_THAT(next.set(16), ElementsAre(64 + 8 * 7 + 4 + 2));
  EXPECT_THAT(next.set(0), ElementsAre());
  // 5 bits: a plane of 4, then one of 1, whose bits are the highest.
  Matrix five(planes(5), 16, 64);
  five.bytes[512 + 4 * 15] = std::byte(2);
  EXPECT_THAT(five.set(15), ElementsAre(4));
  EXPECT_EQ(five.row(15)[4], 16);
  // 3 bits: a plane of 2 comes first.
  Matrix three(planes(3), 16, 64);
  three.bytes[0] = std::byte(0b11);
  three.bytes[256 + 64] = std::byte(1);
  EXPECT_EQ(three.row(0)[0], 3);
  EXPECT_EQ(three.row(0)[32], 4);
}

TEST(Code, ScalesAndZerosBelongToTheirGroups) {
  Code code = planes(8);
  code.columns = 32;
  code.zeros = true;
  code.offset = 10;
  Matrix matrix(code, 16, 64);
  matrix.setScale(16 + 3, 0x4000); // row 3 of the second group: 2
  uint64_t zeros = matrix.bytes.size() - code.zeroBytes(16, 64);
  matrix.bytes[zeros + 16 + 3] = std::byte(7);
  EXPECT_EQ(matrix.row(3)[31], -10);
  EXPECT_EQ(matrix.row(3)[32], 2 * (0 - 10 - 7));
  EXPECT_EQ(matrix.row(2)[32], -10);
  // Subnormal, negative and largest numbers of 16 bits.
  matrix.setScale(0, 0x0001);
  EXPECT_EQ(matrix.row(0)[0], -10 * 0x1p-24f);
  matrix.setScale(0, 0xbc00);
  EXPECT_EQ(matrix.row(0)[0], 10);
  matrix.setScale(0, 0x7bff);
  EXPECT_EQ(matrix.row(0)[0], -655040);
}

/// Drivers that compute with levels need the parts that weights are made of.
TEST(Code, WeightsAreMadeOfLevelsScalesAndZeros) {
  Code code = planes(4);
  code.columns = 32;
  code.zeros = true;
  code.offset = 3;
  Matrix matrix(code, 20, 96);
  for (size_t i = 0; i < matrix.bytes.size(); ++i)
    matrix.bytes[i] = std::byte(i * 37 & 0x3b); // as scales: finite
  for (uint64_t row : {0, 7, 19}) {
    ASSERT_EQ(code.groups(96), 4u); // of whole steps
    int16_t levels[96];
    float scales[4], zeros[4];
    decodeLevels(code, 20, 96, matrix.bytes.data(), row, levels);
    decodeScales(code, 20, 96, matrix.bytes.data(), row, scales, zeros);
    std::vector<float> weights = matrix.row(row);
    for (size_t c = 0; c < 96; ++c)
      ASSERT_EQ(weights[c], scales[c / 32] * (levels[c] - zeros[c / 32]))
          << row << " " << c;
  }
}

TEST(Code, RowsMayShareAScale) {
  Code code = planes(8);
  code.offset = 1;
  code.weights = 200; // four rows of 64
  Matrix matrix(code, 32, 64);
  matrix.setScale(4 + 1, 0x4000); // the second four rows of the second tile
  EXPECT_EQ(matrix.row(16 + 3)[0], -1);
  EXPECT_EQ(matrix.row(16 + 4)[0], -2);
  EXPECT_EQ(matrix.row(16 + 7)[63], -2);
  EXPECT_EQ(matrix.row(16 + 8)[0], -1);
}

/// Lane 2 * row + h holds the codes of every other pair of a row.
void setCode(Matrix &matrix, int lane, int pair, int code) {
  for (int bit = 0; bit < 7; ++bit) {
    int at = 7 * pair + bit;
    if (code >> bit & 1)
      matrix.bytes[size_t(at / 16 * 64 + 2 * lane + at % 16 / 8)] |=
          std::byte(1 << at % 8);
  }
}

TEST(Code, PairsShareACode) {
  Matrix one(pairs(128), 16, 128), two(pairs(256), 16, 128);
  for (Matrix *matrix : {&one, &two}) {
    setCode(*matrix, 2 * 5 + 1, 2, 77);   // pair 5: columns 10 and 11
    setCode(*matrix, 2 * 5 + 0, 16, 126); // the next step: columns 64 and 65
  }
  EXPECT_THAT(one.set(5), ElementsAre(10, 11, 64, 65));
  EXPECT_EQ(one.row(5)[10], 77);
  EXPECT_EQ(one.row(5)[11], 77);
  EXPECT_EQ(two.row(5)[10], 77);
  EXPECT_EQ(two.row(5)[11], 128 + 77);
  EXPECT_EQ(two.row(5)[64], 126);
  EXPECT_EQ(two.row(5)[65], 128 + 126);
}

TEST(Code, ATrellisRemembersItsLastCodes) {
  Code code = pairs(128);
  code.window = {3, -5};
  Matrix matrix(code, 16, 64);
  const int codes[] = {127, 64, 3};
  uint16_t state = 0;
  for (int pair = 0; pair < 3; ++pair)
    setCode(matrix, 2 * 9, pair, codes[pair]);
  std::vector<float> row = matrix.row(9);
  for (int pair = 0; pair < 16; ++pair) {
    state = uint16_t(state >> 7 | (pair < 3 ? codes[pair] : 0) << 9);
    uint16_t hash = uint16_t(state + 3 * (state & 255) - 5 * (state >> 8));
    EXPECT_EQ(row[4 * pair], hash & 127) << pair;
    EXPECT_EQ(row[4 * pair + 1], hash >> 8 & 127) << pair;
    EXPECT_EQ(row[4 * pair + 2], 0) << pair; // the other lane
  }
}

} // namespace
