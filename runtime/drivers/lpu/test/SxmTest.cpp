//===- SxmTest.cpp - lanes moved between and within superlanes ------------===//
#include "Simulator/Units.h"

#include <gtest/gtest.h>
#include <numeric>
#include <vector>

using namespace moert::lpu;

namespace {

constexpr int64_t width = 320, lanes = 16;
using Bytes = std::vector<uint8_t>;

/// Lane l of a vector has a number of its own in its superlane and beyond.
uint8_t valueOf(int64_t lane) { return uint8_t(1 + lane + lane / 256); }

class SxmTest : public testing::Test {
protected:
  SxmTest() : in(width), out(width) {
    for (int64_t lane = 0; lane < width; ++lane)
      in[size_t(lane)] = valueOf(lane);
  }
  /// Expects lane l of the result to be lane from(l), or 0 if that is negative.
  template <typename From> void expectFrom(From &&from) {
    for (int64_t lane = 0; lane < width; ++lane) {
      int64_t source = from(lane);
      EXPECT_EQ(out[size_t(lane)], source < 0 ? 0 : valueOf(source)) << lane;
    }
  }
  Bytes in, out;
};

TEST_F(SxmTest, Shifts) {
  for (int64_t north : {0, 1, 7, 19, 20, 1000, -1, -19, -20, -1000}) {
    shiftNorth(in.data(), lanes, width, north, out.data());
    expectFrom([&](int64_t lane) -> int64_t {
      int64_t from = lane - north * lanes;
      return from < width ? from : -1;
    });
  }
}

TEST_F(SxmTest, Permutes) {
  std::vector<uint16_t> map(width);
  for (int64_t lane = 0; lane < width; ++lane)
    map[size_t(lane)] = uint16_t(lane * 7 % width);
  EXPECT_TRUE(isBijective(map.data(), width));
  EXPECT_TRUE(permuteLanes(in.data(), map.data(), width, out.data()));
  expectFrom([](int64_t lane) { return lane * 7 % width; });
  map[3] = map[4];
  EXPECT_FALSE(isBijective(map.data(), width));
  map[3] = uint16_t(width);
  EXPECT_FALSE(isBijective(map.data(), width));
  EXPECT_FALSE(permuteLanes(in.data(), map.data(), width, out.data()));
}

TEST_F(SxmTest, Distributes) {
  distributeLanes(in.data(), 0xfedcba9876543210, lanes, width, out.data());
  EXPECT_EQ(out, in);
  distributeLanes(in.data(), 0x3, lanes, width, out.data());
  expectFrom([](int64_t lane) {
    return lane / lanes * lanes + (lane % lanes == 0 ? 3 : 0);
  });
}

TEST_F(SxmTest, Rotates) {
  for (uint64_t by : {0, 1, 5, 15}) {
    rotateLanes(in.data(), by, lanes, width, out.data());
    expectFrom([&](int64_t lane) {
      return lane / lanes * lanes + (lane + int64_t(by)) % lanes;
    });
  }
}

TEST_F(SxmTest, Transposes) {
  std::vector<Bytes> from(lanes, Bytes(width)), to(lanes, Bytes(width));
  std::vector<const uint8_t *> sources;
  std::vector<uint8_t *> results;
  for (int64_t s = 0; s < lanes; ++s) {
    for (int64_t lane = 0; lane < width; ++lane)
      from[size_t(s)][size_t(lane)] = uint8_t(s * 37 + lane);
    sources.push_back(from[size_t(s)].data());
    results.push_back(to[size_t(s)].data());
  }
  transposeLanes(sources.data(), lanes, width, results.data());
  for (int64_t s = 0; s < lanes; ++s)
    for (int64_t lane = 0; lane < width; ++lane)
      EXPECT_EQ(to[size_t(s)][size_t(lane)],
                uint8_t(lane % lanes * 37 + lane / lanes * lanes + s));
}

TEST_F(SxmTest, Selects) {
  Bytes other(width, 0);
  selectLanes(in.data(), other.data(), 0x8001, lanes, width, out.data());
  expectFrom([](int64_t lane) -> int64_t {
    return lane % lanes == 0 || lane % lanes == 15 ? -1 : lane;
  });
}

} // namespace
