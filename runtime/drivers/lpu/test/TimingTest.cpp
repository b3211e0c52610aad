//===- TimingTest.cpp - when each instruction acts, line by line ----------===//
//
// Each test puts a consumer into the cycle that the treaty names, and finds
// nothing one cycle earlier or later.
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

std::vector<uint8_t> ramp(size_t bytes, unsigned first = 0) {
  std::vector<uint8_t> result(bytes);
  for (size_t i = 0; i < bytes; ++i)
    result[i] = uint8_t(i * 7 + first);
  return result;
}

/// A program with one byte plane in slice `from` of the east, and room for one
/// in slice 1.
struct OneVector : TestProgram {
  size_t in, out;
  explicit OneVector(int from = 0) {
    in = input({.name = "in", .slices = {uint8_t(from)}}, ramp(320));
    out = buffer({.name = "out",
                  .kind = BufferKind::Output,
                  .slices = {1},
                  .row = 100});
  }
  void expectSame(const RunOutcome &r) const {
    ASSERT_EQ(r.error, "");
    EXPECT_EQ(contentsOf(*r.simulator, out, 1), contents.at(in));
  }
};

} // namespace

TEST(Timing, ReadIsOnItsStreamACycleLater) {
  // Slices 8 to 11 share column 3: one column further takes one cycle more.
  for (int offset : {-1, 0, 1}) {
    OneVector p(8);
    size_t far = p.buffer({.name = "far",
                           .kind = BufferKind::Output,
                           .slices = {14}});
    p.read(East, 8).at(10, test::read(0, E(5)));
    p.write(East, 14).at(uint64_t(12 + offset), test::write(E(5), 0));
    RunOutcome r = p.run();
    if (offset) {
      EXPECT_EQ(r.hazard(), "H2");
      continue;
    }
    ASSERT_EQ(r.error, "");
    EXPECT_EQ(contentsOf(*r.simulator, far, 1), ramp(320));
    // Written in cycle 12: 13 cycles, and the superlanes.
    EXPECT_EQ(r.result.cycles, 13u + 20);
  }
}

TEST(Timing, ReadOfSliceZeroReachesAnAluInSixCycles) {
  for (int offset : {-1, 0, 1}) {
    OneVector p;
    p.read(East, 0).at(3, test::read(0, W(7)));
    p.alu(1).at(uint64_t(9 + offset),
                unary(MOERT_LPU_PASS, MOERT_LPU_I8, W(7), E(0)));
    p.write(East, 1).at(uint64_t(12 + offset), test::write(E(0), 100));
    RunOutcome r = p.run();
    if (offset)
      EXPECT_EQ(r.hazard(), "H2");
    else
      p.expectSame(r);
  }
}

TEST(Timing, AluTakesAnotherThreeCyclesLater) {
  for (int offset : {-1, 0, 1}) {
    OneVector p;
    p.read(East, 0).at(0, test::read(0, W(0)));
    p.alu(0).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
    p.alu(4).at(uint64_t(9 + offset),
                unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromAlu(0), E(16)));
    p.write(East, 1).at(uint64_t(12 + offset), test::write(E(16), 100));
    RunOutcome r = p.run();
    if (offset)
      EXPECT_EQ(r.hazard(), "H24");
    else
      p.expectSame(r);
  }
}

TEST(Timing, ResultsOfAnAluBeginAtEitherSideOfTheVxm) {
  OneVector p;
  size_t west = p.buffer({.name = "west",
                          .kind = BufferKind::Output,
                          .hemisphere = West,
                          .slices = {5}});
  p.read(East, 0).at(0, test::read(0, W(0)));
  p.alu(0).at(6, unary(MOERT_LPU_PASS, MOERT_LPU_I8, W(0), W(3)));
  // x = -1 at 9, slice 5 is in column 2.
  p.write(West, 5).at(10, test::write(W(3), 0));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  EXPECT_EQ(contentsOf(*r.simulator, west, 1), ramp(320));
}

TEST(Timing, StreamsEndAtTheVxm) {
  OneVector p;
  p.buffer({.name = "west", .hemisphere = West, .slices = {0}});
  p.read(East, 0).at(0, test::read(0, W(0)));
  // It would be at x = -1 at 3.
  p.write(West, 0).at(3, test::write(W(0), 0));
  EXPECT_EQ(p.run().hazard(), "H2");
}

TEST(Timing, WriteCanBeReadACycleLater) {
  OneVector p;
  p.read(East, 0).at(0, test::read(0, E(0))).at(1, test::read(0, E(1)));
  size_t back = p.buffer({.name = "back",
                          .kind = BufferKind::Output,
                          .slices = {2},
                          .row = 5000});
  p.write(East, 1).at(1, test::write(E(0), 100));
  p.read(East, 1).at(2, test::read(100, E(2)));
  p.write(East, 2).at(3, test::write(E(2), 5000));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  EXPECT_EQ(contentsOf(*r.simulator, back, 1), ramp(320));
}

TEST(Timing, SxmUnitsHaveTheirLatencies) {
  struct Case {
    unsigned opcode;
    moert_lpu_track_kind_t kind;
    uint64_t latency;
  } cases[] = {{MOERT_LPU_SHIFT, MOERT_LPU_SXM_SHIFT, 4},
               {MOERT_LPU_DISTRIBUTE, MOERT_LPU_SXM_DISTRIBUTE, 2},
               {MOERT_LPU_ROTATE, MOERT_LPU_SXM_DISTRIBUTE, 4}};
  for (const Case &each : cases)
    for (int offset : {-1, 0, 1}) {
      OneVector p(40); // column 11, the SXM is in column 16
      p.read(East, 40).at(0, test::read(0, E(0)));
      p.track(each.kind, East, 0)
          .at(6, sxm(each.opcode, MOERT_LPU_I8, E(0), W(0),
                     each.opcode == MOERT_LPU_DISTRIBUTE ? 0xfedcba9876543210u
                                                         : 0));
      p.buffer({.name = "near", .kind = BufferKind::Output, .slices = {42}});
      p.write(East, 42).at(uint64_t(6 + each.latency + 5 + uint64_t(offset)),
                           test::write(W(0), 0));
      RunOutcome r = p.run();
      EXPECT_EQ(r.hazard(), offset ? "H2" : "");
      if (!offset && r.simulator)
        EXPECT_EQ(contentsOf(*r.simulator, 2, 1), ramp(320));
    }
}

/// The 50 cycles that a programmer of the real chip adds up: a crossing of the
/// SXM (4), the transposer (4), 11 hops, 5 cycles into the VXM, three chained
/// ALUs, 11 hops, the SXM and a distributor. Here, from the SXM of one side to
/// that of the other.
TEST(Timing, FromSxmThroughThreeAlusToSxm) {
  TestProgram p;
  p.input({.name = "in", .slices = {40}}, ramp(320));
  size_t out = p.buffer({.name = "out",
                         .kind = BufferKind::Output,
                         .hemisphere = West,
                         .slices = {40}});
  p.read(East, 40).at(0, test::read(0, E(0)));
  // In column 16 at 6; on its way back at 10; at x = 0 at 26; dispatched at 30.
  p.track(MOERT_LPU_SXM_SHIFT, East, 0)
      .at(6, sxm(MOERT_LPU_SHIFT, MOERT_LPU_I8, E(0), W(0)));
  p.alu(0).at(30, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
  p.alu(1).at(33, unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromAlu(0)));
  p.alu(3).at(36, unary(MOERT_LPU_PASS, MOERT_LPU_I8, fromAlu(1), W(0)));
  // x = -1 at 39, the western SXM at 54: 48 from SXM to SXM, and 2 to
  // distribute.
  p.track(MOERT_LPU_SXM_DISTRIBUTE, West, 0)
      .at(54, sxm(MOERT_LPU_DISTRIBUTE, MOERT_LPU_I8, W(0), E(0),
                  0xfedcba9876543210u));
  p.write(West, 40).at(61, test::write(E(0), 0));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  EXPECT_EQ(contentsOf(*r.simulator, out, 1), ramp(320));
  EXPECT_EQ(54u + 2 - 6, 50u);
}

TEST(Timing, SyncGoesOnABarrierAfterNotify) {
  const uint64_t barrier = uint64_t(machineOf(machineText()).icu.barrier);
  EXPECT_EQ(barrier, 35u);
  OneVector p;
  std::vector<uint64_t> cycles;
  p.read(East, 0).raw(test::sync()).raw(test::read(0, E(0)));
  p.write(East, 1).raw(test::sync()).raw(nop(1)).raw(test::write(E(0), 100));
  p.track(MOERT_LPU_ICU, 0, 0).at(4, notify());
  SimulatorOptions options;
  options.trace = [&](const TraceEvent &event) {
    if (event.instruction.opcode >= MOERT_LPU_READ)
      cycles.push_back(event.cycle);
  };
  RunOutcome r = p.run(options);
  p.expectSame(r);
  EXPECT_EQ(cycles, (std::vector<uint64_t>{4 + barrier, 5 + barrier}));
}

TEST(Timing, RepeatsComeEverySoManyCyclesAndMoveTheirRow) {
  TestProgram p;
  size_t in = p.input({.name = "in", .count = 7, .slices = {0}, .row = 10},
                      ramp(7 * 320));
  size_t out = p.buffer({.name = "out",
                         .kind = BufferKind::Output,
                         .count = 7,
                         .slices = {4},
                         .row = 50});
  p.read(East, 0)
      .at(5, test::read(10, E(0)))
      .repeat(2, 3, 1) // at 8 and 11
      .at(12, test::read(16, E(0)))
      .repeat(3, 1, uint64_t(-1)); // rows 15, 14, 13
  p.write(East, 4)
      .at(7, test::write(E(0), 50))
      .repeat(2, 3, 1)
      .at(14, test::write(E(0), 53))
      .repeat(3, 1, 1);
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<uint8_t> got = contentsOf(*r.simulator, out, 7);
  ASSERT_EQ(got.size(), 7u * 320);
  const std::vector<uint8_t> &bytes = p.contents.at(in);
  int order[] = {0, 1, 2, 6, 5, 4, 3};
  for (int i = 0; i < 7; ++i)
    EXPECT_TRUE(std::equal(bytes.begin() + order[i] * 320,
                           bytes.begin() + order[i] * 320 + 320,
                           got.begin() + i * 320))
        << i;
}

TEST(Timing, WaitsOfManyCyclesCostNothing) {
  OneVector p;
  const uint64_t later = 5000000;
  p.read(East, 0).at(later, test::read(0, E(0)));
  p.write(East, 1).at(later + 1, test::write(E(0), 100));
  RunOutcome r = p.run();
  p.expectSame(r);
  EXPECT_EQ(r.result.cycles, later + 2 + 20);
  EXPECT_EQ(r.result.instructions, 2u);
}

TEST(Timing, TextThatIsFetchedIsInTheQueueTwoCyclesLater) {
  for (int offset : {0, 1}) {
    TestProgram p;
    size_t in = p.input({.name = "in", .slices = {4}}, ramp(320));
    size_t out = p.buffer({.name = "out", .kind = BufferKind::Output,
                           .slices = {8}});
    // NOP, IFETCH, (NOP,) WRITE: the last word comes from memory.
    TestTrack &w = p.write(East, 8);
    w.at(10, ifetch(E(9))).at(uint64_t(11 + offset), test::write(E(0), 0));
    w.resident = uint32_t(w.words.size() - 1);
    std::vector<uint8_t> text(640);
    std::memcpy(text.data(), &w.words.back(), 16);
    p.buffer({.name = "text",
              .kind = BufferKind::Text,
              .count = 2,
              .slices = {9},
              .row = 4096,
              .bytes = text});
    p.read(East, 9)
        .at(9, test::read(4096, E(9)))
        .repeat(1, 1, 1);
    p.read(East, 4).at(uint64_t(9 + offset), test::read(0, E(0)));
    RunOutcome r = p.run();
    if (!offset) {
      EXPECT_EQ(r.hazard(), "H30") << "the word was not there";
      continue;
    }
    ASSERT_EQ(r.error, "");
    EXPECT_EQ(contentsOf(*r.simulator, out, 1), p.contents.at(in));
  }
}

/// Four planes of two chips take activations, which threads may share.
static void addProducts(TestProgram &p, int chip, Hemisphere h, int plane,
                        std::vector<size_t> &outs) {
  const unsigned seed = unsigned(chip * 4 + h * 2 + plane);
  p.input({.name = "in",
           .count = 4,
           .hemisphere = h,
           .slices = {uint8_t(40 + plane)},
           .chip = chip},
          ramp(4 * 320, seed));
  std::vector<uint8_t> slices;
  for (int s = 0; s < 4; ++s)
    slices.push_back(uint8_t(4 * plane + s));
  outs.push_back(p.buffer({.name = "out",
                           .kind = BufferKind::Output,
                           .type = MOERT_LPU_I32,
                           .count = 4,
                           .hemisphere = h,
                           .slices = slices,
                           .chip = chip}));
  // One group of 16 columns, of slices in columns 3 to 6.
  const uint64_t load = uint64_t(60 + 20 * plane);
  const uint16_t row = uint16_t(100 + plane);
  for (int s = 0; s < 16; ++s) {
    p.input({.name = "column",
             .hemisphere = h,
             .slices = {uint8_t(8 + s)},
             .row = row,
             .chip = chip},
            ramp(320, unsigned(s) * 3 + seed));
    p.read(h, 8 + s, chip)
        .at(load - uint64_t(17 - s / 4), test::read(row, outward(h, s)));
  }
  p.load(h, plane, chip).at(load, lw(outward(h, 0), 1)).at(load + 1, iw());
  p.read(h, 40 + plane, chip)
      .at(91, test::read(0, outward(h, 16 + plane)))
      .repeat(3, 1, 1);
  p.feed(h, plane, chip).at(100, abc(outward(h, 16 + plane), 4));
  p.drain(h, plane, chip).at(100, acc(inward(h, 4 * plane), 4));
  // In column 19 from 122 on; slices 0 to 3 are in column 1, 4 to 7 in 2.
  for (int s = 0; s < 4; ++s)
    p.write(h, 4 * plane + s, chip)
        .at(uint64_t(140 - plane), test::write(inward(h, 4 * plane + s), 0))
        .repeat(3, 1, 1);
}

TEST(Timing, ThreadsChangeNothing) {
  std::vector<uint8_t> results[2];
  for (int threads : {1, 3}) {
    TestProgram p;
    p.chips = 2;
    std::vector<size_t> outs;
    for (int chip : {0, 1})
      for (Hemisphere h : {West, East})
        for (int plane : {0, 1})
          addProducts(p, chip, h, plane, outs);
    SimulatorOptions options;
    options.threads = threads;
    RunOutcome r = p.run(options);
    ASSERT_EQ(r.error, "");
    for (size_t out : outs)
      for (uint8_t byte : contentsOf(*r.simulator, out, 4))
        results[threads > 1].push_back(byte);
  }
  EXPECT_EQ(results[0].size(), 8u * 4 * 1280);
  EXPECT_EQ(results[0], results[1]);
  SimulatorOptions none;
  none.threads = 0;
  EXPECT_EQ(TestProgram().run(none).error,
            "0 threads requested, at least 1 is needed");
}
