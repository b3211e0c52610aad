//===- RacesTest.cpp - accesses that nothing orders -----------------------===//
#include "EmulatorTesting.h"

using namespace moert;
using namespace moert::emulator;

namespace {

class RacesTest : public EmulatorTest {
protected:
  RacesTest() : watched(1, /*checksRaces=*/true) {}

  template <typename... Parameters>
  void expectRace(const std::string &pattern, moert_emulated_kernel_t code,
                  uint32_t threads, uint32_t shared, int64_t blocks,
                  Parameters... values) {
    Status status = runOn(watched, code, threads, shared, blocks, values...);
    EXPECT_EQ(status.code(), MOERT_INTERNAL);
    expectMatch(status.message(), pattern);
  }
  template <typename... Parameters>
  void expectNone(moert_emulated_kernel_t code, uint32_t threads,
                  uint32_t shared, int64_t blocks, Parameters... values) {
    EXPECT_OK(runOn(watched, code, threads, shared, blocks, values...));
  }

  Emulator watched;
};

/// Each thread writes a number and reads that of the next warp; the barrier
/// between is there if `ids` says so.
template <int first, int second> void exchange(E e, void *const *) {
  auto *shared = static_cast<uint32_t *>(e->shared(e));
  uint32_t thread = threadOf(e);
  uint32_t threads = e->special(e, MOERT_EMULATOR_THREADS);
  for (int round = 0; round < 3; ++round) {
    store(e, shared + thread, thread, 1);
    if (first)
      e->barrier(e, 0, 0, 2);
    load(e, shared + (thread + 32) % threads, 3);
    if (second)
      e->barrier(e, 0, 0, 4);
  }
}

TEST_F(RacesTest, ADroppedBarrier) {
  expectNone(exchange<1, 1>, 128, 512, 3);
  expectRace(
      "kernel sample: block 0,0, thread [0-9]+, instruction 1: writes 4 "
      "bytes at offset [0-9]+ of shared memory that thread [0-9]+ of block "
      "0,0 read, with nothing between that orders the two",
      exchange<1, 0>, 128, 512, 1);
  // Here the order in which threads run hides nothing.
  expectRace(
      ".* instruction 3: reads 4 bytes at offset [0-9]+ of shared memory "
      "that thread [0-9]+ of block 0,0 wrote, with nothing .*",
      [](E e, void *const *) {
        auto *shared = static_cast<uint32_t *>(e->shared(e));
        uint32_t thread = threadOf(e);
        store(e, shared + thread, thread, 1);
        load(e, shared + (thread ? thread - 1 : 0), 3);
      },
      128, 512, 1);
}

TEST_F(RacesTest, WarpBarriersOrderOnlyTheirLanes) {
  auto code = [](E e, void *const *p) {
    auto *shared = static_cast<uint32_t *>(e->shared(e));
    uint32_t thread = threadOf(e);
    store(e, shared + thread, thread, 0);
    e->barrier(e, 0, 0, 0);
    for (int round = 0; round < 4; ++round) {
      store(e, shared + thread, thread, 1);
      e->sync_warp(e, all, 2);
      load(e, shared + (thread ^ parameter<uint32_t>(p, 0)), 3);
      e->sync_warp(e, all, 4);
    }
  };
  expectNone(code, 128, 512, 2, uint32_t(17));
  expectRace(".* with nothing between that orders the two", code, 128, 512, 2,
             uint32_t(32));
  // Half a warp each.
  auto halves = [](E e, void *const *p) {
    auto *shared = static_cast<uint32_t *>(e->shared(e));
    uint32_t thread = threadOf(e);
    store(e, shared + thread, thread, 0);
    e->barrier(e, 0, 0, 0);
    store(e, shared + thread, thread, 1);
    e->sync_warp(e, thread % 32 < 16 ? 0xffff : 0xffff0000, 2);
    load(e, shared + (thread ^ parameter<uint32_t>(p, 0)), 3);
  };
  expectNone(halves, 64, 256, 1, uint32_t(8));
  expectRace(".* with nothing between that orders the two", halves, 64, 256, 1,
             uint32_t(16));
}

TEST_F(RacesTest, ShufflesOrderNothing) {
  expectRace(
      ".* with nothing between that orders the two",
      [](E e, void *const *) {
        auto *shared = static_cast<uint32_t *>(e->shared(e));
        store(e, shared + threadOf(e), 1u, 1);
        shuffleXor(e, 0, 1, 2);
        load(e, shared + (threadOf(e) ^ 1), 3);
      },
      32, 128, 1);
}

TEST_F(RacesTest, NamedBarriersOrderTheirWarps) {
  auto code = [](E e, void *const *p) {
    auto *shared = static_cast<uint32_t *>(e->shared(e));
    uint32_t thread = threadOf(e);
    store(e, shared + thread, thread, 0);
    e->barrier(e, 0, 0, 0);
    store(e, shared + thread, thread, 1);
    e->barrier(e, 1 + int32_t(thread / 64), 64, 2); // pairs of warps
    load(e, shared + (thread ^ parameter<uint32_t>(p, 0)), 3);
  };
  expectNone(code, 128, 512, 1, uint32_t(33));
  expectRace(".* with nothing between that orders the two", code, 128, 512, 1,
             uint32_t(64));
}

TEST_F(RacesTest, OrderIsPassedOn) {
  // Warp 0 meets warp 1, then warp 1 meets warp 2.
  expectNone(
      [](E e, void *const *) {
        auto *shared = static_cast<uint32_t *>(e->shared(e));
        uint32_t thread = threadOf(e), warp = thread / 32;
        if (warp == 0)
          store(e, shared + thread, 1u, 1);
        if (warp <= 1)
          e->barrier(e, 1, 64, 2);
        if (warp >= 1)
          e->barrier(e, 2, 64, 3);
        if (warp == 2)
          load(e, shared + thread % 32, 4);
      },
      96, 128, 1);
}

TEST_F(RacesTest, BlocksOfOneLaunch) {
  Buffer<uint32_t> numbers(watched, 1024);
  auto code = [](E e, void *const *p) {
    auto *numbers = parameter<uint32_t *>(p, 0);
    uint32_t at = blockOf(e) * parameter<uint32_t>(p, 1) + threadOf(e);
    store(e, numbers + at, load(e, numbers + at, 1) + 1, 2);
  };
  expectNone(code, 64, 0, 8, numbers.data(), uint32_t(64));
  // The next launch comes behind the first.
  expectNone(code, 64, 0, 8, numbers.data(), uint32_t(64));
  expectRace(
      "kernel sample: block 1,0, thread 0, instruction 1: reads 4 bytes at "
      "address 0x[0-9a-f]+ that thread 32 of block 0,0 wrote, with nothing "
      "between that orders the two",
      code, 64, 0, 8, numbers.data(), uint32_t(32));
}

TEST_F(RacesTest, AtomicsRaceOnlyWithOthers) {
  Buffer<uint32_t> numbers(watched, 8);
  auto code = [](E e, void *const *p) {
    auto *numbers = parameter<uint32_t *>(p, 0);
    uint32_t thread = threadOf(e);
    e->access(e, numbers + thread % 8, 4, MOERT_EMULATOR_ATOMIC, 1);
    ++numbers[thread % 8];
    if (parameter<uint32_t>(p, 1) && blockOf(e) == 1 && thread == 5)
      load(e, numbers + 5, 2);
  };
  expectNone(code, 64, 0, 4, numbers.data(), uint32_t(0));
  expectRace(
      ".* thread 5, instruction 2: reads 4 bytes at address 0x[0-9a-f]+ that "
      "thread [0-9]+ of block 0,0 wrote, with nothing .*",
      code, 64, 0, 4, numbers.data(), uint32_t(1));
}

TEST_F(RacesTest, BytesOfOneWordAreApart) {
  expectNone(
      [](E e, void *const *) {
        auto *bytes = static_cast<uint8_t *>(e->shared(e));
        uint32_t thread = threadOf(e);
        store(e, bytes + thread, uint8_t(thread), 1);
        e->barrier(e, 0, 0, 2);
        load(e, reinterpret_cast<uint32_t *>(bytes) + thread / 4, 3);
      },
      64, 64, 2);
  expectRace(
      ".* writes 1 bytes at offset 8 of shared memory that thread 0 of "
      "block 0,0 wrote, .*",
      [](E e, void *const *) {
        auto *bytes = static_cast<uint8_t *>(e->shared(e));
        uint32_t thread = threadOf(e);
        if (thread == 0)
          store(e, reinterpret_cast<uint32_t *>(bytes) + 2, 1u, 1);
        if (thread == 1)
          store(e, bytes + 8, uint8_t(1), 2);
      },
      32, 64, 1);
}

TEST_F(RacesTest, CopiesArriveWhenTheirThreadWaits) {
  Buffer<uint32_t> numbers(watched, 256, 5);
  auto code = [](E e, void *const *p) {
    auto *to = static_cast<uint32_t *>(e->shared(e));
    uint32_t thread = threadOf(e);
    e->copy_async(e, to + thread * 4, parameter<uint32_t *>(p, 0) + thread * 4,
                  16, 16, 1);
    e->commit_copies(e);
    if (parameter<uint32_t>(p, 1))
      e->barrier(e, 0, 0, 2); // too early
    e->wait_copies(e, 0);
    if (!parameter<uint32_t>(p, 1))
      e->barrier(e, 0, 0, 2);
    // Warp 1 goes on first, so what it copies is there, by luck.
    if (thread < 32)
      load(e, to + (thread + 32) * 4, 3);
  };
  expectNone(code, 64, 1024, 1, numbers.data(), uint32_t(0));
  expectRace(
      ".* thread [0-9]+, instruction 3: reads 4 bytes at offset [0-9]+ of "
      "shared memory that thread [0-9]+ of block 0,0 wrote, .*",
      code, 64, 1024, 1, numbers.data(), uint32_t(1));
}

TEST_F(RacesTest, NobodyLooksUnlessAsked) {
  EXPECT_OK(run(exchange<1, 0>, 128, 512, 1));
}

} // namespace
