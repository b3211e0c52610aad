//===- CollectivesTest.cpp - what threads do together ---------------------===//
#include "EmulatorTesting.h"

using namespace moert;
using namespace moert::emulator;

namespace {

TEST_F(EmulatorTest, ThreadsKnowWhoTheyAre) {
  Buffer<uint32_t> out(emulator, 6 * 64 * 6);
  auto code = [](E e, void *const *p) {
    auto *out = parameter<uint32_t *>(p, 0);
    uint32_t block = e->special(e, MOERT_EMULATOR_BLOCK_Y) *
                         e->special(e, MOERT_EMULATOR_BLOCKS_X) +
                     blockOf(e);
    for (int32_t which = 0; which < 6; ++which)
      store(e, &out[(block * 64 + threadOf(e)) * 6 + uint32_t(which)],
            e->special(e, which));
  };
  moert_gpu_kernel_t kernel = {};
  kernel.name = "ids";
  kernel.threads = 64;
  kernel.emulated = code;
  uint32_t *pointer = out.data();
  void *parameters[] = {&pointer};
  EXPECT_OK(emulator.run(kernel, 3, 2, parameters));
  for (uint32_t block = 0; block < 6; ++block)
    for (uint32_t thread = 0; thread < 64; ++thread) {
      uint32_t *ids = &out[(block * 64 + thread) * 6];
      EXPECT_EQ(ids[MOERT_EMULATOR_THREAD], thread);
      EXPECT_EQ(ids[MOERT_EMULATOR_THREADS], 64u);
      EXPECT_EQ(ids[MOERT_EMULATOR_BLOCK_X], block % 3);
      EXPECT_EQ(ids[MOERT_EMULATOR_BLOCK_Y], block / 3);
      EXPECT_EQ(ids[MOERT_EMULATOR_BLOCKS_X], 3u);
      EXPECT_EQ(ids[MOERT_EMULATOR_BLOCKS_Y], 2u);
    }
}

/// Sums a block's numbers: within warps by shuffles, then in shared memory.
void sumBlock(E e, void *const *p) {
  const auto *in = parameter<const uint32_t *>(p, 0);
  auto *out = parameter<uint32_t *>(p, 1);
  auto *sums = static_cast<uint32_t *>(e->shared(e));
  uint32_t thread = threadOf(e);
  uint32_t threads = e->special(e, MOERT_EMULATOR_THREADS);
  uint32_t sum = load(e, in + blockOf(e) * threads + thread, 1);
  for (uint32_t lanes = 16; lanes; lanes /= 2)
    sum += shuffleXor(e, sum, lanes, 2);
  if (thread % 32 == 0)
    store(e, sums + thread / 32, sum, 3);
  e->barrier(e, 0, 0, 4);
  if (thread == 0) {
    sum = 0;
    for (uint32_t i = 0; i < threads / 32; ++i)
      sum += load(e, sums + i, 5);
    store(e, out + blockOf(e), sum, 6);
  }
}

class SumTest : public EmulatorTest,
                public testing::WithParamInterface<uint32_t> {};

TEST_P(SumTest, OfABlock) {
  uint32_t threads = GetParam();
  constexpr uint32_t blocks = 300;
  for (int32_t workers : {1, 3}) {
    for (bool races : {false, true}) {
      Emulator emulator(workers, races);
      Buffer<uint32_t> in(emulator, blocks * threads), out(emulator, blocks);
      for (uint32_t i = 0; i < in.size(); ++i)
        in[i] = i * 2654435761u;
      EXPECT_OK(runOn(emulator, sumBlock, threads, threads / 8, blocks,
                      in.data(), out.data()));
      for (uint32_t block = 0; block < blocks; ++block) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < threads; ++i)
          sum += in[block * threads + i];
        ASSERT_EQ(out[block], sum) << block;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, SumTest, testing::Values(32, 128, 256, 1024));

/// What each lane gets if it gives 100 + its number.
std::vector<uint32_t> shuffled(Emulator &emulator, int32_t mode, uint32_t lane,
                               uint32_t clamp) {
  Buffer<uint32_t> out(emulator, 32);
  auto code = [](E e, void *const *p) {
    uint32_t value =
        e->shuffle(e, parameter<int32_t>(p, 1), all, 100 + threadOf(e),
                   parameter<uint32_t>(p, 2), parameter<uint32_t>(p, 3), 0);
    store(e, parameter<uint32_t *>(p, 0) + threadOf(e), value);
  };
  uint32_t *pointer = out.data();
  void *parameters[] = {&pointer, &mode, &lane, &clamp};
  moert_gpu_kernel_t kernel = {};
  kernel.name = "shuffle";
  kernel.threads = 32;
  kernel.emulated = code;
  EXPECT_OK(emulator.run(kernel, 1, 1, parameters));
  return {out.data(), out.data() + 32};
}

TEST_F(EmulatorTest, ShufflesAsPtxSays) {
  auto up = shuffled(emulator, MOERT_EMULATOR_SHUFFLE_UP, 3, 0);
  auto down = shuffled(emulator, MOERT_EMULATOR_SHUFFLE_DOWN, 5, 31);
  auto exchange = shuffled(emulator, MOERT_EMULATOR_SHUFFLE_XOR, 9, 31);
  auto index = shuffled(emulator, MOERT_EMULATOR_SHUFFLE_INDEX, 7, 31);
  // Segments of eight lanes: c holds the mask of their number above bit 8.
  auto inEights =
      shuffled(emulator, MOERT_EMULATOR_SHUFFLE_INDEX, 2, 0x1807 | 31);
  auto downEights =
      shuffled(emulator, MOERT_EMULATOR_SHUFFLE_DOWN, 3, 0x1807 | 31);
  auto upEights = shuffled(emulator, MOERT_EMULATOR_SHUFFLE_UP, 3, 0x1800);
  for (uint32_t l = 0; l < 32; ++l) {
    EXPECT_EQ(up[l], 100 + (l < 3 ? l : l - 3));
    EXPECT_EQ(down[l], 100 + (l + 5 > 31 ? l : l + 5));
    EXPECT_EQ(exchange[l], 100 + (l ^ 9));
    EXPECT_EQ(index[l], 107u);
    EXPECT_EQ(inEights[l], 100 + (l & 24) + 2);
    EXPECT_EQ(downEights[l], 100 + (l % 8 + 3 > 7 ? l : l + 3));
    EXPECT_EQ(upEights[l], 100 + (l % 8 < 3 ? l : l - 3));
  }
}

TEST_F(EmulatorTest, HalvesOfAWarpMeetOnTheirOwn) {
  Buffer<uint32_t> out(emulator, 64);
  EXPECT_OK(run(
      [](E e, void *const *p) {
        uint32_t thread = threadOf(e), lane = thread % 32;
        uint32_t mask = lane < 16 ? 0xffff : 0xffff0000;
        // The halves come to different instructions, the odd half twice.
        uint32_t votes = e->ballot(e, mask, lane % 3 == 0, lane < 16 ? 1 : 2);
        if (lane >= 16)
          votes = e->ballot(e, mask, lane % 5 == 0, 3);
        e->sync_warp(e, all, 4);
        votes +=
            e->shuffle(e, MOERT_EMULATOR_SHUFFLE_XOR, mask, thread, 1, 31, 5)
            << 16;
        store(e, parameter<uint32_t *>(p, 0) + thread, votes);
      },
      64, 0, 1, out.data()));
  uint32_t low = 0, high = 0;
  for (uint32_t l = 0; l < 16; ++l)
    low |= uint32_t(l % 3 == 0) << l;
  for (uint32_t l = 16; l < 32; ++l)
    high |= uint32_t(l % 5 == 0) << l;
  for (uint32_t t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], (t % 32 < 16 ? low : high) + ((t ^ 1) << 16)) << t;
}

TEST_F(EmulatorTest, WarpsMeetAtNamedBarriers) {
  // Two warps make what the other two use, at a barrier of their own each time.
  Buffer<uint32_t> out(emulator, 64);
  EXPECT_OK(run(
      [](E e, void *const *p) {
        auto *shared = static_cast<uint32_t *>(e->shared(e));
        uint32_t thread = threadOf(e), group = thread / 64;
        for (uint32_t round = 0; round < 5; ++round) {
          if (group == 0)
            store(e, shared + thread, round * 1000 + thread);
          e->barrier(e, 1, 128, 1);
          if (group == 1) {
            uint32_t value = load(e, shared + (127 - thread));
            if (round == 4)
              store(e, parameter<uint32_t *>(p, 0) + (thread - 64), value);
            e->barrier(e, 2, 64, 2); // only they
          }
          e->barrier(e, 3, 0, 3);
        }
      },
      128, 256, 1, out.data()));
  for (uint32_t t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], 4000 + 63 - t);
}

TEST_F(EmulatorTest, AtomicsOfManyBlocksAddUp) {
  for (int32_t workers : {1, 4}) {
    Emulator emulator(workers);
    Buffer<uint32_t> counts(emulator, 8);
    EXPECT_OK(runOn(
        emulator,
        [](E e, void *const *p) {
          uint32_t *count = parameter<uint32_t *>(p, 0) + threadOf(e) % 8;
          e->access(e, count, 4, MOERT_EMULATOR_ATOMIC, 0);
          __atomic_fetch_add(count, blockOf(e) + 1, __ATOMIC_RELAXED);
        },
        64, 0, 500, counts.data()));
    for (uint32_t i = 0; i < 8; ++i)
      EXPECT_EQ(counts[i], 8u * 500 * 501 / 2);
  }
}

TEST_F(EmulatorTest, NoBlocksAreNoWork) {
  EXPECT_OK(run([](E, void *const *) { FAIL(); }, 32, 0, 0));
}

TEST_F(EmulatorTest, RefusesKernelsThatNoDeviceRuns) {
  auto nothing = [](E, void *const *) {};
  EXPECT_STREQ(run(nothing, 48, 0, 1).message(),
               "kernel sample has blocks of 48 threads: must be a multiple of "
               "32 up to 1024");
  EXPECT_STREQ(
      run(nothing, 1056, 0, 1).message(),
      "kernel sample has blocks of 1056 threads: must be a multiple of "
      "32 up to 1024");
  EXPECT_STREQ(run(nothing, 32, 200000, 1).message(),
               "kernel sample needs 200000 bytes of shared memory, a block has "
               "166912");
  EXPECT_STREQ(run(nullptr, 32, 0, 1).message(),
               "kernel sample was not compiled for the emulator");
  EXPECT_STREQ(run(nothing, 32, 0, int64_t(1) << 31).message(),
               "kernel sample: 2147483648x1 blocks requested, at most "
               "2147483647x65535 are possible");
}

} // namespace
