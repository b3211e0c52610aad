//===- MutantPrograms.h - valid programs of several kinds -------*- C++ -*-===//
#ifndef MOERT_DRIVERS_LPU_TEST_MUTANTPROGRAMS_H
#define MOERT_DRIVERS_LPU_TEST_MUTANTPROGRAMS_H

#include "Columns.h"

namespace moert::lpu::test {

struct NamedProgram {
  const char *name;
  TestProgram (*make)();
};

/// When a slice is read for an ALU of cycle `cycle`, and takes what it makes.
inline uint64_t readForAlu(int cycle, int slice) {
  return uint64_t(cycle - 5 - columnOf(slice));
}
inline uint64_t writeForAlu(int cycle, int slice) {
  return uint64_t(cycle + 2 + columnOf(slice));
}
inline std::vector<uint8_t> slicesFrom(int first, int count) {
  std::vector<uint8_t> slices;
  for (int s = first; s < first + count; ++s)
    slices.push_back(uint8_t(s));
  return slices;
}

/// Chains on the VXM with a latch, through memory and back; rows of the output
/// are written twice, and only the second time counts.
inline TestProgram makeChain() {
  UnitProgram p;
  constexpr int count = 4;
  BufferSpec in = {.name = "in",
                   .type = MOERT_LPU_F32,
                   .count = count,
                   .slices = slicesFrom(0, 4)};
  std::vector<uint8_t> floats;
  for (int vector = 0; vector < count; ++vector)
    for (int plane = 0; plane < 4; ++plane)
      for (int lane = 0; lane < laneCount; ++lane) {
        float value = float(lane * (vector + 1)) / 8 - 20;
        uint32_t bits;
        std::memcpy(&bits, &value, 4);
        floats.push_back(uint8_t(bits >> 8 * plane));
      }
  p.input(in, floats);
  p.buffer({.name = "factor",
            .kind = BufferKind::Constant,
            .type = MOERT_LPU_F32,
            .slices = slicesFrom(4, 4),
            .splats = {0x40a00000}});
  in.name = "summand";
  in.slices = slicesFrom(8, 4);
  p.input(in, floats);
  p.buffer({.name = "middle",
            .kind = BufferKind::Temporary,
            .type = MOERT_LPU_I32,
            .count = count,
            .slices = slicesFrom(12, 4),
            .row = 4096});
  p.buffer({.name = "out",
            .kind = BufferKind::Output,
            .type = MOERT_LPU_I32,
            .count = count + 2,
            .slices = slicesFrom(16, 4),
            .row = 17,
            .step = 2});
  constexpr int start = 40, later = 90;
  for (int plane = 0; plane < 4; ++plane) {
    p.read(East, plane)
        .at(readForAlu(start + 1, 0), read(0, W(plane)))
        .repeat(count - 1, 1, 1);
    p.read(East, 4 + plane).at(readForAlu(start, 4), read(0, W(4 + plane)));
    p.read(East, 8 + plane)
        .at(readForAlu(start + 4, 8), read(0, W(8 + plane)))
        .repeat(count - 1, 1, 1);
    p.write(East, 12 + plane)
        .at(writeForAlu(start + 7, 12), write(E(plane), 4096))
        .repeat(count - 1, 1, 1);
    // In the end, another row first.
    p.read(East, 12 + plane)
        .at(readForAlu(later, 12), read(4099, W(8 + plane)))
        .at(readForAlu(later, 12) + 1, read(4096, W(8 + plane)))
        .repeat(2, 1, 1);
    p.write(East, 16 + plane)
        .at(writeForAlu(start + 7, 16), write(E(plane), 17))
        .repeat(count - 1, 1, 2)
        .at(writeForAlu(later, 16), write(E(8 + plane), 23))
        .at(writeForAlu(later, 16) + 1, write(E(8 + plane), 17))
        .repeat(2, 1, 2)
        .at(writeForAlu(later + 5, 16), write(E(12 + plane), 25))
        .at(writeForAlu(later + 6, 16), write(E(12 + plane), 27));
  }
  p.alu(0)
      .at(start, unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(4)))
      .at(start + 1, binary(MOERT_LPU_MUL, MOERT_LPU_F32, W(0), fromLatch))
      .repeat(count - 1, 1);
  p.alu(1)
      .at(start + 4, binary(MOERT_LPU_ADD, MOERT_LPU_F32, fromAlu(0), W(8)))
      .repeat(count - 1, 1);
  p.alu(2)
      .at(start + 7, convert(MOERT_LPU_F32, MOERT_LPU_I32, fromAlu(1), E(0)))
      .repeat(count - 1, 1);
  p.alu(4)
      .at(later, binary(MOERT_LPU_ADD, MOERT_LPU_I32, W(8), W(8), E(8)))
      .repeat(count - 1, 1);
  p.alu(5)
      .at(later + 2, unary(MOERT_LPU_LATCH, MOERT_LPU_I32, W(8)))
      .at(later + 5,
          binary(MOERT_LPU_MAX, MOERT_LPU_I32, fromLatch, fromLatch, E(12)))
      .repeat(1, 1);
  return p;
}

/// Rows as other rows say: gathered, scattered, gathered again.
inline TestProgram makeGather() {
  UnitProgram p;
  constexpr int count = 8, superlanes = 20;
  std::vector<uint8_t> table(count * laneCount);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = uint8_t(i * 7 + i / laneCount);
  p.input({.name = "table", .count = count, .slices = {20}, .row = 3}, table);
  p.input({.name = "cache",
           .kind = BufferKind::State,
           .count = count,
           .slices = {8},
           .row = 4096},
          table);
  std::vector<uint8_t> maps(3 * laneCount);
  for (int map = 0; map < 3; ++map)
    for (int s = 0; s < superlanes; ++s)
      maps[size_t(map * laneCount + 16 * s)] =
          uint8_t(map == 1 ? 5 : (s * 3 + map) % count);
  p.input({.name = "maps", .count = 3, .slices = {36, 40, 41}}, maps);
  p.buffer(
      {.name = "out", .kind = BufferKind::Output, .count = 3, .slices = {4}});
  // 36 has the map of the table, 40 that of the store, 41 that of what comes
  // after.
  constexpr int gathered = 30, column = 6; // of slice 20
  p.read(East, 36).at(gathered - (columnOf(36) - column) - 1, read(0, W(0)));
  p.read(East, 20).at(gathered, gather(W(0), 3, W(4)));
  constexpr int stored = gathered + 2 + column - 3;
  p.read(East, 40).at(stored - (columnOf(40) - 3) - 1, read(0, W(8)));
  p.write(East, 8).at(stored, scatter(W(4), W(8), 4096));
  constexpr int again = stored + 6;
  p.read(East, 41).at(again - (columnOf(41) - 3) - 1, read(0, W(8)));
  p.read(East, 8)
      .at(again, gather(W(8), 4096, W(12)))
      .at(again + 2, read(4101, W(13)))
      .at(again + 10, read(4096, W(14)));
  p.write(East, 4)
      .at(again + 3, write(W(12), 0))
      .at(again + 4, write(W(13), 1))
      .at(again + 12, write(W(14), 2));
  return p;
}

/// Installs of whole and of partial tiles, of i8 and f16, and of packed
/// weights.
inline TestProgram makeProducts() {
  UnitProgram p(machineText("lpu-plus"));
  constexpr int result = 22;
  auto bytes = [](uint64_t vectors, uint32_t seed) {
    std::vector<uint8_t> all(vectors * laneCount);
    for (uint8_t &byte : all)
      byte = uint8_t((seed = seed * 1664525 + 1013904223) >> 24 & 0x3f);
    return all;
  };
  p.input({.name = "weights", .count = 16 * 9, .slices = slicesFrom(0, 16)},
          bytes(16 * 9, 1));
  p.input({.name = "high bytes", .count = 16 * 2, .slices = slicesFrom(24, 16)},
          bytes(16 * 2, 2));
  p.input({.name = "x", .count = 2, .slices = {16}}, bytes(2, 3));
  p.input({.name = "halves",
           .type = MOERT_LPU_F16,
           .count = 2,
           .slices = {16, 17},
           .row = 8},
          bytes(4, 4));
  p.buffer({.name = "sums",
            .kind = BufferKind::Output,
            .type = MOERT_LPU_I32,
            .count = 4,
            .slices = slicesFrom(20, 4)});
  p.buffer({.name = "half sums",
            .kind = BufferKind::Output,
            .type = MOERT_LPU_F32,
            .count = 2,
            .slices = slicesFrom(40, 4)});
  constexpr int first = 30, second = 33, halves = 100, packed = 126;
  for (int s = 0; s < 16; ++s)
    p.read(East, s)
        .at(readFor(first, mxmColumn, s), read(0, E(s)))
        .repeat(1, 1, 1)
        .at(readFor(second, mxmColumn, s), read(2, E(s)))
        .repeat(2, 1, 1)
        .at(readFor(halves, mxmColumn, s), read(5, E(s)))
        .repeat(1, 1, 1);
  for (int s = 0; s < 10; ++s)
    p.read(East, s)
        .at(readFor(packed, mxmColumn, s), read(7, E(s)))
        .repeat(1, 1, 1);
  for (int s = 24; s < 40; ++s)
    p.read(East, s)
        .at(readFor(halves, mxmColumn, s), read(0, E(s - 8)))
        .repeat(1, 1, 1);
  p.load(East, 0)
      .at(first, lw(E(0), 2))
      .at(first + 2, iw())
      .at(second, lw(E(0), 1, 3))
      .at(second + 1, lw(E(0), 2, 5))
      .at(second + 21, iw())
      .at(halves, lw(E(0), 2))
      .at(halves + 2, iw(MOERT_LPU_F16))
      .at(packed, lwx(E(0), 2, 10, MOERT_LPU_FORMAT_TRELLIS, 1))
      .at(packed + 2, iw());
  p.load(East, 1).at(halves, lw(E(16), 2));
  auto activate = [&](int cycle, int vectors, uint16_t row, unsigned type,
                      int to) {
    for (int plane = 0; plane < (type == MOERT_LPU_F16 ? 2 : 1); ++plane) {
      auto &track =
          p.read(East, 16 + plane)
              .at(readFor(cycle, mxmColumn, 16), read(row, E(16 + plane)));
      if (vectors > 1)
        track.repeat(uint64_t(vectors) - 1, 1, 1);
    }
    p.feed(East, 0).at(uint64_t(cycle), abc(E(16), uint64_t(vectors), type));
    p.drain(East, 0).at(uint64_t(cycle), acc(W(to), uint64_t(vectors), type));
  };
  activate(first + 3, 2, 0, MOERT_LPU_I8, 0);
  activate(second + 22, 1, 1, MOERT_LPU_I8, 4);
  activate(halves + 3, 2, 8, MOERT_LPU_F16, 0);
  activate(packed + 3, 1, 0, MOERT_LPU_I8, 8);
  for (int plane = 0; plane < 4; ++plane) {
    int slice = 20 + plane;
    p.write(East, slice)
        .at(writeFor(first + 3 + result, mxmColumn, slice), write(W(plane), 0))
        .repeat(1, 1, 1)
        .at(writeFor(second + 22 + result, mxmColumn, slice),
            write(W(4 + plane), 2))
        .at(writeFor(packed + 3 + result, mxmColumn, slice),
            write(W(8 + plane), 3));
    p.write(East, 40 + plane)
        .at(writeFor(halves + 3 + result, mxmColumn, 40), write(W(plane), 0))
        .repeat(1, 1, 1);
  }
  return p;
}

/// Sums over lanes by exchanges: a permutation, a shift, a rotation, a
/// selection between them, then a transposition.
inline TestProgram makeExchanges() {
  UnitProgram p;
  p.addInput(slicesFrom(0, 4), MOERT_LPU_I32);
  std::vector<uint8_t> map(2 * laneCount);
  for (int l = 0; l < laneCount; ++l) {
    int from = (l + 160) % laneCount;
    map[size_t(l)] = uint8_t(from);
    map[size_t(laneCount + l)] = uint8_t(from >> 8);
  }
  p.addInput({4, 5}, map, MOERT_LPU_I16);
  p.buffer({.name = "sum",
            .kind = BufferKind::Temporary,
            .type = MOERT_LPU_I32,
            .slices = slicesFrom(8, 4)});
  p.addOutput(slicesFrom(12, 4), MOERT_LPU_I32);
  constexpr int round = 30, toAlu = 4 + sxmColumn + 4, second = 90;
  for (int plane = 0; plane < 4; ++plane) {
    // x + permuted x, then that and what a superlane and a lane further is.
    p.read(East, plane)
        .at(readFor(round, sxmColumn, 0), read(0, E(plane)))
        .at(readForAlu(round + toAlu, 0), read(0, W(4 + plane)));
    p.write(East, 8 + plane)
        .at(writeForAlu(round + toAlu, 8), write(E(plane), 0));
    p.read(East, 8 + plane)
        .at(readFor(second, sxmColumn, 8), read(0, E(plane)))
        .at(readFor(second + 4, sxmColumn, 8), read(0, E(4 + plane)));
    p.write(East, 12 + plane)
        .at(writeForAlu(second + 4 + toAlu, 12), write(E(plane), 0));
  }
  for (int plane = 0; plane < 2; ++plane)
    p.read(East, 4 + plane)
        .at(readFor(round, sxmColumn, 4), read(0, E(8 + plane)));
  p.track(MOERT_LPU_SXM_PERMUTE, East, 0)
      .at(round, sxm(MOERT_LPU_PERMUTE, MOERT_LPU_I32, E(0), W(0), 0, E(8)));
  p.alu(0).at(round + toAlu,
              binary(MOERT_LPU_ADD, MOERT_LPU_I32, W(0), W(4), E(0)));
  p.track(MOERT_LPU_SXM_SHIFT, East, 0)
      .at(second, sxm(MOERT_LPU_SHIFT, MOERT_LPU_I32, E(0), E(8), 1));
  p.track(MOERT_LPU_SXM_DISTRIBUTE, East, 0)
      .at(second + 4, sxm(MOERT_LPU_ROTATE, MOERT_LPU_I32, E(4), W(0), 3));
  p.track(MOERT_LPU_SXM_SELECT, East, 0)
      .at(second + 4, sxm(MOERT_LPU_SELECT, MOERT_LPU_I32, E(4), W(4), 0xf0f0,
                          nowhere, E(8)));
  p.alu(1).at(second + 4 + toAlu,
              binary(MOERT_LPU_SUB, MOERT_LPU_I32, W(0), W(4), E(0)));

  std::vector<uint8_t> rows(16 * laneCount);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = uint8_t(i * 2654435761u >> 11);
  p.input({.name = "rows", .count = 16, .slices = slicesFrom(24, 16)}, rows);
  p.buffer({.name = "columns",
            .kind = BufferKind::Output,
            .count = 16,
            .slices = slicesFrom(24, 16),
            .row = 4096});
  constexpr int turn = 20;
  p.track(MOERT_LPU_SXM_TRANSPOSE, East, 1)
      .at(turn, sxm(MOERT_LPU_TRANSPOSE, MOERT_LPU_I8, E(16), W(16)));
  for (int s = 24; s < 40; ++s) {
    p.read(East, s).at(readFor(turn, sxmColumn, s), read(0, E(s - 8)));
    p.write(East, s).at(writeFor(turn + 4, sxmColumn, s),
                        write(W(s - 8), 4096));
  }
  return p;
}

/// Two chips send each other a vector and add; one sends the sum back. The last
/// store waits for a barrier.
inline TestProgram makeTwoChips() {
  UnitProgram p;
  p.chips = 2;
  p.links.emplace_back(0, 2, 1, 2);
  p.links.emplace_back(0, 3, 1, 7);
  constexpr int hop = 650, out = 30;
  auto sendFrom = [&](int chip, int link, int cycle, int slice, int stream) {
    p.read(East, slice, chip)
        .at(readFor(cycle, mxmColumn, slice), read(0, E(stream)));
    p.track(MOERT_LPU_C2C, East, link, chip)
        .at(uint64_t(cycle), send(E(stream)));
  };
  auto receiveAt = [&](int chip, int link, int cycle, int stream) {
    p.track(MOERT_LPU_C2C, East, link, chip)
        .at(uint64_t(cycle + hop), recv(W(stream)));
  };
  constexpr int toAlu = hop + 1 + mxmColumn + 4;
  for (int chip : {0, 1}) {
    p.addInput({0}, MOERT_LPU_I8, 0, chip);
    sendFrom(chip, chip ? 7 : 3, out, 0, 0);
    receiveAt(chip, chip ? 7 : 3, out, 0);
  }
  for (int chip : {0, 1}) {
    p.addOutput({8}, MOERT_LPU_I8, 0, chip);
    p.read(East, 0, chip).at(readForAlu(out + toAlu, 0), read(0, W(4)));
    p.alu(3, chip).at(uint64_t(out + toAlu),
                      binary(MOERT_LPU_ADD, MOERT_LPU_I8, W(0), W(4), E(5)));
    p.write(East, 8, chip).at(writeForAlu(out + toAlu, 8), write(E(5), 0));
  }
  constexpr int back = out + toAlu + 60, notified = 700, barrier = 35;
  sendFrom(1, 2, back, 8, 9);
  receiveAt(0, 2, back, 9);
  p.addOutput({12}, MOERT_LPU_I8, 0, 0);
  p.track(MOERT_LPU_ICU, 0, 0, 0).at(notified, notify());
  p.write(East, 12, 0)
      .at(0, sync())
      .at(writeFor(back + hop + 1, mxmColumn, 12) - (notified + barrier) + 1,
          write(W(9), 0));
  return p;
}

/// A vector of four byte planes over one link, plane after plane, and negated
/// there.
inline TestProgram makeTransfer() {
  UnitProgram p;
  p.chips = 2;
  p.links.emplace_back(0, 0, 1, 9);
  constexpr int hop = 650, every = 23, start = 30, negated = 900;
  p.addInput(slicesFrom(0, 4), MOERT_LPU_F32);
  p.buffer({.name = "there",
            .kind = BufferKind::Temporary,
            .type = MOERT_LPU_F32,
            .count = 2,
            .slices = slicesFrom(8, 4),
            .row = 5,
            .chip = 1});
  p.addOutput(slicesFrom(12, 4), MOERT_LPU_F32, 0, 1);
  for (int plane = 0; plane < 4; ++plane) {
    const int sent = start + every * plane;
    p.bring(plane, plane, mxmColumn, sent);
    p.track(MOERT_LPU_C2C, East, 0, 0).at(uint64_t(sent), send(E(plane)));
    p.track(MOERT_LPU_C2C, East, 9, 1).at(uint64_t(sent + hop), recv(W(plane)));
    p.write(East, 8 + plane, 1)
        .at(writeFor(sent + hop + 1, mxmColumn, 8), write(W(plane), 6));
    p.read(East, 8 + plane, 1)
        .at(readForAlu(negated, 8), read(6, W(4 + plane)));
    p.write(East, 12 + plane, 1)
        .at(writeForAlu(negated, 12), write(E(plane), 0));
  }
  p.alu(2, 1).at(negated, unary(MOERT_LPU_NEG, MOERT_LPU_F32, W(4), E(0)));
  return p;
}

inline std::vector<NamedProgram> mutantPrograms() {
  return {{"Chain", makeChain},       {"Gather", makeGather},
          {"Products", makeProducts}, {"Exchanges", makeExchanges},
          {"TwoChips", makeTwoChips}, {"Transfer", makeTransfer}};
}

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_MUTANTPROGRAMS_H
