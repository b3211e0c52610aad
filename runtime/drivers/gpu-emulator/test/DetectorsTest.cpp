//===- DetectorsTest.cpp - defects of kernels, each named -----------------===//
#include "EmulatorTesting.h"

#include <gmock/gmock.h>

using namespace moert;
using namespace moert::emulator;

namespace {

class DetectorsTest : public EmulatorTest {
protected:
  /// Expects the failure, that no block runs on, and that the emulator is as
  /// new after it.
  template <typename... Parameters>
  void expectFailure(Fault fault, const std::string &pattern,
                     moert_emulated_kernel_t code, uint32_t threads,
                     uint32_t shared, Parameters... values) {
    for (int32_t workers : {1, 3}) {
      emulator.setThreads(workers);
      Status status = run(code, threads, shared, 5, values...);
      EXPECT_EQ(status.code(),
                fault == Fault::Other ? MOERT_INTERNAL : MOERT_OUT_OF_RANGE);
      EXPECT_EQ(emulator.getFault(), fault);
      expectMatch(status.message(), pattern);
      checkHealth();
    }
  }

private:
  void checkHealth() {
    Buffer<uint32_t> sum(emulator, 1);
    EXPECT_OK(run(
        [](E e, void *const *p) {
          auto *shared = static_cast<uint32_t *>(e->shared(e));
          uint32_t thread = threadOf(e);
          store(e, shared + thread, shuffleXor(e, thread, 1));
          e->barrier(e, 0, 0, 0);
          if (thread == 0)
            for (uint32_t i = 0; i < 1024; ++i)
              parameter<uint32_t *>(p, 0)[0] += load(e, shared + i);
        },
        1024, 4096, 1, sum.data()));
    EXPECT_EQ(sum[0], 1023u * 512);
    EXPECT_EQ(emulator.getFault(), Fault::None);
  }
};

TEST_F(DetectorsTest, SomeLeaveBeforeABarrier) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 0, instruction 7: barrier 0 of 128 "
      "threads has 125 and waits for thread 97, which has left",
      [](E e, void *const *) {
        if (threadOf(e) < 97 || threadOf(e) > 99)
          e->barrier(e, 0, 0, 7);
      },
      128, 0);
}

TEST_F(DetectorsTest, AWarpLeavesBeforeABarrier) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 0, instruction 7: barrier 0 of 96 "
      "threads has 64 and waits for thread 32, which has left",
      [](E e, void *const *) {
        if (threadOf(e) / 32 != 1)
          e->barrier(e, 0, 0, 7);
      },
      96, 0);
}

TEST_F(DetectorsTest, ThreadsOfAWarpWaitAtDifferentBarriers) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 16, instruction 2: comes to "
      "barrier "
      "0 without all of its warp: thread 0, which waits at barrier 0, "
      "instruction 1",
      [](E e, void *const *) {
        if (threadOf(e) < 16)
          e->barrier(e, 0, 0, 1);
        else
          e->barrier(e, 0, 0, 2);
      },
      64, 0);
}

TEST_F(DetectorsTest, WarpsWaitAtDifferentBarriers) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 0, instruction 1: barrier 1 of 64 "
      "threads has 32 and waits for thread 32, which waits at barrier 2, "
      "instruction 2",
      [](E e, void *const *) {
        if (threadOf(e) < 32)
          e->barrier(e, 1, 0, 1);
        else
          e->barrier(e, 2, 0, 2);
      },
      64, 0);
}

TEST_F(DetectorsTest, SomeWaitAtABarrierAndSomeAtAShuffle) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 0, instruction 3: a shuffle of "
      "lanes 0xffffffff waits for thread 9, which waits at barrier 0, "
      "instruction 4",
      [](E e, void *const *) {
        if (threadOf(e) != 9)
          shuffleXor(e, 0, 1, 3);
        e->barrier(e, 0, 0, 4);
      },
      32, 0);
}

TEST_F(DetectorsTest, LanesThatNeverCome) {
  expectFailure(
      Fault::Other,
      "kernel sample: block [0-4],0, thread 32, instruction 3: a shuffle of "
      "lanes 0xffffffff waits for thread 37, which has left",
      [](E e, void *const *) {
        if (threadOf(e) != 37)
          shuffleXor(e, 0, 1, 3);
      },
      64, 0);
  expectFailure(
      Fault::Other,
      ".* instruction 3: a vote of lanes 0xffffffff waits for thread 5, which "
      "waits at a warp barrier of lanes 0xffffffff, instruction 4",
      [](E e, void *const *) {
        if (threadOf(e) != 5)
          e->ballot(e, all, 1, 3);
        e->sync_warp(e, all, 4);
      },
      32, 0);
  expectFailure(
      Fault::Other,
      ".* instruction 1: a shuffle of lanes 0xffff waits for thread 8, which "
      "waits at a shuffle of lanes 0xffff00, instruction 2",
      [](E e, void *const *) {
        uint32_t lane = threadOf(e);
        if (lane < 8)
          e->shuffle(e, MOERT_EMULATOR_SHUFFLE_XOR, 0xffff, 0, 1, 31, 1);
        else if (lane < 16)
          e->shuffle(e, MOERT_EMULATOR_SHUFFLE_XOR, 0xffff00, 0, 1, 31, 2);
      },
      32, 0);
}

TEST_F(DetectorsTest, AlignedInstructionsAreOneForTheWholeWarp) {
  expectFailure(
      Fault::Other,
      ".* thread 0, instruction 1: a matrix product of lanes 0xffffffff waits "
      "for thread 4, which waits at a matrix product of lanes 0xffffffff, "
      "instruction 2",
      [](E e, void *const *) {
        uint32_t r[4] = {};
        e->mma(e, MOERT_EMULATOR_MMA_M16N8K32_S8S8, r, r, r, r,
               threadOf(e) < 4 ? 1 : 2);
      },
      32, 0);
}

TEST_F(DetectorsTest, MasksWithoutTheLaneItself) {
  expectFailure(
      Fault::Other,
      ".* thread 3, instruction 1: lane 3 is not one of the lanes 0xfff7 that "
      "it wants to meet",
      [](E e, void *const *) {
        if (threadOf(e) == 3)
          e->sync_warp(e, 0xfff7, 1);
      },
      32, 0);
}

TEST_F(DetectorsTest, ShufflesThatReadALaneThatTakesNoPart) {
  expectFailure(
      Fault::Other,
      ".* thread 8, instruction 1: a shuffle reads lane 24, which is not one "
      "of "
      "the lanes 0xffff that take part",
      [](E e, void *const *) {
        uint32_t lane = threadOf(e);
        if (lane < 16)
          e->shuffle(e, MOERT_EMULATOR_SHUFFLE_XOR, 0xffff, 0,
                     lane == 8 ? 16 : 1, 31, 1);
      },
      32, 0);
}

TEST_F(DetectorsTest, BarriersOfWrongThreads) {
  expectFailure(
      Fault::Other,
      ".* barrier 1 of 48 threads: must be a multiple of 32 up to the 64 "
      "threads of the block",
      [](E e, void *const *) { e->barrier(e, 1, 48, 1); }, 64, 0);
  expectFailure(
      Fault::Other,
      ".* barrier 1 of 96 threads: must be a multiple of 32 up to the 64 "
      "threads of the block",
      [](E e, void *const *) { e->barrier(e, 1, 96, 1); }, 64, 0);
  expectFailure(
      Fault::Other, ".* barrier 16 requested, a block has 16",
      [](E e, void *const *) { e->barrier(e, 16, 0, 1); }, 64, 0);
  expectFailure(
      Fault::Other,
      ".* thread 32, instruction 2: barrier 1 of 64 threads, others wait there "
      "for 96",
      [](E e, void *const *) {
        if (threadOf(e) < 32)
          e->barrier(e, 1, 96, 1);
        else
          e->barrier(e, 1, 64, 2);
      },
      96, 0);
  // More than it wants come: one is left over.
  expectFailure(
      Fault::Other,
      ".* thread 64, instruction 1: barrier 1 of 64 threads has 32 and waits "
      "for thread 0, which has left",
      [](E e, void *const *) { e->barrier(e, 1, 64, 1); }, 96, 0);
}

TEST_F(DetectorsTest, GlobalAddressesOutOfBounds) {
  Buffer<float> numbers(emulator, 1024);
  expectFailure(
      Fault::Bounds,
      "kernel sample: block [0-4],0, thread 31, instruction 12: reads 4 bytes "
      "at "
      "address 0x[0-9a-f]+, 0 bytes past the end of an allocation of 4096 "
      "bytes",
      [](E e, void *const *p) {
        // An index that is one too large.
        load(e, parameter<float *>(p, 0) + threadOf(e) * 33 + 1, 12);
      },
      64, 0, numbers.data());
  expectFailure(
      Fault::Bounds,
      ".* thread 0, instruction 5: writes 4 bytes at address 0x[0-9a-f]+, 8 "
      "bytes "
      "before the start of an allocation of 4096 bytes",
      [](E e, void *const *p) {
        store(e, parameter<float *>(p, 0) - 2, 1.f, 5);
      },
      64, 0, numbers.data());
  expectFailure(
      Fault::Bounds,
      ".* thread 0, instruction 5: changes 4 bytes at address .*, far from all "
      "allocations",
      [](E e, void *const *) {
        e->access(e, nullptr, 4, MOERT_EMULATOR_ATOMIC, 5);
      },
      64, 0);
}

TEST_F(DetectorsTest, AccessesAcrossTheEndOfAnAllocation) {
  Buffer<uint32_t> numbers(emulator, 6);
  expectFailure(
      Fault::Bounds,
      ".* reads 16 bytes at address 0x[0-9a-f]+, 8 bytes before the end of an "
      "allocation of 24 bytes",
      [](E e, void *const *p) {
        auto *numbers = parameter<uint32_t *>(p, 0);
        e->access(e, numbers + 4, 16, MOERT_EMULATOR_READ | 8 << 8, 5);
      },
      32, 0, numbers.data());
}

TEST_F(DetectorsTest, MemoryThatIsNoLongerThere) {
  uint32_t *gone;
  {
    Buffer<uint32_t> numbers(emulator, 8);
    gone = numbers.data();
    EXPECT_OK(run([](E e, void *const *p) { load(e, parameter<int *>(p, 0)); },
                  32, 0, 1, gone));
  }
  expectFailure(
      Fault::Bounds, ".* reads 4 bytes at address .*",
      [](E e, void *const *p) { load(e, parameter<int *>(p, 0)); }, 32, 0,
      gone);
}

TEST_F(DetectorsTest, WritesToConstantMemory) {
  static const uint32_t table[4] = {1, 2, 3, 4};
  emulator.getMemory().add(table, sizeof(table), false);
  expectFailure(
      Fault::Bounds,
      ".* writes 4 bytes at address 0x[0-9a-f]+, which is constant memory",
      [](E e, void *const *p) {
        load(e, parameter<const uint32_t *>(p, 0), 1);
        e->access(e, parameter<const uint32_t *>(p, 0), 4, MOERT_EMULATOR_WRITE,
                  1);
      },
      32, 0, &table[0]);
  EXPECT_TRUE(emulator.getMemory().remove(table));
}

TEST_F(DetectorsTest, SharedOffsetsOutOfBounds) {
  expectFailure(
      Fault::Bounds,
      ".* thread 32, instruction 3: writes 4 bytes at offset 128 of shared "
      "memory, which has 128 bytes",
      [](E e, void *const *) {
        store(e, static_cast<uint32_t *>(e->shared(e)) + threadOf(e), 1u, 3);
      },
      64, 128);
  expectFailure(
      Fault::Bounds,
      ".* reads 8 bytes at offset -8 of shared memory, which has 128 bytes",
      [](E e, void *const *) {
        load(e, static_cast<uint64_t *>(e->shared(e)) - 1);
      },
      64, 128);
  expectFailure(
      Fault::Bounds,
      ".* reads a row of a matrix, 16 bytes, at offset 128 of shared memory, "
      "which has 128 bytes",
      [](E e, void *const *) {
        auto *shared = static_cast<uint64_t *>(e->shared(e));
        if (threadOf(e) < 16)
          store(e, shared + threadOf(e), uint64_t(0));
        e->sync_warp(e, all, 0);
        uint32_t result[2];
        e->load_matrix(e, 2, 0, shared + 2 * threadOf(e), result, 0);
      },
      32, 128);
}

TEST_F(DetectorsTest, SharedMemoryThatNobodyHasWritten) {
  expectFailure(
      Fault::Other,
      ".* thread 0, instruction 2: reads byte 1 of shared memory, which nobody "
      "has written",
      [](E e, void *const *) {
        auto *bytes = static_cast<uint8_t *>(e->shared(e));
        for (uint32_t i : {0, 2, 3})
          store(e, bytes + i, uint8_t(1), 1);
        load(e, reinterpret_cast<uint32_t *>(bytes), 2);
      },
      32, 64);
  // What the block before has written is gone.
  expectFailure(
      Fault::Other,
      ".* block [1-4],0, thread 0, instruction 2: reads byte 4 of shared "
      "memory, which nobody has written",
      [](E e, void *const *) {
        auto *numbers = static_cast<uint32_t *>(e->shared(e));
        if (blockOf(e) == 0)
          store(e, numbers + 1, 1u, 1);
        e->access(e, numbers + 1, 4, MOERT_EMULATOR_ATOMIC, 2);
      },
      32, 64);
  expectFailure(
      Fault::Other,
      ".* thread 4, instruction 2: reads byte 64 of shared memory, which "
      "nobody "
      "has written",
      [](E e, void *const *) {
        auto *shared = static_cast<uint64_t *>(e->shared(e));
        if (threadOf(e) < 8)
          store(e, shared + threadOf(e), uint64_t(0));
        e->sync_warp(e, all, 0);
        uint32_t result[1];
        e->load_matrix(e, 1, 0, shared + 2 * threadOf(e), result, 2);
      },
      32, 128);
}

TEST_F(DetectorsTest, CopiesThatNobodyHasWaitedFor) {
  Buffer<uint32_t> numbers(emulator, 256);
  expectFailure(
      Fault::Other,
      ".* thread 0, instruction 2: reads byte 16 of shared memory, to which a "
      "copy is on its way that nobody has waited for",
      [](E e, void *const *p) {
        auto *from = parameter<uint32_t *>(p, 0);
        auto *to = static_cast<uint32_t *>(e->shared(e));
        uint32_t thread = threadOf(e);
        for (uint32_t i = 0; i < 2; ++i) {
          e->copy_async(e, to + thread * 8 + i * 4, from + thread * 8 + i * 4,
                        16, 16, 1);
          e->commit_copies(e);
        }
        e->wait_copies(e, 1); // the second is still on its way
        load(e, to + thread * 8, 1);
        load(e, to + thread * 8 + 4, 2);
      },
      32, 1024, numbers.data());
  expectFailure(
      Fault::Other,
      ".* reads byte 0 of shared memory, to which a copy is on its way that "
      "nobody has waited for",
      [](E e, void *const *p) {
        auto *to = static_cast<uint32_t *>(e->shared(e));
        e->copy_async(e, to + threadOf(e), parameter<uint32_t *>(p, 0), 4, 4,
                      1);
        e->wait_copies(e, 0); // nobody has closed the group
        load(e, to + threadOf(e), 2);
      },
      32, 1024, numbers.data());
  expectFailure(
      Fault::Other,
      ".* instruction 2: writes 4 bytes at offset 0 of shared memory, to which "
      "a "
      "copy is on its way",
      [](E e, void *const *p) {
        auto *to = static_cast<uint32_t *>(e->shared(e));
        e->copy_async(e, to + threadOf(e), parameter<uint32_t *>(p, 0), 4, 4,
                      1);
        store(e, to + threadOf(e), 1u, 2);
      },
      32, 1024, numbers.data());
}

TEST_F(DetectorsTest, MisalignedAccesses) {
  Buffer<uint64_t> numbers(emulator, 64);
  expectFailure(
      Fault::Misaligned,
      ".* thread 1, instruction 4: reads 16 bytes at address 0x[0-9a-f]+, "
      "which "
      "is not a multiple of 16",
      [](E e, void *const *p) {
        auto *first = reinterpret_cast<char *>(
            (parameter<uintptr_t>(p, 0) + 15) / 16 * 16);
        e->access(e, first + threadOf(e) * 8, 16, MOERT_EMULATOR_READ, 4);
      },
      32, 0, numbers.data());
  expectFailure(
      Fault::Misaligned,
      ".* writes 2 bytes at address 0x[0-9a-f]+, which is not a multiple of 2",
      [](E e, void *const *) {
        e->access(e, static_cast<char *>(e->shared(e)) + 3, 2,
                  MOERT_EMULATOR_WRITE, 4);
      },
      32, 64);
  expectFailure(
      Fault::Misaligned,
      ".* a row of a matrix begins at address 0x[0-9a-f]+, which is not a "
      "multiple of 16",
      [](E e, void *const *) {
        uint32_t result[1];
        e->load_matrix(e, 1, 0, static_cast<char *>(e->shared(e)) + 8, result,
                       0);
      },
      32, 64);
  expectFailure(
      Fault::Misaligned,
      ".* writes 16 bytes at address 0x[0-9a-f]+, which is not a multiple of "
      "16",
      [](E e, void *const *p) {
        e->copy_async(e, static_cast<char *>(e->shared(e)) + 8,
                      parameter<char *>(p, 0), 16, 0, 0);
      },
      32, 64, numbers.data());
  // A kernel may say that it counts on less.
  EXPECT_OK(run(
      [](E e, void *const *p) {
        e->access(e, parameter<char *>(p, 0) + 4, 16,
                  MOERT_EMULATOR_READ | 4 << 8, 4);
      },
      32, 0, 1, numbers.data()));
}

TEST_F(DetectorsTest, CopiesOfWrongSizes) {
  expectFailure(
      Fault::Other, ".* copies 12 bytes: must be 4, 8 or 16 bytes",
      [](E e, void *const *) {
        e->copy_async(e, e->shared(e), nullptr, 12, 0, 0);
      },
      32, 64);
  expectFailure(
      Fault::Other, ".* copies 8 of 4 bytes",
      [](E e, void *const *) {
        e->copy_async(e, e->shared(e), nullptr, 4, 8, 0);
      },
      32, 64);
  expectFailure(
      Fault::Bounds,
      ".* copies 16 bytes to offset 64 of shared memory, which has 64 bytes",
      [](E e, void *const *) {
        e->copy_async(e, static_cast<char *>(e->shared(e)) + 64, nullptr, 16, 0,
                      0);
      },
      32, 64);
  expectFailure(
      Fault::Bounds, ".* reads 16 bytes at address .*",
      [](E e, void *const *) {
        e->copy_async(e, e->shared(e), nullptr, 16, 16, 0);
      },
      32, 64);
}

TEST_F(DetectorsTest, CopiesFillUpWithZeros) {
  Buffer<uint32_t> in(emulator, 4, 7), out(emulator, 4, 9);
  EXPECT_OK(run(
      [](E e, void *const *p) {
        if (threadOf(e))
          return;
        auto *to = static_cast<uint32_t *>(e->shared(e));
        e->copy_async(e, to, parameter<uint32_t *>(p, 0), 16, 8, 0);
        e->commit_copies(e);
        e->wait_copies(e, 0);
        for (uint32_t i = 0; i < 4; ++i)
          store(e, parameter<uint32_t *>(p, 1) + i, load(e, to + i));
      },
      32, 64, 1, in.data(), out.data()));
  EXPECT_THAT(std::vector<uint32_t>(out.data(), out.data() + 4),
              testing::ElementsAre(7, 7, 0, 0));
}

} // namespace
