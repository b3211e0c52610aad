//===- MxmTest.cpp - planes over time -------------------------------------===//
#include "Simulator/Mxm.h"
#include "ProgramBuilder.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int64_t width = 320, groups = 20;

class MxmTest : public testing::Test {
protected:
  MxmTest() : machine(machineOf(machineText())) {
    machine.mxm.accumulators = 2;
    mxm = std::make_unique<Mxm>(machine, true);
    mxm->reset();
  }

  /// A tile whose every weight is `weight`, loaded from `cycle` on.
  int load(int64_t plane, uint64_t cycle, uint8_t weight, int64_t first = 0,
           int64_t count = groups) {
    Violation violation = mxm->load(plane, cycle, first, count);
    std::vector<uint8_t> column(width, weight);
    std::vector<const uint8_t *> columns(groupColumns, column.data());
    for (int64_t group = first; !violation && group < first + count; ++group)
      mxm->takeColumns(plane, group, columns.data());
    if (!violation)
      mxm->setLoaded(plane, weight);
    return violation.hazard;
  }
  int install(int64_t plane, uint64_t cycle, unsigned type = MOERT_LPU_I8) {
    return mxm->install(plane, cycle, type).hazard;
  }
  int feed(int64_t plane, uint64_t cycle, unsigned type = MOERT_LPU_I8) {
    std::vector<uint8_t> low(width, type == MOERT_LPU_F16 ? 0 : 1),
        high(width, 0x3c);
    const uint8_t *bytes[] = {low.data(), high.data()};
    return mxm->feed(plane, cycle, type, 77, bytes).hazard;
  }
  int drain(int64_t plane, uint64_t cycle, unsigned type = MOERT_LPU_I8,
            bool add = false, int64_t accumulator = 0) {
    words.assign(width, 0);
    return mxm->drain(plane, cycle, type, add, accumulator, words.data(), sum)
        .hazard;
  }

  Machine machine;
  std::unique_ptr<Mxm> mxm;
  std::vector<uint32_t> words;
  Mxm::Sum sum;
};

/// The fold of lpu.h.
uint32_t foldOf(std::initializer_list<uint32_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0u, moert_lpu_mix);
}

TEST_F(MxmTest, RoundsFollowEachOther) {
  // 20 cycles of load, one of install; activations meanwhile.
  uint64_t cycle = 0;
  for (uint8_t weight = 1; weight < 5; ++weight) {
    ASSERT_EQ(load(0, cycle, weight), 0);
    ASSERT_EQ(install(0, cycle + 20), 0);
    EXPECT_EQ(mxm->getInstalled(0), weight);
    ASSERT_EQ(feed(0, cycle + 21), 0);
    ASSERT_EQ(drain(0, cycle + 21), 0);
    EXPECT_EQ(words, std::vector<uint32_t>(width, width * weight));
    EXPECT_EQ(sum.identity, foldOf({10, weight, 77, MOERT_LPU_I8}));
    cycle += 21;
  }
}

TEST_F(MxmTest, WhatIsNotLoadedIsZero) {
  ASSERT_EQ(load(0, 0, 7), 0);
  ASSERT_EQ(install(0, 20), 0);
  ASSERT_EQ(load(0, 21, 9), 0); // what the next buffer held before
  ASSERT_EQ(install(0, 41), 0);
  ASSERT_EQ(load(0, 42, 3, 4, 2), 0);
  ASSERT_EQ(install(0, 44), 0);
  ASSERT_EQ(feed(0, 45), 0);
  ASSERT_EQ(drain(0, 45), 0);
  for (int64_t column = 0; column < width; ++column)
    EXPECT_EQ(words[size_t(column)],
              column / 16 == 4 || column / 16 == 5 ? uint32_t(3 * width) : 0u);
}

TEST_F(MxmTest, HalvesTakeBothPlanes) {
  ASSERT_EQ(load(0, 0, 0x00), 0);
  ASSERT_EQ(load(1, 3, 0x40), 0);               // f16 2.0
  EXPECT_EQ(install(0, 22, MOERT_LPU_F16), 15); // the odd one's is loaded to 22
  ASSERT_EQ(install(0, 23, MOERT_LPU_F16), 0);
  uint32_t identity = foldOf({8, 0, 0x40});
  EXPECT_EQ(mxm->getInstalled(0), identity);
  EXPECT_EQ(mxm->getInstalled(1), identity);
  ASSERT_EQ(feed(0, 24, MOERT_LPU_F16), 0);
  EXPECT_TRUE(mxm->isUndrained(0, 24));
  ASSERT_EQ(drain(0, 24, MOERT_LPU_F16), 0);
  EXPECT_FALSE(mxm->isUndrained(0, 24));
  EXPECT_EQ(words, std::vector<uint32_t>(width, 0x44200000)); // 640
  EXPECT_EQ(feed(1, 25), 16);
  EXPECT_EQ(feed(0, 25), 16);
  EXPECT_EQ(feed(1, 25, MOERT_LPU_F16), 16);
  EXPECT_EQ(install(1, 60, MOERT_LPU_F16), 16);
}

TEST_F(MxmTest, BytesAreNoHalves) {
  ASSERT_EQ(load(0, 0, 1), 0);
  ASSERT_EQ(load(1, 0, 1), 0);
  ASSERT_EQ(install(0, 20), 0);
  ASSERT_EQ(install(1, 20), 0);
  EXPECT_EQ(feed(0, 21, MOERT_LPU_F16), 16);
  ASSERT_EQ(feed(0, 21), 0);
  EXPECT_EQ(feed(0, 21), 16);
  EXPECT_EQ(drain(0, 21, MOERT_LPU_F16), 17);
}

TEST_F(MxmTest, ClearedWeightsAreZeroOfAnyType) {
  EXPECT_EQ(feed(0, 5), 13);
  ASSERT_EQ(mxm->clear(0, 5).hazard, 0);
  ASSERT_EQ(mxm->clear(1, 5).hazard, 0);
  EXPECT_EQ(feed(0, 26), 13);
  EXPECT_EQ(load(0, 26, 1), 15);
  ASSERT_EQ(feed(0, 27), 0);
  ASSERT_EQ(drain(0, 27), 0);
  EXPECT_EQ(words, std::vector<uint32_t>(width));
  EXPECT_EQ(sum.identity, foldOf({10, foldOf({9}), 77, MOERT_LPU_I8}));
  ASSERT_EQ(feed(0, 28, MOERT_LPU_F16), 0);
  ASSERT_EQ(drain(0, 28, MOERT_LPU_F16), 0);
  EXPECT_EQ(words, std::vector<uint32_t>(width));
}

TEST_F(MxmTest, WeightsWaitForActivations) {
  ASSERT_EQ(load(0, 0, 1), 0);
  ASSERT_EQ(install(0, 20), 0);
  EXPECT_EQ(feed(0, 20), 13);
  ASSERT_EQ(feed(0, 21), 0);
  ASSERT_EQ(load(0, 21, 2, 0, 4), 0);
  EXPECT_EQ(install(0, 40), 14);
  EXPECT_EQ(mxm->clear(0, 40).hazard, 14);
  EXPECT_EQ(install(0, 41), 0);
}

TEST_F(MxmTest, BuffersHoldOneTile) {
  EXPECT_EQ(install(0, 0), 15);
  ASSERT_EQ(load(0, 0, 1, 0, 10), 0);
  EXPECT_EQ(load(0, 9, 1, 10, 10), 15);
  EXPECT_EQ(install(0, 9), 15);
  EXPECT_EQ(load(0, 10, 1, 9, 2), 15);
  EXPECT_EQ(load(0, 10, 1, 10, 11), 15);
  EXPECT_EQ(mxm->clear(0, 9).hazard, 15);
  ASSERT_EQ(load(0, 10, 1, 10, 10), 0);
  EXPECT_EQ(load(0, 20, 1), 15);
  ASSERT_EQ(install(0, 20), 0);
  ASSERT_EQ(load(0, 21, 1), 0);
}

TEST_F(MxmTest, LoadsPause) {
  machine.mxm.overhead = 12;
  ASSERT_EQ(load(0, 0, 1), 0);
  ASSERT_EQ(install(0, 20), 0);
  EXPECT_EQ(load(0, 31, 1), 15);
  EXPECT_EQ(load(0, 32, 1), 0);
}

TEST_F(MxmTest, AccumulatorsAdd) {
  ASSERT_EQ(load(0, 0, 0x7f), 0);
  ASSERT_EQ(install(0, 20), 0);
  ASSERT_EQ(feed(0, 21), 0);
  EXPECT_EQ(drain(0, 21, MOERT_LPU_I8, true, 1), 19);
  EXPECT_EQ(drain(0, 21, MOERT_LPU_I8, true, 2), 17);
  ASSERT_EQ(drain(0, 21, MOERT_LPU_I8, false, 1), 0);
  uint32_t first = sum.identity;
  EXPECT_EQ(drain(0, 21, MOERT_LPU_I8, false, 1), 17); // drained already
  EXPECT_EQ(drain(0, 22), 17);                         // nothing fed
  ASSERT_EQ(feed(0, 22), 0);
  ASSERT_EQ(drain(0, 22, MOERT_LPU_I8, true, 1), 0);
  EXPECT_EQ(words, std::vector<uint32_t>(width, 2 * 127 * width));
  EXPECT_EQ(sum.identity, foldOf({11, first, first}));
  EXPECT_FALSE(sum.overflow);
}

} // namespace
