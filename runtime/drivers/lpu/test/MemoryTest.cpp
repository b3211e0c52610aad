//===- MemoryTest.cpp - addresses as data, identities, runs, upsets -------===//
#include "ProgramBuilder.h"
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr size_t width = 320, lanes = 16;

std::vector<uint8_t> ramp(size_t bytes, unsigned first = 0) {
  std::vector<uint8_t> result(bytes);
  for (size_t i = 0; i < bytes; ++i)
    result[i] = uint8_t(i * 13 + i / 320 + first);
  return result;
}

/// A map that gives superlane s row rowOf(s).
template <typename RowOf> std::vector<uint8_t> mapOf(RowOf rowOf) {
  std::vector<uint8_t> map(width);
  for (size_t s = 0; s < width / lanes; ++s) {
    map[s * lanes] = uint8_t(rowOf(s));
    map[s * lanes + 1] = uint8_t(rowOf(s) >> 8);
  }
  return map;
}

constexpr uint64_t tableRows = 300;

/// GATHER of a table of 300 rows by a map.
struct Gather : TestProgram {
  size_t table, map, out;
  explicit Gather(std::vector<uint8_t> rows) {
    table = input({.name = "table",
                   .count = tableRows,
                   .slices = {0},
                   .row = 40},
                  ramp(tableRows * width));
    map = input({.name = "map", .slices = {1}}, std::move(rows));
    out = buffer({.name = "out", .kind = BufferKind::Output, .slices = {4}});
    read(East, 1).at(0, test::read(0, E(8)));
    read(East, 0).at(1, test::gather(E(8), 40, E(0)));
    write(East, 4).at(4, test::write(E(0), 0));
  }
};

} // namespace

TEST(Memory, GatherReadsARowOfEachSuperlane) {
  auto rowOf = [](size_t s) { return s * 15 + 3; };
  Gather p(mapOf(rowOf));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<uint8_t> got = contentsOf(*r.simulator, p.out, 1);
  ASSERT_EQ(got.size(), width);
  const std::vector<uint8_t> &table = p.contents.at(p.table);
  for (size_t l = 0; l < width; ++l)
    EXPECT_EQ(got[l], table[rowOf(l / lanes) * width + l]);
}

TEST(Memory, TimeDoesNotDependOnAddresses) {
  uint64_t cycles = 0;
  for (size_t factor : {0, 1, 15}) {
    RunOutcome r =
        Gather(mapOf([&](size_t s) { return s * factor; })).run();
    ASSERT_EQ(r.error, "");
    EXPECT_TRUE(!cycles || cycles == r.result.cycles);
    cycles = r.result.cycles;
  }
}

TEST(Memory, AddressesStayInTheirBuffer) {
  Gather p(mapOf([](size_t s) { return s == 7 ? tableRows : 0; }));
  EXPECT_EQ(p.run().error, "H10: cycle 1, mem.e0: GATHER (track mem.e0.read, "
                           "word 1): superlane 7 reads row 340 outside buffer "
                           "table");
}

/// SCATTER of a vector into a table, and a READ of one of its rows.
struct Scatter : TestProgram {
  size_t table, out;
  explicit Scatter(std::vector<uint8_t> rows, int row, uint64_t wait = 0) {
    input({.name = "in", .slices = {0}}, ramp(width, 5));
    input({.name = "map", .slices = {1}}, std::move(rows));
    table = input({.name = "table",
                   .kind = BufferKind::State,
                   .count = 10,
                   .slices = {4}},
                  ramp(10 * width));
    out = buffer({.name = "out", .kind = BufferKind::Output, .slices = {8}});
    read(East, 0).at(0, test::read(0, E(0)));
    read(East, 1).at(0, test::read(0, E(8)));
    write(East, 4).at(2, test::scatter(E(0), E(8), 0));
    // Written at 2: there to be read from 4 on.
    read(East, 4).at(4 + wait, test::read(uint16_t(row), E(1)));
    write(East, 8).at(6 + wait, test::write(E(1), 0));
  }
};

TEST(Memory, ScatterWritesARowOfEachSuperlane) {
  Scatter p(mapOf([](size_t s) { return s % 10; }), 3);
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<uint8_t> got = contentsOf(*r.simulator, p.out, 1),
                       before = ramp(10 * width), written = ramp(width, 5);
  ASSERT_EQ(got.size(), width);
  for (size_t l = 0; l < width; ++l)
    EXPECT_EQ(got[l], l / lanes % 10 == 3 ? written[l] : before[3 * width + l]);
}

TEST(Memory, AScatterMakesAnotherVersionOfAllRows) {
  // The claims of a program that reads later must not do for one that reads the
  // rows as they were before.
  auto map = mapOf([](size_t) { return 9; });
  Scatter late(map, 3), early(map, 3);
  SimulatorOptions recording;
  recording.record = true;
  RunOutcome r = late.run(recording);
  ASSERT_EQ(r.error, "");
  Recorded recorded = r.simulator->recorded();
  EXPECT_EQ(late.run({}, &recorded).error, "");
  Scatter soon(map, 3, 0);
  soon.read(East, 4).words[0] = nop(3); // at 3, before it is there
  soon.write(East, 8).words[0] = nop(5);
  EXPECT_EQ(soon.run({}, &recorded).hazard(), "H9");
}

TEST(Memory, RowsThatNobodyWroteCannotBeRead) {
  // A state buffer of which the host wrote nothing: each superlane must be.
  Scatter p(mapOf([](size_t s) { return s == 11 ? 4 : 3; }), 3);
  p.contents.erase(p.table);
  EXPECT_EQ(p.run().error, "H8: cycle 4, mem.e4: READ (track mem.e4.read, word "
                           "1): superlane 11 of vector 3 of buffer table was "
                           "never written");
  Scatter all(mapOf([](size_t) { return 3; }), 3);
  all.contents.erase(all.table);
  EXPECT_EQ(all.run().error, "");
}

TEST(Memory, TemporaryRowsAreForgottenAndStateIsKept) {
  for (BufferKind kind : {BufferKind::Temporary, BufferKind::State}) {
    TestProgram p;
    size_t in = p.input({.name = "in", .slices = {0}}, ramp(width));
    size_t kept = p.buffer({.name = "kept", .kind = kind, .slices = {1}});
    p.read(East, 0).at(0, test::read(0, E(0)));
    p.write(East, 1).at(1, test::write(E(0), 0));
    RunOutcome r = p.run();
    ASSERT_EQ(r.error, "");
    EXPECT_EQ(contentsOf(*r.simulator, kept, 1), p.contents.at(in));
    // Another run, from a state of the host's.
    std::vector<uint8_t> other = ramp(width, 77);
    ASSERT_TRUE(
        r.simulator->writeVectors(in, 0, 1, std::as_bytes(std::span(other)))
            .ok());
    Result again;
    ASSERT_TRUE(r.simulator->run(0, again).ok());
    EXPECT_EQ(again.cycles, r.result.cycles);
    EXPECT_EQ(contentsOf(*r.simulator, kept, 1), other);
    ASSERT_TRUE(r.simulator->reset().ok());
    EXPECT_TRUE(contentsOf(*r.simulator, kept, 1).empty());
  }
  TestProgram p;
  p.buffer({.name = "early", .kind = BufferKind::Temporary, .slices = {0}});
  p.buffer({.name = "out", .kind = BufferKind::Output, .slices = {1}});
  p.contents[0] = ramp(width);
  p.read(East, 0).at(0, test::read(0, E(0)));
  p.write(East, 1).at(1, test::write(E(0), 0));
  EXPECT_EQ(p.run().hazard(), "H8");
}

TEST(Memory, ARunThatFailedLeavesNothingBehind) {
  Gather p(mapOf([](size_t s) { return s; }));
  SimulatorOptions options;
  options.record = true;
  RunOutcome right = p.run(options);
  ASSERT_EQ(right.error, "");
  Recorded recorded = right.simulator->recorded();
  std::vector<uint8_t> map = p.contents.at(p.map);
  p.contents[p.map] = mapOf([](size_t) { return 1000; });
  RunOutcome r = p.run({}, &recorded);
  EXPECT_EQ(r.hazard(), "H10");
  ASSERT_TRUE(r.simulator
                  ->writeVectors(p.map, 0, 1, std::as_bytes(std::span(map)))
                  .ok());
  for (int i = 0; i < 2; ++i) {
    Result again;
    ASSERT_TRUE(r.simulator->run(0, again).ok());
    EXPECT_EQ(again.cycles, right.result.cycles);
    EXPECT_EQ(contentsOf(*r.simulator, p.out, 1),
              contentsOf(*right.simulator, p.out, 1));
  }
}

TEST(Memory, SeedsChangeNothing) {
  std::vector<uint8_t> first;
  for (uint64_t seed : {0, 1, 12345}) {
    Gather p(mapOf([](size_t s) { return s; }));
    SimulatorOptions options;
    options.seed = seed;
    RunOutcome r = p.run(options);
    ASSERT_EQ(r.error, "");
    std::vector<uint8_t> got = contentsOf(*r.simulator, p.out, 1);
    EXPECT_TRUE(first.empty() || first == got);
    first = got;
  }
}

TEST(Memory, TimeAloneIsTheSame) {
  Gather p(mapOf([](size_t s) { return s; }));
  SimulatorOptions options;
  options.record = true;
  RunOutcome withData = p.run(options);
  ASSERT_EQ(withData.error, "");
  Recorded recorded = withData.simulator->recorded();
  p.contents.clear();
  options = {};
  options.data = false;
  RunOutcome r = p.run(options, &recorded);
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.result.cycles, withData.result.cycles);
}

TEST(Memory, AnUpsetIsCorrectedAndTwoEndTheRun) {
  Gather p(mapOf([](size_t) { return 0; }));
  SimulatorOptions recording;
  recording.record = true;
  RunOutcome made = p.run(recording);
  ASSERT_EQ(made.error, "");
  Recorded recorded = made.simulator->recorded();
  RunOutcome r = p.run({}, &recorded);
  Simulator &simulator = *r.simulator;
  std::vector<uint8_t> right = contentsOf(simulator, p.out, 1);
  // Bits of superlanes 0 and 2 of row 0, and one of row 1 that nobody reads.
  Result result;
  ASSERT_TRUE(simulator.upset(p.table, 0, 0, 5).ok());
  ASSERT_TRUE(simulator.upset(p.table, 0, 0, 2 * 128 + 9).ok());
  ASSERT_TRUE(simulator.upset(p.table, 1, 0, 0).ok());
  ASSERT_TRUE(simulator.run(0, result).ok());
  EXPECT_EQ(result.corrected, 2u);
  EXPECT_EQ(contentsOf(simulator, p.out, 1), right);
  ASSERT_TRUE(simulator.run(0, result).ok());
  EXPECT_EQ(result.corrected, 0u) << "they stay corrected";
  ASSERT_TRUE(simulator.upset(p.table, 0, 0, 2 * 128).ok());
  ASSERT_TRUE(simulator.upset(p.table, 0, 0, 2 * 128 + 127).ok());
  moert::Status status = simulator.run(0, result);
  EXPECT_STREQ(status.message(),
               "cycle 1, mem.e0: GATHER (track mem.e0.read, word 1): two bits "
               "of superlane 2 of vector 0 of buffer table are wrong");
  EXPECT_FALSE(simulator.upset(p.table, tableRows, 0, 0).ok());
}

TEST(Memory, UpsetsComeFromTheSeed) {
  Gather p(mapOf([](size_t s) { return s; }));
  // Of the 301 rows of bytes, few are hit in 5 cycles.
  for (int run = 0; run < 2; ++run) {
    SimulatorOptions options;
    options.seed = 3;
    options.upsetEvery = 1;
    RunOutcome r = p.run(options);
    EXPECT_EQ(r.error, "");
  }
}

TEST(Memory, TheHostSeesWhatIsThere) {
  Gather p(mapOf([](size_t) { return 1; }));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<std::byte> bytes(width);
  Simulator &simulator = *r.simulator;
  EXPECT_EQ(simulator.vectorBytes(p.out), width);
  EXPECT_STREQ(simulator.readVectors(9, 0, 1, bytes).message(),
               "buffer 9 requested, the program has 3");
  EXPECT_STREQ(simulator.readVectors(p.out, 1, 1, bytes).message(),
               "vectors 1 to 2 of buffer out requested, it has 1");
  EXPECT_STREQ(simulator.readVectors(p.table, 0, 2, bytes).message(),
               "320 bytes for 2 vectors of buffer table, which have 640");
  Result result;
  EXPECT_STREQ(simulator.run(1, result).message(),
               "segment 1 requested, the program has 1");
}

TEST(Memory, UnusedResultsAreCounted) {
  TestProgram p;
  p.input({.name = "in", .slices = {0}}, ramp(width));
  p.read(East, 0).at(0, test::read(0, E(0))).use(2);
  p.buffer({.name = "out", .kind = BufferKind::Output, .slices = {1}});
  p.write(East, 1).at(1, test::write(E(0), 0));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  EXPECT_EQ(r.result.unused.count, 1u);
  EXPECT_EQ(r.result.unused.first, "READ (track mem.e0.read, word 0) of cycle 0 "
                                   "is taken 1 times, declared are 2");
}

TEST(Memory, WarningsOfOverflowAndNotANumber) {
  TestProgram p;
  std::vector<uint8_t> bytes(4 * width);
  for (size_t l = 0; l < width; ++l)
    bytes[3 * width + l] = 0x7f, bytes[2 * width + l] = 0xff;
  p.input({.name = "in", .type = MOERT_LPU_I32, .slices = {0, 1, 2, 3}}, bytes);
  for (int i = 0; i < 4; ++i)
    p.read(East, i).at(0, test::read(0, W(i))).at(1, test::read(0, W(i)));
  p.alu(0)
      .at(6, binary(MOERT_LPU_MUL, MOERT_LPU_I32, W(0), W(0)))
      .at(7, binary(MOERT_LPU_ADD, MOERT_LPU_F32, W(0), W(0)));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  EXPECT_EQ(r.result.overflow.count, 1u);
  EXPECT_EQ(r.result.overflow.first,
            "cycle 6, vxm.0: MUL (track vxm.0, word 1): H37: an int32 overflows");
  EXPECT_EQ(r.result.notANumber.count, 1u);
  EXPECT_EQ(r.result.notANumber.first, "cycle 7, vxm.0: ADD (track vxm.0, word "
                                       "2): H38: a result is not a number");
}
