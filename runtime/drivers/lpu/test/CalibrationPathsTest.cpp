//===- CalibrationPathsTest.cpp - public latencies of units and paths -----===//
//
// Figures that Groq, or programmers of the real chip, have published;
// docs/LPU.md, "Calibration", says where each comes from.
//===----------------------------------------------------------------------===//
#include "Calibration.h"
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int width = 320;

/// Weights of all four planes from a cold read to the array: each hemisphere
/// reads slices 12 to 43, whose rows meet the matrix unit from cycle `load` on.
struct Install {
  static constexpr int firstSlice = 12, columnCycles = 20;
  TestProgram p;
  size_t y[2][2];
  std::vector<uint8_t> weights[2], x;

  /// The array is first used in cycle `use`.
  Install(int load, int use) {
    Machine machine = machineOf(p.machine);
    Times times(machine);
    x.resize(width);
    for (int l = 0; l < width; ++l)
      x[size_t(l)] = uint8_t(3 * l + 1);
    for (Hemisphere h : {West, East}) {
      std::vector<uint8_t> &w = weights[h];
      w.resize(2 * width * width);
      for (size_t i = 0; i < w.size(); ++i)
        w[i] = uint8_t(i * 2654435761u >> (11 + h));
      for (int plane = 0; plane < 2; ++plane)
        p.input({.name = "weights",
                 .count = width,
                 .hemisphere = h,
                 .slices = slicesFrom(firstSlice + 16 * plane, 16)},
                std::vector<uint8_t>(w.begin() + plane * width * width,
                                     w.begin() + (plane + 1) * width * width));
      p.input({.name = "x", .hemisphere = h, .slices = {0}}, x);
      for (int slice = 0; slice < 32; ++slice)
        stream(p.read(h, firstSlice + slice),
               times.readForMxm(load, firstSlice + slice),
               read(0, outward(h, slice)), columnCycles, 1);
      p.read(h, 0).at(uint64_t(times.readForMxm(use, 0)),
                      read(0, outward(h, 0)));
      for (int plane = 0; plane < 2; ++plane) {
        y[h][plane] = p.buffer({.name = "y",
                                .kind = BufferKind::Output,
                                .type = MOERT_LPU_I32,
                                .hemisphere = h,
                                .slices = slicesFrom(4 + 4 * plane, 4)});
        p.load(h, plane)
            .at(uint64_t(load), lw(outward(h, 16 * plane), columnCycles))
            .at(uint64_t(load + columnCycles), iw());
        p.feed(h, plane).at(uint64_t(use), abc(outward(h, 0), 1));
        p.drain(h, plane).at(uint64_t(use), acc(inward(h, 4 * plane), 1));
        int64_t column = machine.columnOf(4 + 4 * plane);
        for (int b = 0; b < 4; ++b)
          p.write(h, 4 + 4 * plane + b)
              .at(uint64_t(use + machine.latency.mxmResult +
                           machine.position.mxm - column),
                  write(inward(h, 4 * plane + b), 0));
      }
    }
  }
};

} // namespace

TEST(Calibration, AllWeightsAreInstalledWithin40Cycles) {
  // Slice 12 is 15 columns from the matrix unit: read in cycle 0, there in 16.
  constexpr int load = 16, use = 37;
  Install program(load, use);
  RunOutcome run = program.p.run();
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(run.result.busy.install * 16 * width, 409600u);
  for (Hemisphere h : {West, East})
    for (int plane = 0; plane < 2; ++plane) {
      std::vector<uint8_t> y =
          contentsOf(*run.simulator, program.y[h][plane], 1);
      for (int n = 0; n < width; ++n) {
        int32_t expected = 0, found = 0;
        for (int k = 0; k < width; ++k)
          expected +=
              int8_t(
                  program.weights[h][size_t((plane * width + n) * width + k)]) *
              int8_t(program.x[size_t(k)]);
        for (int b = 0; b < 4; ++b)
          found |= int32_t(uint32_t(y[size_t(b * width + n)]) << 8 * b);
        ASSERT_EQ(found, expected) << h << " " << plane << " " << n;
      }
    }
  static_assert(use < 40);
  // Not a cycle less.
  EXPECT_EQ(Install(load, use - 1).p.run().hazard(), "H13");
}

TEST(Calibration, ABarrierTakes35Cycles) {
  for (uint64_t notified : {7, 50}) {
    TestProgram p;
    p.input({.name = "in", .slices = {0}}, std::vector<uint8_t>(width));
    p.input({.name = "in", .hemisphere = West, .slices = {40}},
            std::vector<uint8_t>(width));
    const Instruction wait = instruction(MOERT_LPU_SYNC);
    p.track(MOERT_LPU_ICU, 0, 0).at(notified, notify());
    p.read(East, 0).at(3, wait).raw(read(0, E(0)));
    p.read(West, 40).at(5, wait).raw(read(0, W(0)));
    std::vector<uint64_t> reads;
    SimulatorOptions options;
    options.trace = [&](const TraceEvent &event) {
      if (event.instruction.opcode == MOERT_LPU_READ)
        reads.push_back(event.cycle);
    };
    RunOutcome run = p.run(options);
    ASSERT_EQ(run.error, "");
    EXPECT_EQ(reads, std::vector<uint64_t>(2, notified + 35));
  }
}

TEST(Calibration, FromSxmThroughThreeAlusToSxmAre50Cycles) {
  // TRANSPOSE, three ALUs in a chain, DISTRIBUTE; its result is at the SXM 50
  // cycles after the transposer was dispatched.
  auto program = [](uint64_t end) {
    TestProgram p;
    Machine machine = machineOf(p.machine);
    Times times(machine);
    constexpr int64_t start = 20;
    p.input({.name = "in", .count = 16, .slices = slicesFrom(28, 16)},
            std::vector<uint8_t>(16 * width, 5));
    p.buffer({.name = "out", .kind = BufferKind::Output, .slices = {24}});
    for (int s = 0; s < 16; ++s)
      p.read(East, 28 + s)
          .at(uint64_t(times.readForSxm(start, 28 + s)), read(0, E(s)));
    p.track(MOERT_LPU_SXM_TRANSPOSE, East, 0)
        .at(start, sxm(MOERT_LPU_TRANSPOSE, MOERT_LPU_I8, E(0), W(0)));
    int64_t alu = start + machine.latency.transpose + machine.position.sxm +
                  machine.latency.vxmEntry;
    p.alu(0).at(uint64_t(alu), unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)));
    p.alu(1).at(uint64_t(alu + 3),
                unary(MOERT_LPU_PASS, MOERT_LPU_I8, fromAlu(0)));
    p.alu(2).at(uint64_t(alu + 6),
                unary(MOERT_LPU_NEG, MOERT_LPU_I8, fromAlu(1), E(0)));
    uint64_t distribute = start + end - uint64_t(machine.latency.distribute);
    p.track(MOERT_LPU_SXM_DISTRIBUTE, East, 0)
        .at(distribute, sxm(MOERT_LPU_DISTRIBUTE, MOERT_LPU_I8, E(0), W(16),
                            0xfedcba9876543210u));
    p.write(East, 24).at(uint64_t(times.writeOfSxm(int64_t(start + end), 24)),
                         write(W(16), 0));
    return p.run();
  };
  RunOutcome run = program(50);
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(contentsOf(*run.simulator, 1, 1), std::vector<uint8_t>(width, 5));
  EXPECT_EQ(program(49).hazard(), "H2");
  EXPECT_EQ(program(51).hazard(), "H2");
}

namespace {

/// Twenty times: 16 readings are spread through distributor and permuter; in
/// between, the vector is shifted by a superlane and stored again. Slices are
/// those of the public program: in 27, from then on 32 to 35, out 0 to 15.
struct ShiftPass {
  int64_t lead = 0;   ///< from the first READ to the permuter
  int64_t step = 0;   ///< from the READ of what is shifted to its WRITE
  int64_t end = 0;    ///< from the last PERMUTE until the row can be read
  int64_t cycles = 0; ///< from the first READ until then
  RunOutcome run;

  ShiftPass() {
    constexpr int passes = 20, readings = 16, first = 27, store = 32;
    TestProgram p;
    Machine machine = machineOf(p.machine);
    Times times(machine);
    p.input({.name = "in", .slices = {first}}, std::vector<uint8_t>(width, 7));
    p.buffer({.name = "store",
              .kind = BufferKind::Temporary,
              .count = passes,
              .slices = {store}});
    for (int s = 0; s < readings; ++s)
      p.buffer({.name = "out",
                .kind = BufferKind::Output,
                .count = passes,
                .slices = {uint8_t(s)}});
    std::vector<uint8_t> identity(2 * width);
    for (int l = 0; l < width; ++l)
      identity[size_t(l)] = uint8_t(l), identity[size_t(width + l)] = l >> 8;
    p.input({.name = "map", .type = MOERT_LPU_I16, .slices = {36, 37}},
            identity);

    constexpr int64_t start = 20;
    int64_t now = start; // of the first reading of a pass
    for (int pass = 0; pass < passes; ++pass) {
      const int source = pass ? store : first;
      const uint16_t row = uint16_t(pass);
      const int64_t way = -times.readForSxm(0, source);
      const int64_t permute = now + way + machine.latency.distribute;
      stream(p.read(East, source), now, read(row, E(0)), readings);
      stream(p.track(MOERT_LPU_SXM_DISTRIBUTE, East, 0), now + way,
             sxm(MOERT_LPU_DISTRIBUTE, MOERT_LPU_I8, E(0), E(8), 0), readings);
      for (int b = 0; b < 2; ++b)
        stream(p.read(East, 36 + b), times.readForSxm(permute, 36 + b),
               read(0, E(4 + b)), readings);
      stream(p.track(MOERT_LPU_SXM_PERMUTE, East, 0), permute,
             sxm(MOERT_LPU_PERMUTE, MOERT_LPU_I8, E(8), W(0), 0, E(4)),
             readings);
      int64_t written = 0;
      for (int r = 0; r < readings; ++r) {
        written = times.writeOfSxm(permute + machine.latency.permute + r, r);
        p.write(East, r).at(uint64_t(written), write(W(0), row));
      }
      if (pass == 0)
        lead = permute - now;
      if (pass + 1 == passes) {
        end = written + machine.latency.write - (permute + readings - 1);
        cycles = written + machine.latency.write - start;
        break;
      }
      // The reading behind the 16 goes to the shifter and back to memory.
      const int64_t shift = now + readings;
      p.read(East, source).at(uint64_t(shift), read(row, E(1)));
      p.track(MOERT_LPU_SXM_SHIFT, East, 0)
          .at(uint64_t(shift + way),
              sxm(MOERT_LPU_SHIFT, MOERT_LPU_I8, E(1), W(1), 1));
      const int64_t stored =
          times.writeOfSxm(shift + way + machine.latency.shift, store);
      p.write(East, store)
          .at(uint64_t(stored), write(W(1), uint16_t(pass + 1)));
      if (pass)
        step = stored - shift;
      now = stored + machine.latency.write;
    }
    run = p.run();
  }
};

} // namespace

TEST(Calibration, AShiftPassOfTheSxm) {
  ShiftPass pass;
  ASSERT_EQ(pass.run.error, "");
  // Published: 19 for a shift, 17 for the last row, 720 in all.
  EXPECT_EQ(pass.step, 19);
  EXPECT_EQ(pass.end, 17);
  EXPECT_NEAR(double(pass.cycles), 720, 0.02 * 720);
  // Published: 22. What else is between distributor and permuter is not public.
  EXPECT_EQ(pass.lead, 12);
}
