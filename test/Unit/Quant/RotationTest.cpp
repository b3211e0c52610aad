//===- RotationTest.cpp - signs and a Hadamard matrix, bit by bit ---------===//
#include "moe/Quant/Rotation.h"
#include "QuantTesting.h"

using namespace moe;

namespace {

TEST(Rotation, SignsAreThoseOfSplitMix64) {
  // Made with a program in another language.
  const char *signs = "+-+---+--+++-++-+--+--+---+-+++-";
  for (int64_t i = 0; signs[i]; ++i)
    EXPECT_EQ(getRotationSign(i), signs[i] == '-' ? -1.0f : 1.0f) << i;
  int64_t negative = 0;
  for (int64_t i = 0; i < 4096; ++i)
    negative += getRotationSign(i) < 0;
  EXPECT_NEAR(negative, 2048, 150);
}

TEST(Rotation, IsTheHadamardMatrixTimesSigns) {
  const int64_t columns = 96, block = 32;
  Matrix row = makeNormal(1, columns, 1);
  std::vector<float> rotated = row.values;
  rotateRow(rotated, block);
  for (int64_t k = 0; k < columns; ++k) {
    double sum = 0;
    int64_t start = k / block * block;
    for (int64_t j = 0; j < block; ++j) {
      int odd = __builtin_parityll(uint64_t(j & (k - start)));
      sum +=
          double(row.values[start + j]) * getRotationSign(j) * (odd ? -1 : 1);
    }
    EXPECT_NEAR(rotated[k], sum / std::sqrt(32.0), 1e-6);
  }
}

TEST(Rotation, StatesEveryBit) {
  // The order of the dialect: distances 1, 2, 4; then the norm, as f32.
  float row[8] = {0.1f, -0.7f, 3, 1e-3f, 5, -2.5f, 1 / 3.0f, 9};
  float expected[8];
  for (int i = 0; i < 8; ++i)
    expected[i] = row[i] * getRotationSign(i);
  for (int half = 1; half < 8; half *= 2)
    for (int i = 0; i < 8; ++i)
      if (!(i & half)) {
        float u = expected[i], v = expected[i + half];
        expected[i] = u + v;
        expected[i + half] = u - v;
      }
  rotateRow(row, 8);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(row[i], expected[i] * float(1 / std::sqrt(8.0)));
}

TEST(Rotation, IsUndone) {
  for (int64_t block : {0, 2, 16, 1024}) {
    Matrix row = makeNormal(1, 2048, 1);
    std::vector<float> turned = row.values;
    rotateRow(turned, block);
    if (block) {
      EXPECT_NE(turned, row.values);
    }
    unrotateRow(turned, block);
    for (size_t i = 0; i < turned.size(); ++i)
      EXPECT_NEAR(turned[i], row.values[i], 2e-6);
  }
}

TEST(Rotation, OfColumnsIsThatOfTheTransposedRows) {
  const int64_t rows = 64, columns = 70;
  Matrix matrix = makeNormal(rows, columns, 1);
  std::vector<float> rotated = matrix.values;
  rotateColumns(rotated, rows, columns, 32);
  for (int64_t k = 0; k < columns; ++k) {
    std::vector<float> column;
    for (int64_t row = 0; row < rows; ++row)
      column.push_back(matrix.at(row, k));
    rotateRow(column, 32);
    for (int64_t row = 0; row < rows; ++row)
      ASSERT_EQ(rotated[row * columns + k], column[row]);
  }
}

} // namespace
