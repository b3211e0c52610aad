//===- WorkedExamplesTest.cpp - the examples of docs/LPU.md run -----------===//
//
// The cycles below are those of the page; who changes one changes the other.
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

using Builder = moert::lpu::test::ProgramBuilder;

/// Numbers of one f32 vector as its byte planes, one after the other.
std::vector<uint8_t> planesOf(const std::vector<float> &lanes) {
  std::vector<uint8_t> planes(4 * lanes.size());
  for (size_t l = 0; l < lanes.size(); ++l) {
    uint32_t bits;
    std::memcpy(&bits, &lanes[l], sizeof(bits));
    for (size_t p = 0; p < 4; ++p)
      planes[p * lanes.size() + l] = uint8_t(bits >> 8 * p);
  }
  return planes;
}

constexpr int width = 320;

/// y = x * w: x is read, and y written, so many cycles later than on the page.
struct Product {
  Builder p;
  size_t y;

  Product(int lateRead, int lateWrite) {
    std::vector<float> x(width), w(width);
    for (int l = 0; l < width; ++l)
      x[l] = float(l) + 0.25f, w[l] = 3 - float(l) / 7;
    p.input({.name = "x", .type = MOERT_LPU_F32, .slices = {0, 1, 2, 3}},
            planesOf(x));
    p.input({.name = "w", .type = MOERT_LPU_F32, .slices = {4, 5, 6, 7}},
            planesOf(w));
    y = p.buffer({.name = "y",
                  .kind = BufferKind::Output,
                  .type = MOERT_LPU_F32,
                  .slices = {8, 9, 10, 11}});
    for (int plane = 0; plane < 4; ++plane) {
      p.read(East, plane).at(1 + lateRead, read(0, W(plane)));
      p.read(East, 4 + plane).at(0, read(0, W(4 + plane)));
      p.write(East, 8 + plane).at(12 + lateWrite, write(E(plane), 0));
    }
    p.alu(0).at(7, binary(MOERT_LPU_MUL, MOERT_LPU_F32, W(0), W(4), E(0)));
  }
};

} // namespace

TEST(WorkedExamples, AProductOfTwoVectors) {
  Product program(0, 0);
  RunOutcome run = program.p.run();
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(run.result.cycles, 33u);
  std::vector<std::byte> bytes(4 * width);
  ASSERT_TRUE(run.simulator->readVectors(program.y, 0, 1, bytes).ok());
  std::vector<float> expected(width);
  for (int l = 0; l < width; ++l)
    expected[l] = (float(l) + 0.25f) * (3 - float(l) / 7);
  std::vector<uint8_t> planes = planesOf(expected);
  EXPECT_EQ(std::memcmp(bytes.data(), planes.data(), planes.size()), 0);
}

TEST(WorkedExamples, ACycleOffIsNothing) {
  EXPECT_EQ(Product(1, 0).p.run().hazard(), "H2");
  EXPECT_EQ(Product(-1, 0).p.run().hazard(), "H2");
  EXPECT_EQ(Product(0, -1).p.run().hazard(), "H2");
  EXPECT_EQ(Product(0, 1).p.run().hazard(), "H2");
}

namespace {

constexpr int mxmColumn = 19, readTime = 1, group = 4;

/// When a slice is read for what is to be at the matrix unit at `cycle`.
int readFor(int cycle, int slice) {
  return cycle - (mxmColumn - (1 + slice / group)) - readTime;
}

/// x by two tiles, one after the other on one plane. All cycles of the page are
/// `start` later here, since weights must be read first; the first activation
/// comes `late` cycles after the page's.
struct Tiles {
  static constexpr int start = 30;
  Builder p;
  size_t y;

  explicit Tiles(int late = 0) {
    constexpr int rows = 20;
    std::vector<uint8_t> weights(2 * width * width), x(width);
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] = uint8_t(i * 2654435761u >> 13);
    for (int l = 0; l < width; ++l)
      x[l] = uint8_t(5 * l + 1);
    std::vector<uint8_t> slices;
    for (int s = 0; s < 16; ++s)
      slices.push_back(uint8_t(s));
    p.input({.name = "weights", .count = 2 * width, .slices = slices}, weights);
    p.input({.name = "x", .slices = {16}}, x);
    y = p.buffer({.name = "y",
                  .kind = BufferKind::Output,
                  .type = MOERT_LPU_I32,
                  .count = 2,
                  .slices = {20, 21, 22, 23}});
    for (int s = 0; s < 16; ++s)
      p.read(East, s)
          .at(readFor(start, s), read(0, E(s)))
          .repeat(rows - 1, 1, 1)
          .at(readFor(start + 21, s), read(rows, E(s)))
          .repeat(rows - 1, 1, 1);
    p.load(East, 0)
        .at(start, lw(E(0), rows))
        .at(start + 20, iw())
        .at(start + 21, lw(E(0), rows))
        .at(start + 41, iw());
    for (int tile = 0; tile < 2; ++tile) {
      int cycle = start + (tile ? 42 : 21 + late);
      p.read(East, 16).at(readFor(cycle, 16), read(0, E(16)));
      p.feed(East, 0).at(cycle, abc(E(16), 1));
      p.drain(East, 0).at(cycle, acc(W(0), 1));
      // From the matrix unit inward to column 6.
      for (int plane = 0; plane < 4; ++plane)
        p.write(East, 20 + plane).at(cycle + 22 + mxmColumn - 6,
                                     write(W(plane), uint16_t(tile)));
    }
  }
};

} // namespace

TEST(WorkedExamples, ATileEvery21Cycles) {
  Tiles program;
  RunOutcome run = program.p.run();
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(run.result.busy.install, 40u);
  std::vector<std::byte> bytes(2 * 4 * width);
  ASSERT_TRUE(run.simulator->readVectors(program.y, 0, 2, bytes).ok());
  const std::vector<uint8_t> &weights = program.p.contents.at(0),
                             &x = program.p.contents.at(1);
  for (int tile = 0; tile < 2; ++tile)
    for (int n = 0; n < width; ++n) {
      int32_t expected = 0, found = 0;
      for (int k = 0; k < width; ++k)
        expected +=
            int8_t(weights[(tile * width + n) * width + k]) * int8_t(x[k]);
      for (int plane = 0; plane < 4; ++plane)
        found |= int32_t(std::to_integer<uint32_t>(
                     bytes[(tile * 4 + plane) * width + n])
                 << 8 * plane);
      ASSERT_EQ(found, expected) << tile << " " << n;
    }
}

TEST(WorkedExamples, AnInstallWaitsForTheLastActivation) {
  EXPECT_EQ(Tiles(1).p.run().hazard(), "H14");
}
