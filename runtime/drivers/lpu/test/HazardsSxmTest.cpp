//===- HazardsSxmTest.cpp - H26 to H28, a program for each ----------------===//
#include "Columns.h"

#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

/// A vector at the SXM at cycle 30, moved, and kept `latency` cycles later.
struct Exchange : UnitProgram {
  Exchange(moert_lpu_track_kind_t kind, const Instruction &i, int latency)
      : kind(kind) {
    addInput({0});
    bring(0, 0, sxmColumn, 30);
    track(kind, East, 0).at(30, i);
    out = addOutput({8});
    keep(8, 0, sxmColumn, 30 + latency);
  }
  moert_lpu_track_kind_t kind;
  size_t out;
};

Instruction move(unsigned opcode, uint64_t imm, int to = 0) {
  return sxm(opcode, MOERT_LPU_I8, E(0), W(to), imm);
}

TEST(HazardsSxm, H26UnitIsIssuedTwice) {
  for (int copy : {0, 1}) {
    Exchange p(MOERT_LPU_SXM_SHIFT, move(MOERT_LPU_SHIFT, 1), 4);
    // Another unit, or another queue of the same one.
    p.track(MOERT_LPU_SXM_SHIFT, East, copy ? 0 : 1, 0, copy)
        .at(30, move(MOERT_LPU_SHIFT, 2, 8));
    EXPECT_EQ(p.run().hazard(), copy ? "H26" : "");
  }
}

TEST(HazardsSxm, H27MapNamesALaneTwice) {
  for (bool twice : {false, true}) {
    std::vector<uint8_t> map(2 * laneCount);
    for (int l = 0; l < laneCount; ++l) {
      int from = twice && l == 7 ? 8 : laneCount - 1 - l;
      map[size_t(l)] = uint8_t(from);
      map[size_t(laneCount + l)] = uint8_t(from >> 8);
    }
    Exchange p(MOERT_LPU_SXM_PERMUTE,
               sxm(MOERT_LPU_PERMUTE, MOERT_LPU_I8, E(0), W(0), 0, E(2)), 4);
    p.addInput({2, 3}, map, MOERT_LPU_I16);
    for (int plane : {0, 1})
      p.bring(2 + plane, 2 + plane, sxmColumn, 30);
    RunOutcome outcome = p.run();
    EXPECT_EQ(outcome.hazard(), twice ? "H27" : "");
    if (twice)
      continue;
    std::vector<uint8_t> got = contentsOf(*outcome.simulator, p.out, 1),
                         in = p.contents[0];
    std::reverse(in.begin(), in.end());
    EXPECT_EQ(got, in);
  }
}

TEST(HazardsSxm, H28BeyondTheSuperlane) {
  for (uint64_t by : {15, 16})
    EXPECT_EQ(Exchange(MOERT_LPU_SXM_DISTRIBUTE, move(MOERT_LPU_ROTATE, by), 4)
                  .run()
                  .hazard(),
              by == 16 ? "H28" : "");
  for (uint64_t bits : {0xffff, 0x10000}) {
    Exchange p(
        MOERT_LPU_SXM_SELECT,
        sxm(MOERT_LPU_SELECT, MOERT_LPU_I8, E(0), W(0), bits, nowhere, E(1)),
        4);
    p.addInput({1});
    p.bring(1, 1, sxmColumn, 30);
    EXPECT_EQ(p.run().hazard(), bits == 0x10000 ? "H28" : "");
  }
}

TEST(HazardsSxm, SuperlanesAreShifted) {
  Exchange p(MOERT_LPU_SXM_SHIFT, move(MOERT_LPU_SHIFT, 2), 4);
  RunOutcome outcome = p.run();
  ASSERT_EQ(outcome.error, "");
  std::vector<uint8_t> got = contentsOf(*outcome.simulator, p.out, 1);
  for (size_t l = 0; l < laneCount; ++l)
    EXPECT_EQ(got[l], l < 32 ? 0 : p.contents[0][l - 32]);
}

} // namespace
