//===- Calibration.h - when to read and write for a unit -------*- C++ -*-===//
//
// Cycles of hand-made schedules on tsp1: what has to be dispatched when, so
// that it meets a unit in its cycle. Slices 4 i to 4 i + 3 lie in column i + 1.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_TEST_CALIBRATION_H
#define MOERT_DRIVERS_LPU_TEST_CALIBRATION_H

#include "ProgramBuilder.h"

namespace moert::lpu::test {

class Times {
public:
  explicit Times(const Machine &machine) : m(machine) {}

  /// READ of a slice, whose row is at the matrix unit at `cycle`.
  int64_t readForMxm(int64_t cycle, int64_t slice) const {
    return cycle - (m.position.mxm - m.columnOf(slice)) - m.latency.read;
  }
  int64_t readForSxm(int64_t cycle, int64_t slice) const {
    return cycle - (m.position.sxm - m.columnOf(slice)) - m.latency.read;
  }
  /// READ whose row an ALU takes that is dispatched at `cycle`.
  int64_t readForAlu(int64_t cycle, int64_t slice) const {
    return cycle - m.latency.vxmEntry - m.columnOf(slice) - m.latency.read;
  }
  /// WRITE of what an ALU made that was dispatched at `cycle`.
  int64_t writeOfAlu(int64_t cycle, int64_t slice) const {
    return cycle + m.latency.alu + m.columnOf(slice) - 1;
  }
  /// WRITE of what is on an inward stream at the SXM at `cycle`.
  int64_t writeOfSxm(int64_t cycle, int64_t slice) const {
    return cycle + m.position.sxm - m.columnOf(slice);
  }
  /// The ALU takes the product of an activation of `cycle`.
  int64_t aluOfProduct(int64_t cycle) const {
    return cycle + m.latency.mxmResult + m.position.mxm + m.latency.vxmEntry;
  }

private:
  const Machine &m;
};

inline std::vector<uint8_t> slicesFrom(int first, int count) {
  std::vector<uint8_t> slices;
  for (int s = 0; s < count; ++s)
    slices.push_back(uint8_t(first + s));
  return slices;
}

/// An instruction `times` times, one a cycle, in consecutive rows if `step`
/// is 1.
inline void stream(TestTrack &track, int64_t cycle, const Instruction &i,
                   int64_t times, int64_t step = 0) {
  track.at(uint64_t(cycle), i);
  if (times > 1)
    track.repeat(uint64_t(times - 1), 1, uint64_t(step));
}

/// Byte planes of numbers of four bytes, vector by vector.
template <typename T>
std::vector<uint8_t> planesOfVectors(const std::vector<T> &lanes,
                                     size_t width) {
  static_assert(sizeof(T) == 4);
  std::vector<uint8_t> planes(4 * lanes.size());
  for (size_t i = 0; i < lanes.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &lanes[i], sizeof(bits));
    for (size_t p = 0; p < 4; ++p)
      planes[(i / width * 4 + p) * width + i % width] = uint8_t(bits >> 8 * p);
  }
  return planes;
}

/// The same sequence on every machine.
class Numbers {
public:
  explicit Numbers(uint64_t seed) : state(seed) {}
  uint32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return uint32_t(state >> 33);
  }
  int8_t level(int largest) {
    return int8_t(int(next() % (2 * uint32_t(largest) + 1)) - largest);
  }
  /// From -1 to 1.
  float fraction() { return float(int(next() % 2001) - 1000) / 1000; }

private:
  uint64_t state;
};

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_CALIBRATION_H
