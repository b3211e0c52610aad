//===- MxmProgramsTest.cpp - weights of all kinds through a whole run -----===//
#include "MutantPrograms.h"
#include "Simulator/Expander.h"
#include "Simulator/Units.h"

#include <bit>
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

/// makeProducts and what comes out of it, by definition.
class MxmPrograms : public testing::Test {
protected:
  MxmPrograms() : program(makeProducts()) {}

  const uint8_t *vectorOf(size_t buffer, int row, int slice, int slices) {
    return program.contents.at(buffer).data() +
           size_t(row * slices + slice) * laneCount;
  }
  /// Column `column` of a group of 16 that row `row` of a buffer of weights is.
  const uint8_t *columnOf(size_t buffer, int row, int column) {
    return vectorOf(buffer, row, column, 16);
  }
  int32_t dot(const uint8_t *weights, int x) {
    const uint8_t *activation = vectorOf(2, x, 0, 1);
    int32_t sum = 0;
    for (int lane = 0; lane < laneCount; ++lane)
      sum += int8_t(weights[lane]) * int8_t(activation[lane]);
    return sum;
  }
  /// Words of vector `index` of an output.
  std::vector<uint32_t> wordsOf(const Simulator &simulator, size_t buffer,
                                uint64_t count, size_t index) {
    std::vector<uint8_t> bytes = contentsOf(simulator, buffer, count);
    std::vector<uint32_t> words(laneCount);
    for (size_t plane = 0; plane < 4; ++plane)
      for (size_t lane = 0; lane < laneCount; ++lane)
        words[lane] |=
            uint32_t(bytes.at((index * 4 + plane) * laneCount + lane))
            << 8 * plane;
    return words;
  }

  TestProgram program;
};

TEST_F(MxmPrograms, ProductsAreExact) {
  RunOutcome outcome = program.run();
  ASSERT_EQ(outcome.error, "");
  const Simulator &simulator = *outcome.simulator;
  // Two activations and the groups 0 and 1; then groups 3, 5 and 6.
  for (int vector : {0, 1, 2}) {
    std::vector<uint32_t> sums = wordsOf(simulator, 4, 4, size_t(vector));
    for (int column = 0; column < laneCount; ++column) {
      int group = column / 16, row = -1;
      if (vector < 2 && group < 2)
        row = group;
      if (vector == 2 && group >= 3 && group <= 6 && group != 4)
        row = group == 3 ? 2 : group - 2;
      int32_t wanted =
          row < 0 ? 0 : dot(columnOf(0, row, column % 16), vector > 0);
      ASSERT_EQ(int32_t(sums[size_t(column)]), wanted)
          << vector << " " << column;
    }
  }
}

TEST_F(MxmPrograms, HalvesAreSummed) {
  RunOutcome outcome = program.run();
  ASSERT_EQ(outcome.error, "");
  for (int vector : {0, 1}) {
    std::vector<uint32_t> sums =
        wordsOf(*outcome.simulator, 5, 2, size_t(vector));
    const uint8_t *low = vectorOf(3, vector, 0, 2),
                  *high = vectorOf(3, vector, 1, 2);
    for (int column = 0; column < laneCount; ++column) {
      double sum = 0;
      for (int lane = 0; column < 32 && lane < laneCount; ++lane) {
        int group = column / 16, in = column % 16;
        uint16_t weight = uint16_t(columnOf(0, 5 + group, in)[lane] |
                                   columnOf(1, group, in)[lane] << 8);
        sum += double(halfToFloat(weight)) *
               double(halfToFloat(uint16_t(low[lane] | high[lane] << 8)));
      }
      ASSERT_EQ(sums[size_t(column)], std::bit_cast<uint32_t>(float(sum)))
          << vector << " " << column;
    }
  }
}

TEST_F(MxmPrograms, PackedWeightsAreExpanded) {
  RunOutcome outcome = program.run();
  ASSERT_EQ(outcome.error, "");
  std::vector<uint32_t> sums = wordsOf(*outcome.simulator, 4, 4, 3);
  for (int group : {0, 1}) {
    std::vector<const uint8_t *> streams;
    for (int s = 0; s < 10; ++s)
      streams.push_back(columnOf(0, 7 + group, s));
    std::vector<std::vector<uint8_t>> columns(16,
                                              std::vector<uint8_t>(laneCount));
    std::vector<uint8_t *> places;
    for (auto &column : columns)
      places.push_back(column.data());
    expandColumns(MOERT_LPU_FORMAT_TRELLIS, streams.data(), 10, laneCount,
                  places.data());
    for (int column = 0; column < 16; ++column)
      ASSERT_EQ(int32_t(sums[size_t(16 * (group + 1) + column)]),
                dot(columns[size_t(column)].data(), 0));
  }
  EXPECT_EQ(sums[0], 0u);
  EXPECT_EQ(sums[48], 0u);
}

} // namespace
