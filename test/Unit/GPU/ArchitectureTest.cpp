//===- ArchitectureTest.cpp - what fits on a multiprocessor ---------------===//
#include "Architecture.h"
#include "EmitImage.h"
#include <gtest/gtest.h>

using namespace moe::cuda;

namespace {

TEST(Architecture, BlocksAreBoundByWhatIsScarcest) {
  const Architecture &a100 = *findArchitecture(80),
                     &h100 = *findArchitecture(90),
                     &ada = *findArchitecture(89);
  // Threads.
  EXPECT_EQ(a100.countBlocks(256, 32, 0), 8);
  EXPECT_EQ(a100.countBlocks(1024, 32, 0), 2);
  EXPECT_EQ(ada.countBlocks(1024, 32, 0), 1);
  // Blocks.
  EXPECT_EQ(a100.countBlocks(32, 16, 0), 32);
  EXPECT_EQ(ada.countBlocks(32, 16, 0), 24);
  // Registers: 255 are 256, and each quarter of them serves whole warps.
  EXPECT_EQ(a100.countBlocks(128, 255, 0), 2);
  EXPECT_EQ(a100.countBlocks(128, 168, 0), 3);
  EXPECT_EQ(a100.countBlocks(128, 169, 0), 2);
  EXPECT_EQ(a100.countBlocks(1024, 65, 0), 0);
  // Shared memory, of which the system takes 1 KiB for each block.
  EXPECT_EQ(a100.countBlocks(128, 32, 163 << 10), 1);
  EXPECT_EQ(a100.countBlocks(128, 32, 81 << 10), 2);
  EXPECT_EQ(a100.countBlocks(128, 32, (81 << 10) + 1), 1);
  EXPECT_EQ(h100.countBlocks(128, 32, 73728), 3);
  EXPECT_EQ(ada.countBlocks(128, 32, 163 << 10), 0);
}

TEST(Architecture, NamesAreFound) {
  auto both = Devices::parse("emulator,sm_120,emulator");
  ASSERT_TRUE(bool(both));
  EXPECT_TRUE(both->isEmulated);
  EXPECT_EQ(both->gpu, findArchitecture(120));
  auto none = Devices::parse("");
  ASSERT_TRUE(bool(none));
  EXPECT_FALSE(none->isEmulated);
  EXPECT_EQ(none->gpu->getName(), "sm_80");
}

TEST(Architecture, SharedMemoryOfABlockIsBounded) {
  KernelFacts fits{"fits", 128, 99 << 10, {}},
      large{"large", 128, 100 << 10, {}};
  EXPECT_FALSE(bool(verifyKernels(fits, *findArchitecture(86))));
  EXPECT_FALSE(bool(verifyKernels(large, *findArchitecture(80))));
  EXPECT_EQ(
      llvm::toString(verifyKernels({fits, large}, *findArchitecture(86))),
      "kernel large needs 102400 bytes of shared memory, a block on sm_86 "
      "has 101376");
}

} // namespace
