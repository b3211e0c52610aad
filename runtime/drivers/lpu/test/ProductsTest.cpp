//===- ProductsTest.cpp - products of vectors and matrices ----------------===//
#include "Simulator/Products.h"
#include "Simulator/Half.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace moert::lpu;

namespace {

constexpr int64_t width = 320;

std::vector<HostIsa> supportedIsas() {
  std::vector<HostIsa> all = {HostIsa::Portable};
  if (bestHostIsa() >= HostIsa::Avx2)
    all.push_back(HostIsa::Avx2);
  if (bestHostIsa() >= HostIsa::Avx512)
    all.push_back(HostIsa::Avx512);
  return all;
}

/// Weights [lane][column].
using Bytes = std::vector<uint8_t>;

void fill(ByteMatrix &matrix, const Bytes &weights) {
  for (int64_t group = 0; group < width / groupColumns; ++group) {
    std::vector<Bytes> columns(groupColumns, Bytes(width));
    const uint8_t *streams[groupColumns];
    for (int64_t s = 0; s < groupColumns; ++s) {
      for (int64_t lane = 0; lane < width; ++lane)
        columns[size_t(s)][size_t(lane)] =
            weights[size_t(lane * width + group * groupColumns + s)];
      streams[s] = columns[size_t(s)].data();
    }
    matrix.setGroup(group, streams);
  }
}

/// Zero in lanes or columns outside of a block.
bool isOutside(int block, int64_t lane, int64_t column) {
  return block && lane / block != column / block;
}

TEST(Products, BytesAreExact) {
  std::mt19937 random(1);
  for (int block : {0, 16, 32, 20}) {
    Bytes weights(width * width);
    for (int64_t i = 0; i < width * width; ++i)
      weights[size_t(i)] =
          isOutside(block, i / width, i % width) ? 0 : uint8_t(random());
    weights[0] = 0x80;
    ByteMatrix matrix(width);
    fill(matrix, weights);
    EXPECT_EQ(matrix.at(0, 0), -128);
    EXPECT_EQ(matrix.at(17, 18), int8_t(weights[17 * width + 18]));
    for (int zeros : {0, 1, 2}) {
      std::vector<int8_t> activation(width);
      for (int64_t lane = 0; lane < width; ++lane)
        if (zeros == 0 || (zeros == 1 && lane / 16 == 7))
          activation[size_t(lane)] = int8_t(random());
      activation[112] = zeros == 2 ? 0 : -128;
      std::vector<int32_t> wanted(width), got(width);
      for (int64_t lane = 0; lane < width; ++lane)
        for (int64_t column = 0; column < width; ++column)
          wanted[size_t(column)] +=
              activation[size_t(lane)] *
              int8_t(weights[size_t(lane * width + column)]);
      for (HostIsa isa : supportedIsas()) {
        matrix.multiply(activation.data(), got.data(), isa);
        EXPECT_EQ(got, wanted) << int(isa) << " " << block << " " << zeros;
      }
    }
  }
}

TEST(Products, ClearedColumnsAreZero) {
  Bytes weights(width * width, 3);
  ByteMatrix matrix(width);
  fill(matrix, weights);
  matrix.clearGroup(2);
  std::vector<int8_t> activation(width, 1);
  std::vector<int32_t> got(width);
  matrix.multiply(activation.data(), got.data());
  EXPECT_EQ(got[31], 960);
  EXPECT_EQ(got[32], 0);
  EXPECT_EQ(got[47], 0);
  EXPECT_EQ(got[48], 960);
  EXPECT_EQ(matrix.at(5, 33), 0);
}

TEST(Products, EveryHalfIsAFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 0 ? std::ldexp(float(fraction), -24)
                  : exponent == 31
                      ? INFINITY
                      : std::ldexp(float(1024 + fraction), exponent - 25);
    float got = widenHalf(uint16_t(bits));
    if (exponent == 31 && fraction) {
      EXPECT_TRUE(std::isnan(got)) << bits;
      continue;
    }
    EXPECT_EQ(std::bit_cast<uint32_t>(got),
              std::bit_cast<uint32_t>(bits >> 15 ? -value : value))
        << bits;
  }
}

/// The definition.
std::vector<uint32_t> sumHalves(const std::vector<uint16_t> &weights,
                                const std::vector<uint16_t> &activation) {
  std::vector<uint32_t> out(width);
  for (int64_t column = 0; column < width; ++column) {
    double sum = 0;
    for (int64_t lane = 0; lane < width; ++lane)
      sum += double(widenHalf(activation[size_t(lane)])) *
             double(widenHalf(weights[size_t(lane * width + column)]));
    out[size_t(column)] =
        std::isnan(sum) ? 0x7fc00000u : std::bit_cast<uint32_t>(float(sum));
  }
  return out;
}

/// Of any magnitude, and neither infinite nor no number.
uint16_t finiteHalf(std::mt19937 &random) {
  uint16_t bits = uint16_t(random());
  return (bits & 0x7c00) == 0x7c00 ? uint16_t(bits ^ 0x4000) : bits;
}

struct HalfCase {
  int block; ///< of weights that are not 0
  bool sparse;
  uint16_t strangeWeight, strangeActivation; ///< in lane 50
};

TEST(Products, HalvesAreSummedInOrder) {
  std::mt19937 random(2);
  constexpr uint16_t infinity = 0x7c00, minusInfinity = 0xfc00, nan = 0x7e01;
  for (HalfCase test :
       std::vector<HalfCase>{{0, false, 0, 0},
                             {32, false, 0, 0},
                             {32, true, 0, 0},
                             {0, true, 0x8000, 0x8000},
                             {32, true, infinity, 0},
                             {0, false, infinity, minusInfinity},
                             {32, true, 0, infinity},
                             {64, false, 0, nan},
                             {0, true, nan, 0x3c00}}) {
    std::vector<uint16_t> weights(width * width), activation(width);
    for (int64_t i = 0; i < width * width; ++i)
      if (!isOutside(test.block, i / width, i % width))
        weights[size_t(i)] = finiteHalf(random);
    for (int64_t lane = 0; lane < width; ++lane)
      if (!test.sparse || lane % 7 == 0)
        activation[size_t(lane)] = finiteHalf(random);
    if (test.strangeWeight)
      weights[50 * width + 40] = test.strangeWeight;
    if (test.strangeActivation)
      activation[50] = test.strangeActivation;
    Bytes lows, highs;
    for (uint16_t weight : weights) {
      lows.push_back(uint8_t(weight));
      highs.push_back(uint8_t(weight >> 8));
    }
    ByteMatrix low(width), high(width);
    fill(low, lows);
    fill(high, highs);
    HalfMatrix matrix(width);
    matrix.set(low, high);
    std::vector<uint32_t> wanted = sumHalves(weights, activation), got(width);
    for (HostIsa isa : supportedIsas()) {
      matrix.multiply(activation.data(), got.data(), isa);
      EXPECT_EQ(got, wanted) << int(isa) << " " << test.block;
    }
  }
}

/// Weights of an earlier tile must not show through those of a sparser one.
TEST(Products, HalvesAreReplaced) {
  ByteMatrix low(width), high(width);
  HalfMatrix matrix(width);
  Bytes lows(width * width), highs(width * width, 0x3c);
  fill(low, lows);
  fill(high, highs);
  matrix.set(low, high);
  std::fill(highs.begin(), highs.end(), 0);
  highs[5 * width + 3] = 0x40;
  fill(high, highs);
  matrix.set(low, high);
  std::vector<uint16_t> activation(width, 0x3c00);
  std::vector<uint32_t> got(width), wanted(width);
  wanted[3] = std::bit_cast<uint32_t>(2.0f);
  matrix.multiply(activation.data(), got.data());
  EXPECT_EQ(got, wanted);
}

} // namespace
