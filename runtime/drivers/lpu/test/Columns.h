//===- Columns.h - when what is where, for tests of units -----------------===//
//
// Of the machine tsp1 and the eastern hemisphere.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_TEST_COLUMNS_H
#define MOERT_DRIVERS_LPU_TEST_COLUMNS_H

#include "ProgramBuilder.h"

namespace moert::lpu::test {

constexpr int sxmColumn = 16, mxmColumn = 19, laneCount = 320;

inline int columnOf(int slice) { return 1 + slice / 4; }
/// When a slice is read for what flows east to be at `column` at `cycle`.
inline uint64_t readFor(int cycle, int column, int slice) {
  return uint64_t(cycle - (column - columnOf(slice)) - 1);
}
/// When a slice takes what left `column` to the west at `cycle`.
inline uint64_t writeFor(int cycle, int column, int slice) {
  return uint64_t(cycle + column - columnOf(slice));
}

/// A program of chips whose inputs have random lanes.
class UnitProgram : public TestProgram {
public:
  using TestProgram::TestProgram;

  /// An input vector, a byte plane in each of `slices` of row 0; or another
  /// row.
  size_t addInput(std::vector<uint8_t> slices, unsigned type = MOERT_LPU_I8,
                  uint16_t row = 0, int chip = 0) {
    std::vector<uint8_t> bytes(slices.size() * laneCount);
    for (uint8_t &byte : bytes)
      byte = uint8_t((seed = seed * 1664525 + 1013904223) >> 24 & 0x3f);
    return addInput(std::move(slices), std::move(bytes), type, row, chip);
  }
  size_t addInput(std::vector<uint8_t> slices, std::vector<uint8_t> bytes,
                  unsigned type = MOERT_LPU_I8, uint16_t row = 0,
                  int chip = 0) {
    BufferSpec spec;
    spec.name = "in" + std::to_string(buffers.size());
    spec.type = type;
    spec.slices = std::move(slices);
    spec.row = row;
    spec.chip = chip;
    return input(spec, std::move(bytes));
  }
  size_t addOutput(std::vector<uint8_t> slices, unsigned type = MOERT_LPU_I8,
                   uint16_t row = 0, int chip = 0, uint64_t count = 1) {
    BufferSpec spec;
    spec.name = "out" + std::to_string(buffers.size());
    spec.kind = BufferKind::Output;
    spec.type = type;
    spec.count = count;
    spec.slices = std::move(slices);
    spec.row = row;
    spec.chip = chip;
    return buffer(spec);
  }
  /// Row 0 of a slice is on eastward `stream` at `column` at `cycle`.
  void bring(int slice, int stream, int column, int cycle, int chip = 0) {
    TestProgram::read(East, slice, chip)
        .at(readFor(cycle, column, slice), test::read(0, E(stream)));
  }
  /// What leaves `column` on westward `stream` at `cycle` goes to row 0.
  void keep(int slice, int stream, int column, int cycle, int chip = 0) {
    TestProgram::write(East, slice, chip)
        .at(writeFor(cycle, column, slice), test::write(W(stream), 0));
  }

private:
  uint32_t seed = 1;
};

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_COLUMNS_H
