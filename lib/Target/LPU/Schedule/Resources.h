//===- Resources.h - what is taken of a chip, cycle by cycle ----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_RESOURCES_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_RESOURCES_H

#include "Schedule/Program.h"

namespace moe::lpu {

/// Units of which there are some: a bit for each that issues in a cycle.
class UnitTable {
public:
  uint32_t busy(int64_t cycle) const {
    return uint64_t(cycle) < masks.size() ? masks[cycle] : 0;
  }
  /// Of all repetitions together.
  uint32_t busy(int64_t cycle, int64_t times, int64_t every,
                uint32_t all) const {
    uint32_t mask = 0;
    for (int64_t i = 0; i < times && mask != all; ++i)
      mask |= busy(cycle + i * every);
    return mask;
  }
  void take(int64_t cycle, uint32_t mask) {
    if (uint64_t(cycle) >= masks.size())
      masks.resize(cycle + cycle / 4 + 1024);
    masks[cycle] |= uint16_t(mask);
  }

private:
  std::vector<uint16_t> masks;
};

/// The two ports of a slice and the banks that they are at.
class PortTable {
public:
  bool isFree(int64_t cycle, bool writes, uint8_t banks) const {
    if (uint64_t(cycle) >= bits.size())
      return true;
    uint8_t taken = bits[cycle];
    uint8_t own = writes ? taken >> 4 : taken & 15;
    uint8_t other = writes ? taken & 15 : taken >> 4;
    return !own && !(other & banks);
  }
  void take(int64_t cycle, bool writes, uint8_t banks) {
    if (uint64_t(cycle) >= bits.size())
      bits.resize(cycle + cycle / 4 + 1024);
    bits[cycle] |= writes ? banks << 4 : banks;
  }

private:
  std::vector<uint8_t> bits; ///< banks read, and written in the upper half
};

/// Streams of one side in one direction: on each diagonal and in each column a
/// bit for each that carries something.
class StreamTable {
public:
  explicit StreamTable(int64_t columns) : columns(columns) {}
  uint32_t busy(int64_t diagonal, int64_t low, int64_t high) const {
    size_t at = place(diagonal);
    uint32_t mask = 0;
    if (at + columns <= masks.size())
      for (int64_t column = low; column <= high; ++column)
        mask |= masks[at + column];
    return mask;
  }
  /// Streams that are free for all repetitions.
  uint32_t busy(int64_t diagonal, int64_t low, int64_t high, int64_t times,
                int64_t every) const {
    uint32_t mask = 0;
    for (int64_t i = 0; i < times && ~mask; ++i)
      mask |= busy(diagonal + i * every, low, high);
    return mask;
  }
  void take(int64_t diagonal, int64_t low, int64_t high, uint32_t mask) {
    size_t at = place(diagonal);
    if (at + columns > masks.size())
      masks.resize(at + at / 4 + 1024 * columns);
    for (int64_t column = low; column <= high; ++column)
      masks[at + column] |= mask;
  }

private:
  /// Diagonals begin below 0, as columns are taken from cycles.
  size_t place(int64_t diagonal) const {
    return size_t(diagonal + columns) * size_t(columns);
  }
  int64_t columns;
  std::vector<uint32_t> masks;
};

/// All of one chip.
struct Resources {
  explicit Resources(const Machine &machine)
      : streams{{StreamTable(machine.position.mxm + 1),
                 StreamTable(machine.position.mxm + 1)},
                {StreamTable(machine.position.mxm + 1),
                 StreamTable(machine.position.mxm + 1)}} {
    for (auto &side : ports)
      side.resize(machine.mem.slices);
  }
  UnitTable alus;
  UnitTable feeds[2];
  UnitTable loads[2];
  UnitTable switches[2][3]; ///< of a side: shifters, permuters, distributors
  std::vector<PortTable> ports[2];
  StreamTable streams[2][2]; ///< of a side: inward, outward

  bool arePortsFree(const PortUse &use, int64_t start) const {
    const PortTable &port = ports[use.side][use.slice];
    for (int64_t i = 0; i < use.times; ++i)
      if (!port.isFree(start + use.time + i * use.every, use.writes, use.banks))
        return false;
    return true;
  }
  void takePorts(const PortUse &use, int64_t start) {
    for (int64_t i = 0; i < use.times; ++i)
      ports[use.side][use.slice].take(start + use.time + i * use.every,
                                      use.writes, use.banks);
  }
};

/// Of streams that are free, those with which a vector of so many bytes can begin.
inline uint32_t firstStreams(uint32_t free, int64_t bytes) {
  switch (bytes) {
  case 1:
    return free;
  case 2:
    return free & free >> 1 & 0x55555555u;
  default:
    free &= free >> 1;
    return free & free >> 2 & 0x11111111u;
  }
}
/// The block of outward streams by which a plane is loaded.
inline int64_t firstLoadStream(const Machine &machine, int64_t plane) {
  return plane * machine.mxm.streams % machine.streams;
}
inline uint32_t streamMask(int64_t first, int64_t bytes) {
  return uint32_t(((uint64_t(1) << bytes) - 1) << first);
}
inline uint32_t loadStreamsOf(const Machine &machine, int64_t plane) {
  return streamMask(firstLoadStream(machine, plane), machine.mxm.streams);
}
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_RESOURCES_H
