//===- lpu_simulator.cpp - simulated cycles a second, at full chip width --===//
//
// Built by `ninja lpu_simulator_speed`:
//
//   lpu_simulator_speed [THREADS]
//
// Two programs of tsp1:
//
//   matrix  all four planes take an int8 activation in nearly every cycle (107
//           of 128), and new weights meanwhile; all 16 ALUs turn the results
//           into f32, scale, shift and clamp them, and 16 slices write them
//   vector  all four planes install weights in 20 of 22 cycles, from 64 slices,
//           and take one activation then
//===----------------------------------------------------------------------===//
#include "ProgramBuilder.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr size_t width = 320;

std::vector<uint8_t> noise(size_t bytes) {
  std::vector<uint8_t> result(bytes);
  uint32_t state = 1;
  for (uint8_t &byte : result)
    byte = uint8_t((state = state * 1664525 + 1013904223) >> 24);
  return result;
}

/// Weights: 20 vectors in each of 16 slices from `first` on, read so that they
/// are at the MXM from `cycle` on, on streams from `stream` on.
void readWeights(TestProgram &p, Hemisphere h, int first, int stream,
                 uint64_t cycle) {
  for (int s = 0; s < 16; ++s) {
    int column = 1 + (first + s) / 4;
    p.read(h, first + s)
        .at(cycle - uint64_t(20 - column),
            read(0, outward(h, stream + s)))
        .repeat(19, 1, 1);
  }
}

BufferSpec weightsAt(Hemisphere h, int first) {
  BufferSpec spec{.name = "weights", .count = 320, .hemisphere = h};
  spec.slices.clear();
  for (int s = 0; s < 16; ++s)
    spec.slices.push_back(uint8_t(first + s));
  return spec;
}

constexpr uint64_t start = 100;

TestProgram makeMatrix(uint64_t periods) {
  constexpr uint64_t period = 128, fed = 107;
  TestProgram p;
  for (Hemisphere h : {West, East}) {
    p.input(weightsAt(h, 0), noise(320 * width));
    for (uint8_t plane = 0; plane < 2; ++plane) {
      p.input({.name = "activations",
               .count = fed,
               .hemisphere = h,
               .slices = {uint8_t(40 + plane)}},
              noise(fed * width));
      p.buffer({.name = "out",
                .kind = BufferKind::Output,
                .type = MOERT_LPU_F32,
                .count = fed,
                .hemisphere = h,
                .slices = {uint8_t(16 + 4 * plane), uint8_t(17 + 4 * plane),
                           uint8_t(18 + 4 * plane), uint8_t(19 + 4 * plane)}});
    }
  }
  // A factor and a summand for the latches.
  std::vector<uint8_t> half(4 * width);
  for (size_t l = 0; l < width; ++l)
    half[3 * width + l] = 0x3f;
  p.input({.name = "half", .type = MOERT_LPU_F32, .slices = {36, 37, 38, 39}},
          half);
  for (int plane = 0; plane < 4; ++plane)
    for (int k = 0; k < 3; ++k)
      p.read(East, 36 + plane).at(uint64_t(k), read(0, W(8 * k + plane)));
  // Column 10 at 1, x = 0 at 11: groups 0, 2 and 4 of streams.
  for (int alu : {1, 3, 12, 14})
    p.alu(alu).at(15, unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(0)));
  for (int alu : {4, 6})
    p.alu(alu).at(16, unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(8)));
  for (int alu : {9, 11})
    p.alu(alu).at(17, unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(16)));

  struct Chain {
    int alus[4];
    uint8_t from, to;
  } chains[] = {{{0, 1, 4, 5}, W(0), E(20)},
                {{2, 3, 6, 7}, W(4), W(20)},
                {{13, 12, 9, 8}, E(0), E(24)},
                {{15, 14, 11, 10}, E(4), W(24)}};
  for (Hemisphere h : {West, East})
    for (int plane = 0; plane < 2; ++plane) {
      uint64_t first = start - 40 + 20 * uint64_t(plane);
      readWeights(p, h, 0, 0, first);
      p.load(h, plane).at(first, lw(outward(h, 0), 20));
    }
  for (uint64_t base = start; base < start + periods * period; base += period) {
    for (Hemisphere h : {West, East})
      for (int plane = 0; plane < 2; ++plane) {
        uint64_t load = base + 1 + 20 * uint64_t(plane);
        readWeights(p, h, 0, 0, load);
        p.load(h, plane).at(base, iw()).at(load, lw(outward(h, 0), 20));
        p.read(h, 40 + plane)
            .at(base + 1 - 9, read(0, outward(h, 16 + plane)))
            .repeat(fed - 1, 1, 1);
        p.feed(h, plane).at(base + 1, abc(outward(h, 16 + plane), fed));
        p.drain(h, plane).at(base + 1, acc(inward(h, 4 * plane), fed));
        for (int s = 0; s < 4; ++s)
          p.write(h, 16 + 4 * plane + s)
              .at(base + 62 + uint64_t(plane),
                  write(outward(h, 20 + 4 * plane + s), 0))
              .repeat(fed - 1, 1, 1);
      }
    for (const Chain &c : chains) {
      const uint64_t t = base + 46;
      p.alu(c.alus[0])
          .at(t, convert(MOERT_LPU_I32, MOERT_LPU_F32, c.from))
          .repeat(fed - 1, 1);
      p.alu(c.alus[1])
          .at(t + 3, binary(MOERT_LPU_MUL, MOERT_LPU_F32, fromAlu(c.alus[0]),
                            fromLatch))
          .repeat(fed - 1, 1);
      p.alu(c.alus[2])
          .at(t + 6, binary(MOERT_LPU_ADD, MOERT_LPU_F32, fromAlu(c.alus[1]),
                            fromLatch))
          .repeat(fed - 1, 1);
      p.alu(c.alus[3])
          .at(t + 9, unary(MOERT_LPU_RELU, MOERT_LPU_F32, fromAlu(c.alus[2]),
                           c.to))
          .repeat(fed - 1, 1);
    }
  }
  return p;
}

TestProgram makeVector(uint64_t rounds) {
  TestProgram p;
  for (Hemisphere h : {West, East})
    for (int plane = 0; plane < 2; ++plane) {
      p.input(weightsAt(h, 16 * plane), noise(320 * width));
      p.input({.name = "activation",
               .hemisphere = h,
               .slices = {uint8_t(40 + plane)}},
              noise(width));
    }
  for (uint64_t base = start; base < start + rounds * 22; base += 22)
    for (Hemisphere h : {West, East})
      for (int plane = 0; plane < 2; ++plane) {
        readWeights(p, h, 16 * plane, 16 * plane, base);
        p.load(h, plane)
            .at(base, lw(outward(h, 16 * plane), 20))
            .at(base + 20, iw());
        p.read(h, 40 + plane)
            .at(base + 21 - 9, read(0, outward(h, 16 * plane)));
        p.feed(h, plane).at(base + 21, abc(outward(h, 16 * plane), 1));
        p.drain(h, plane).at(base + 21, acc(inward(h, 4 * plane), 1));
      }
  return p;
}

void measure(const char *name, const TestProgram &p, int threads) {
  SimulatorOptions recording;
  recording.record = true;
  RunOutcome recorded = p.run(recording);
  if (!recorded.error.empty()) {
    std::fprintf(stderr, "error: %s: %s\n", name, recorded.error.c_str());
    std::exit(1);
  }
  Recorded claims = recorded.simulator->recorded();
  for (bool data : {true, false}) {
    SimulatorOptions options;
    options.data = data;
    options.threads = threads;
    std::unique_ptr<Simulator> simulator;
    moert::Status status =
        Simulator::create(p.bytes(&claims), options, &simulator);
    for (auto it = p.contents.begin(); data && status.ok() &&
                                       it != p.contents.end(); ++it)
      status = simulator->writeVectors(it->first, 0, p.buffers[it->first].count,
                                       std::as_bytes(std::span(it->second)));
    Result result;
    auto begin = std::chrono::steady_clock::now();
    if (status.ok())
      status = simulator->run(0, result);
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    if (!status.ok()) {
      std::fprintf(stderr, "error: %s: %s\n", name, status.message());
      std::exit(1);
    }
    const double cycles = double(result.cycles);
    std::printf("%s%s: %.0f cycles/s; %.2f planes fed, %.2f loading, "
                "%.2f ALUs, %.2f accesses of slices a cycle\n",
                name, data ? "" : ", time alone", cycles / seconds.count(),
                double(result.busy.feed) / cycles,
                double(result.busy.install) / cycles,
                double(result.busy.alu) / cycles,
                double(result.busy.read + result.busy.write) / cycles);
  }
}

} // namespace

int main(int argc, char **argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  measure("matrix", makeMatrix(400), threads);
  measure("vector", makeVector(1500), threads);
}
