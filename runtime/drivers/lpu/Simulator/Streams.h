//===- Streams.h - values on their way, and who made them -------*- C++ -*-===//
//
// Nothing moves. A value that flows east is on the diagonal t - x for as long
// as it lives, one that flows west on t + x, and of each diagonal and stream
// there is one value at a time: the one where the diagonal is now. So a cell
// per diagonal and stream is all there is, and a ring of them, as diagonals end
// at the chip's edge.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_STREAMS_H
#define MOERT_DRIVERS_LPU_SIMULATOR_STREAMS_H

#include "Units.h"
#include "lpu/Machine.h"
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace moert::lpu {

/// Which word of which track, and when it was issued.
struct Origin {
  uint32_t track = 0, word = 0;
  uint64_t cycle = 0;
};

/// A vector, or, if it comes from memory, one byte plane of it.
struct Value {
  uint32_t identity = 0;
  uint32_t references = 0;
  uint8_t planes = 0;    ///< of the vector
  uint8_t firstPlane = 0;///< that `bytes[0]` is
  uint8_t held = 0;      ///< planes of `bytes`
  uint16_t uses = 0;     ///< declared
  uint16_t taken[4] = {};///< how often, each held plane
  uint32_t usesWord = 0; ///< where they are declared, in Origin's track
  Origin origin;
  uint8_t *bytes[4] = {}; ///< null without data
  uint16_t mostTaken() const {
    uint16_t most = 0;
    for (uint16_t each : taken)
      most = each > most ? each : most;
    return most;
  }
};

/// Memory of values, which is used again and again.
class ValuePool {
public:
  ValuePool(int64_t width, bool data)
      : planeBytes(data ? size_t(paddedWidth(width)) : 0) {}

  Value *make(int held) {
    Value *value;
    if (free[held].empty()) {
      auto block = std::make_unique<Value>();
      value = block.get();
      blocks.push_back(std::move(block));
      if (planeBytes) {
        auto *memory = static_cast<uint8_t *>(
            std::aligned_alloc(64, planeBytes * size_t(held)));
        if (!memory)
          throw std::bad_alloc();
        planes.emplace_back(memory);
        for (int p = 0; p < held; ++p)
          value->bytes[p] = memory + planeBytes * size_t(p);
      }
    } else {
      value = free[held].back();
      free[held].pop_back();
    }
    value->held = uint8_t(held);
    for (uint16_t &each : value->taken)
      each = 0;
    return value;
  }
  void recycle(Value *value) { free[value->held].push_back(value); }
  /// All values that there ever were.
  void recycleAll() {
    for (auto &list : free)
      list.clear();
    for (auto &block : blocks)
      recycle(block.get());
  }

private:
  struct Free {
    void operator()(uint8_t *memory) const { std::free(memory); }
  };
  size_t planeBytes;
  std::vector<std::unique_ptr<Value>> blocks;
  std::vector<std::unique_ptr<uint8_t, Free>> planes;
  std::vector<Value *> free[5];
};

/// What is on one stream of one diagonal.
struct Cell {
  Value *value = nullptr;
  int64_t diagonal = 0;
  uint64_t arrived = 0; ///< cycle
  uint8_t plane = 0;    ///< of those that the value holds
};

/// The four ways along which values flow: of each hemisphere, inward and
/// outward. Positions count from the VXM, negative in the west.
class Streams {
public:
  explicit Streams(const Machine &machine) : count(size_t(machine.streams)) {
    size_t least =
        size_t(machine.position.mxm + machine.latency.vxmEntry) + 8;
    while (size < least)
      size *= 2;
    for (auto &ring : rings)
      ring.resize(size * count);
  }
  static int wayOf(int hemisphere, bool westward) {
    return hemisphere * 2 + westward;
  }
  static int64_t diagonalOf(bool westward, uint64_t cycle, int64_t x) {
    return westward ? int64_t(cycle) + x : int64_t(cycle) - x;
  }
  /// The cell of a stream that is at x in a cycle; what is in it may be of
  /// another diagonal, which has ended.
  Cell &at(int way, unsigned stream, int64_t diagonal) {
    return rings[way][(size_t(diagonal) & (size - 1)) * count + stream];
  }
  template <typename Body> void forEach(Body &&body) {
    for (auto &ring : rings)
      for (Cell &cell : ring)
        body(cell);
  }

private:
  size_t count, size = 1;
  std::vector<Cell> rings[4];
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_STREAMS_H
