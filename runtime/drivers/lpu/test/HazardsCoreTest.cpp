//===- HazardsCoreTest.cpp - a program for each hazard of the core --------===//
//
// H1 to H12, H20 to H25 and H29 to H32. Each differs in one thing from a
// program that runs, which is run, too.
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr size_t width = 320;

/// Byte planes in slices 0 to 3 (row 0, and row 5000 in bank 1), room in 8 and
/// 9.
struct Planes : TestProgram {
  size_t out;
  Planes() {
    for (uint8_t slice = 0; slice < 4; ++slice) {
      input({.name = "in" + std::to_string(slice), .slices = {slice}},
            std::vector<uint8_t>(width, slice));
      input({.name = "far" + std::to_string(slice),
             .slices = {slice},
             .row = 5000},
            std::vector<uint8_t>(width, uint8_t(slice + 10)));
    }
    out = buffer({.name = "out",
                  .kind = BufferKind::Output,
                  .count = 2,
                  .slices = {8}});
    buffer({.name = "other", .kind = BufferKind::Output, .slices = {9}});
  }
};

/// Claims and uses of a program that runs.
Recorded recordedOf(const TestProgram &p) {
  SimulatorOptions options;
  options.record = true;
  RunOutcome r = p.run(options);
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(p.run().error, "");
  return r.simulator->recorded();
}

#define EXPECT_ERROR(program, message) EXPECT_EQ((program).run().error, message)

} // namespace

TEST(HazardsCore, H1TwoResultsOnOneStream) {
  for (bool wrong : {false, true}) {
    Planes p; // slices 0 and 1 are in one column
    p.read(East, 0).at(4, test::read(0, E(2)));
    p.read(East, 1).at(4, test::read(0, wrong ? E(2) : E(3)));
    p.write(East, 8).at(7, test::write(E(2), 0));
    p.write(East, 9).at(7, test::write(wrong ? E(2) : E(3), 0));
    if (wrong)
      EXPECT_ERROR(p, "H1: cycle 5, mem.e1: READ (track mem.e1.read, word 1) of "
                      "cycle 4 and READ (track mem.e0.read, word 1) of cycle 4 "
                      "come to stream e2");
    else
      EXPECT_ERROR(p, "");
  }
}

TEST(HazardsCore, H2NothingOnAStream) {
  Planes p;
  p.write(East, 8).at(7, test::write(E(2), 0));
  EXPECT_ERROR(p, "H2: cycle 7, mem.e8: WRITE (track mem.e8.write, word 1): "
                  "nothing on stream e2 for its data");
  Planes early;
  early.alu(0).at(1, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
  EXPECT_EQ(early.run().hazard(), "H2");
}

TEST(HazardsCore, H3AnotherProducerThanClaimed) {
  Planes right;
  right.read(East, 0).at(0, test::read(0, W(0)));
  right.read(East, 1).at(0, test::read(0, W(1)));
  right.alu(0).at(6, binary(MOERT_LPU_SUB, MOERT_LPU_I8, W(0), W(1), E(0)));
  right.write(East, 8).at(11, test::write(E(0), 0));
  Recorded recorded = recordedOf(right);
  Planes wrong = right;
  Instruction &sub = wrong.alu(0).words[1];
  std::swap(sub.src0, sub.src1);
  RunOutcome r = wrong.run({}, &recorded);
  EXPECT_EQ(r.hazard(), "H3");
  EXPECT_NE(r.error.find("cycle 6, vxm.0: SUB (track vxm.0, word 1): the claim "
                         "of word 1 is 0x"),
            std::string::npos)
      << r.error;
  EXPECT_NE(r.error.find("of READ (track mem.e1.read, word 0) of cycle 0"),
            std::string::npos)
      << r.error;
}

TEST(HazardsCore, H3AClaimOfARepeatIsOfAllOfThem) {
  Planes right;
  right.read(East, 0).at(0, test::read(0, E(0))).at(1, test::read(5000, E(0)));
  right.write(East, 8).at(3, test::write(E(0), 0)).repeat(1, 1, 1);
  Recorded recorded = recordedOf(right);
  for (auto &track : recorded.claims)
    track.back() ^= 1;
  EXPECT_EQ(right.run({}, &recorded).hazard(), "H9") << "the READ's";
  recorded = recordedOf(right);
  recorded.claims[1].back() ^= 1;
  EXPECT_EQ(right.run({}, &recorded).hazard(), "H3");
}

TEST(HazardsCore, H3AWriteToAnotherPlace) {
  Planes p;
  p.read(East, 0).at(0, test::read(0, E(0)));
  p.write(East, 8).at(3, test::write(E(0), 0));
  Recorded recorded = recordedOf(p);
  p.write(East, 8).words.back().row = 1;
  EXPECT_EQ(p.run({}, &recorded).hazard(), "H3");
}

TEST(HazardsCore, H4VectorsOfManyBytes) {
  for (int wrong : {0, 1, 2, 3}) {
    TestProgram p;
    p.input({.name = "in", .type = MOERT_LPU_I32, .slices = {0, 1, 2, 3}},
            std::vector<uint8_t>(4 * width, 1));
    for (int i = 0; i < 4; ++i) {
      int stream = wrong == 1 ? i ^ 1 : i;
      p.read(East, i).at(0, test::read(0, W(stream)));
    }
    uint8_t source = W(wrong == 2 ? 1 : 0), out = E(wrong == 3 ? 2 : 0);
    p.alu(0).at(6, unary(MOERT_LPU_PASS, MOERT_LPU_I32, source, out));
    EXPECT_EQ(p.run().hazard(), wrong ? "H4" : "") << wrong;
  }
  // Bytes of different vectors, of one type.
  TestProgram p;
  p.input({.name = "in",
           .type = MOERT_LPU_I16,
           .count = 2,
           .slices = {0, 1}},
          std::vector<uint8_t>(4 * width, 1));
  p.read(East, 0).at(0, test::read(0, W(0)));
  p.read(East, 1).at(0, test::read(1, W(1)));
  p.alu(0).at(6, unary(MOERT_LPU_PASS, MOERT_LPU_I16, W(0)));
  EXPECT_EQ(p.run().hazard(), "H4");
  // A plane that is written where its buffer has another.
  TestProgram w;
  w.input({.name = "in", .type = MOERT_LPU_I16, .slices = {0, 1}},
          std::vector<uint8_t>(2 * width, 1));
  w.buffer({.name = "out",
            .kind = BufferKind::Output,
            .type = MOERT_LPU_I16,
            .slices = {4, 5}});
  w.read(East, 1).at(0, test::read(0, E(0)));
  w.write(East, 4).at(2, test::write(E(0), 0));
  EXPECT_EQ(w.run().error,
            "H4: cycle 2, mem.e4: WRITE (track mem.e4.write, word 1): byte plane "
            "1 of 2 of READ (track mem.e1.read, word 0) of cycle 0, buffer out "
            "has plane 0 of 2 here");
}

TEST(HazardsCore, H5OverwrittenBeforeItsUses) {
  for (bool wrong : {false, true}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, E(0))).use(1);
    // On its way, in column 2 at 2, another comes onto its stream, which column
    // 3 takes at 3.
    p.buffer({.name = "mid", .slices = {4}});
    p.contents[p.buffers.size() - 1] = std::vector<uint8_t>(width, 99);
    p.read(East, 4).at(1, test::read(0, E(0)));
    if (!wrong)
      p.buffer({.name = "near", .slices = {1}, .row = 7}),
          p.write(East, 1).at(1, test::write(E(0), 7));
    p.write(East, 8).at(3, test::write(E(0), 0));
    if (wrong)
      EXPECT_ERROR(p, "H5: cycle 2, mem.e4: READ (track mem.e4.read, word 1) of "
                      "cycle 1 overwrites READ (track mem.e0.read, word 0) of "
                      "cycle 0 on stream e0, taken 0 of 1 times");
    else
      EXPECT_ERROR(p, "");
  }
}

TEST(HazardsCore, H6ReadAndWriteInOneBank) {
  for (bool wrong : {false, true}) {
    Planes p;
    p.buffer({.name = "room",
              .kind = BufferKind::Output,
              .slices = {2},
              .row = uint16_t(wrong ? 40 : 4999)});
    p.read(East, 1).at(9, test::read(0, E(0)));
    p.write(East, 2).at(10, test::write(E(0), uint16_t(wrong ? 40 : 4999)));
    p.read(East, 2).at(10, test::read(0, E(1)));
    if (wrong)
      EXPECT_ERROR(p, "H6: cycle 10, mem.e2: read of row 0 (track mem.e2.read, "
                      "word 1) and write of row 40 (track mem.e2.write, word 1) "
                      "in bank 0");
    else
      EXPECT_ERROR(p, "");
  }
}

TEST(HazardsCore, H7TwoReadsOfASlice) {
  for (bool wrong : {false, true}) {
    Planes p;
    p.read(East, 0).at(3, test::read(0, E(0)));
    p.read(East, 0, 0, 1).at(wrong ? 3 : 4, test::read(5000, E(1)));
    if (wrong)
      EXPECT_ERROR(p, "H7: cycle 3, mem.e0: READ (track mem.e0.read, word 1) and "
                      "READ (track mem.e0.read, word 1)");
    else
      EXPECT_ERROR(p, "");
  }
}

TEST(HazardsCore, H8RowsThatNobodyWrote) {
  Planes p;
  p.read(East, 8).at(0, test::read(1, E(0)));
  EXPECT_ERROR(p, "H8: cycle 0, mem.e8: READ (track mem.e8.read, word 0): "
                  "superlane 0 of vector 1 of buffer out was never written");
  Planes nowhere;
  nowhere.read(East, 8).at(0, test::read(2, E(0)));
  EXPECT_ERROR(nowhere, "H8: cycle 0, mem.e8: READ (track mem.e8.read, word 0): "
                        "row 2 belongs to no buffer");
}

TEST(HazardsCore, H9AnotherVersion) {
  // A row that is written again: whoever is to read the second value must not
  // come a cycle early.
  Planes right;
  right.read(East, 0)
      .at(0, test::read(0, E(0)))
      .at(2, test::read(5000, E(0)));
  right.write(East, 8)
      .at(3, test::write(E(0), 0))
      .at(5, test::write(E(0), 0));
  right.read(East, 8).at(6, test::read(0, E(1)));
  Planes wrong = right;
  Recorded recorded = recordedOf(right);
  wrong.read(East, 8).words[0] = nop(4);
  EXPECT_EQ(wrong.run({}, &recorded).hazard(), "H9");
  // In the cycle between, it would meet the write.
  wrong.read(East, 8).words[0] = nop(5);
  EXPECT_EQ(wrong.run().hazard(), "H6");
}

TEST(HazardsCore, H10AddressesAndRowsOutsideABuffer) {
  Planes p;
  p.read(East, 0).at(0, test::read(0, E(0)));
  p.write(East, 8).at(2, test::write(E(0), 2));
  EXPECT_ERROR(p, "H10: cycle 2, mem.e8: WRITE (track mem.e8.write, word 1): "
                  "row 2 belongs to no buffer");
  Planes scatter;
  scatter.contents[0][0] = 2; // superlane 0 of the map: `out` has rows 0 and 1
  scatter.read(East, 0).at(0, test::read(0, E(0)));
  scatter.read(East, 1).at(0, test::read(0, E(1)));
  scatter.write(East, 8).at(3, test::scatter(E(1), E(0), 0));
  EXPECT_EQ(scatter.run().hazard(), "H10");
}

TEST(HazardsCore, H11NoMap) {
  for (bool wrong : {false, true}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, E(0)));
    p.read(East, 8).at(wrong ? 4 : 3, test::gather(E(0), 0, E(1)));
    p.buffers[p.out].kind = BufferKind::State;
    p.contents[p.out] = std::vector<uint8_t>(2 * width, 3);
    if (wrong)
      EXPECT_ERROR(p, "H11: cycle 4, mem.e8: GATHER (track mem.e8.read, word 1): "
                      "nothing on stream e0 for its map");
    else
      EXPECT_ERROR(p, "");
  }
}

TEST(HazardsCore, H12WritesToWhatMayOnlyBeRead) {
  for (BufferKind kind : {BufferKind::Text, BufferKind::Constant,
                          BufferKind::Parameter, BufferKind::Output}) {
    bool wrong = kind != BufferKind::Output, holds = wrong;
    if (kind == BufferKind::Parameter)
      holds = false;
    TestProgram p;
    p.input({.name = "in", .slices = {0}}, std::vector<uint8_t>(width, 1));
    p.buffer({.name = "text",
              .kind = kind,
              .slices = {1},
              .bytes = std::vector<uint8_t>(holds ? width : 0, 2)});
    p.read(East, 0).at(0, test::read(0, E(0)));
    p.write(East, 1).at(1, test::write(E(0), 0));
    EXPECT_ERROR(p, wrong ? "H12: cycle 1, mem.e1: WRITE (track mem.e1.write, "
                            "word 1): row 0 of buffer text, which may only be "
                            "read"
                          : "");
  }
}

TEST(HazardsCore, H20AnAluIssuedTwice) {
  for (bool wrong : {false, true}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, W(0))).at(1, test::read(0, W(0)));
    p.alu(0).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
    p.alu(0, 0, 1).at(wrong ? 6 : 7, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
    EXPECT_ERROR(p, wrong ? "H20: cycle 6, vxm.0: NEG (track vxm.0, word 1) and "
                            "NEG (track vxm.0, word 1)"
                          : "");
  }
}

TEST(HazardsCore, H21LargeOperationsOfSmallAlus) {
  for (unsigned opcode : {MOERT_LPU_MAX, MOERT_LPU_MIN})
    for (int alu : {0, 1}) {
      Planes p;
      p.read(East, 0).at(0, test::read(0, W(0)));
      p.alu(alu).at(6, binary(opcode, MOERT_LPU_I8, W(0), W(0)));
      EXPECT_EQ(p.run().hazard(), alu ? "H21" : "");
    }
  for (int alu : {2, 3}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, W(0)));
    p.alu(alu).at(6, convert(MOERT_LPU_I8, MOERT_LPU_F32, W(0)));
    EXPECT_EQ(p.run().hazard(), alu == 3 ? "H21" : "");
  }
}

TEST(HazardsCore, H22StreamsOutOfReach) {
  // Row 0 reaches groups 0 to 3, row 2 groups 4 to 7.
  for (int alu : {0, 8})
    for (int stream : {0, 15, 16, 31}) {
      Planes p;
      p.read(East, 0).at(0, test::read(0, W(stream)));
      p.alu(alu).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(stream)));
      bool reached = (stream < 16) == (alu == 0);
      EXPECT_EQ(p.run().hazard(), reached ? "" : "H22");
    }
  Planes p;
  p.read(East, 0).at(0, test::read(0, W(0)));
  p.alu(0).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0), E(16)));
  EXPECT_ERROR(p, "H22: cycle 6, vxm.0: NEG (track vxm.0, word 1): group 4 of "
                  "streams is out of reach");
}

TEST(HazardsCore, H23OneGroupFromBothSides) {
  for (int stream : {3, 4}) {
    Planes p;
    p.input({.name = "west", .hemisphere = West, .slices = {0}},
            std::vector<uint8_t>(width, 1));
    p.read(East, 0).at(0, test::read(0, W(0)));
    p.read(West, 0).at(0, test::read(0, E(stream)));
    p.alu(0).at(6, binary(MOERT_LPU_ADD, MOERT_LPU_I8, W(0), E(stream)));
    EXPECT_ERROR(p, stream == 3 ? "H23: cycle 6, vxm.0: ADD (track vxm.0, word "
                                  "1): group 0 of streams from both sides"
                                : "");
  }
}

TEST(HazardsCore, H24OperandsOfAnotherCycle) {
  for (uint64_t cycle : {8, 9, 10}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, W(0)));
    p.read(East, 1)
        .at(2, test::read(0, W(4)))
        .at(3, test::read(0, W(4)))
        .at(4, test::read(0, W(4)));
    p.alu(0).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
    p.alu(1).at(cycle, binary(MOERT_LPU_ADD, MOERT_LPU_I8, fromAlu(0), W(4)));
    EXPECT_EQ(p.run().hazard(), cycle == 9 ? "" : "H24");
  }
  Planes p;
  p.alu(1).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromLatch));
  EXPECT_ERROR(p, "H24: cycle 6, vxm.1: NEG (track vxm.1, word 1): nothing is in "
                  "the latch");
}

TEST(HazardsCore, H25MorePlacesThanWires) {
  for (int wrong : {0, 1, 2}) {
    Planes p;
    p.read(East, 0).at(0, test::read(0, W(0)));
    p.alu(0).at(6, unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0),
                         wrong == 1 ? E(0) : nowhere));
    p.alu(1).at(9, unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromAlu(0)));
    if (wrong == 2)
      p.alu(3).at(9, unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromAlu(0)));
    EXPECT_ERROR(p, wrong == 0 ? ""
                    : wrong == 1
                        ? "H25: cycle 9, vxm.1: NEG (track vxm.1, word 1): the "
                          "result of NEG (track vxm.0, word 1) of cycle 6 goes "
                          "to 2 places, an ALU has wires to 1"
                        : "H25: cycle 9, vxm.3: NEG (track vxm.3, word 1): the "
                          "result of NEG (track vxm.0, word 1) of cycle 6 goes "
                          "to 2 places, an ALU has wires to 1");
  }
}

TEST(HazardsCore, H29BeforeTheInstructionBeforeHasEnded) {
  for (uint64_t next : {1, 2, 3}) {
    TestProgram p;
    std::vector<uint8_t> slices;
    for (uint8_t s = 0; s < 16; ++s)
      slices.push_back(uint8_t(24 + s));
    p.input({.name = "weights", .count = 64, .slices = slices},
            std::vector<uint8_t>(64 * width, 1));
    // Columns 7 to 10: all are in column 19 at 14.
    for (int s = 0; s < 16; ++s)
      p.read(East, 24 + s)
          .at(uint64_t(1 + s / 4), test::read(0, E(s)))
          .repeat(3, 1, 1);
    TestTrack &load = p.load(East, 0);
    load.at(14, lw(E(0), 3)).at(14 + next, lw(E(0), 1, 3));
    RunOutcome r = p.run();
    if (next < 3)
      EXPECT_EQ(r.error.substr(0, r.error.find(", which")),
                "H29: cycle " + std::to_string(14 + next) +
                    ", mxm.e0: LW (track mxm.e0.load, word " +
                    (next == 1 ? "2" : "3") +
                    ") and LW (track mxm.e0.load, word 1)");
    else
      EXPECT_EQ(r.hazard(), "");
  }
}

TEST(HazardsCore, H29TwoQueuesOfOneUnit) {
  for (uint64_t cycle : {3, 4}) {
    TestProgram p;
    p.track(MOERT_LPU_MXM_LOAD, East, 0).at(3, clear());
    p.track(MOERT_LPU_ICU, 0, 0).at(3, instruction(MOERT_LPU_CONFIG));
    p.track(MOERT_LPU_ICU, 0, 0).words.back().imm = 20;
    p.track(MOERT_LPU_ICU, 0, 0, 0, 1)
        .at(cycle, instruction(MOERT_LPU_CONFIG))
        .words.back()
        .imm = 20;
    EXPECT_EQ(p.run().hazard(), cycle == 3 ? "H29" : "");
  }
}

TEST(HazardsCore, H30TextThatIsNotThere) {
  Planes p;
  p.read(East, 0).at(0, test::read(0, E(0))).at(1, test::read(0, E(1)));
  p.read(East, 0).resident = 1;
  EXPECT_ERROR(p, "H30: cycle 1, mem.e0: READ (track mem.e0.read, word 1) is not "
                  "in the queue, which has 1 words");
  // Text of something else.
  TestProgram other;
  TestTrack &w = other.write(East, 8);
  w.at(10, ifetch(E(9))).at(20, test::write(E(0), 0));
  w.resident = uint32_t(w.words.size() - 1);
  other.buffer({.name = "text",
                .kind = BufferKind::Text,
                .count = 2,
                .slices = {9},
                .bytes = std::vector<uint8_t>(2 * width, 17)});
  other.read(East, 9).at(9, test::read(0, E(9))).repeat(1, 1, 1);
  EXPECT_ERROR(other,
               "H30: cycle 10, mem.e8: IFETCH (track mem.e8.write, word 1): word "
               "0 of vector 0 is not word 3 of the track");
}

TEST(HazardsCore, H31FieldsOfNopAndRepeat) {
  for (uint64_t cycles : {0, 65536}) {
    Planes p;
    p.read(East, 0).raw(nop(cycles)).raw(test::read(0, E(0)));
    EXPECT_ERROR(p, "H31: cycle 0, mem.e0: NOP (track mem.e0.read, word 0) of " +
                        std::to_string(cycles) + " cycles");
  }
  for (Instruction word :
       {repeatWord(0, 1), repeatWord(1, 0), repeatWord(1, 1)}) {
    Planes p;
    p.read(East, 0).raw(test::read(0, E(0))).raw(word);
    bool wrong = !(word.imm & 0xffff) || !(word.imm >> 16);
    EXPECT_EQ(p.run().hazard(), wrong ? "H31" : "");
  }
  Planes p;
  p.read(East, 0).raw(test::read(0, E(0))).raw(repeatWord(1, 1));
  p.read(East, 0).words.back().imm |= uint64_t(1) << 48;
  EXPECT_EQ(p.run().hazard(), "H31");
}

TEST(HazardsCore, H32SyncsAndNotifies) {
  for (int notifies : {0, 1, 2}) {
    Planes p;
    p.read(East, 0).raw(test::sync()).raw(test::read(0, E(0)));
    for (int i = 0; i < notifies; ++i)
      p.track(MOERT_LPU_ICU, 0, 0).at(uint64_t(4 + i), notify());
    EXPECT_ERROR(p, notifies == 0
                        ? "H32: cycle 0, mem.e0: SYNC (track mem.e0.read, word "
                          "0) waits for a NOTIFY"
                    : notifies == 1 ? ""
                                    : "H32: cycle 5, icu: NOTIFY (track icu, "
                                      "word 2): no track waits in a SYNC");
  }
}
