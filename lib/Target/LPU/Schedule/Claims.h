//===- Claims.h - what everything is computed from --------------*- C++ -*-===//
//
// Identities as moert/abi/lpu.h defines them, from the dataflow of the program:
// nothing of the schedule goes into them.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_CLAIMS_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_CLAIMS_H

#include "Schedule/Program.h"

namespace moe::lpu {

/// fold of the treaty.
uint32_t fold(llvm::ArrayRef<uint32_t> numbers);

/// What memory and planes hold, task after task in the order of the program.
class Claims {
public:
  explicit Claims(const ScheduleProgram &program);

  /// Identities of a cluster: of each repetition, each node.
  void runCluster(const Task &task);
  uint32_t of(int64_t repetition, int node) const {
    return values[repetition * stride + node];
  }
  /// The identity of what goes over a wire.
  uint32_t runTransfer(const Task &task);
  /// Of what a byte plane is, alone.
  static uint32_t ofByte(uint32_t value, int64_t byte) {
    return byte > 0 ? moert_lpu_mix(value, uint32_t(byte)) : value;
  }

  /// What a row that an install reads gives; `map` is what its map gives.
  uint32_t readWeights(const Task &install, int half, int64_t vector) const;
  uint32_t readMap(const Task &install) const;
  /// Identity of the weights in an array.
  uint32_t install(int index, const Task &task);
  uint32_t loaded(int half) const { return halves[half]; }
  /// Of what outputs and states hold, and what other segments may read.
  uint32_t outputs() const;

private:
  uint32_t read(int buffer, int64_t vector) const;
  uint32_t gather(int buffer, int64_t vector, uint32_t map) const;
  void write(int buffer, int64_t vector, uint32_t map, uint32_t data);
  uint32_t rowIn(const PlacedBuffer &buffer, int64_t vector) const {
    return uint32_t(buffer.rowOf(vector) - buffer.row);
  }

  const ScheduleProgram &program;
  std::vector<uint32_t> cells; ///< of each: its vector or, if dynamic, group
  llvm::DenseMap<int, uint32_t> arrays; ///< by install
  uint32_t halves[2] = {};
  std::vector<uint32_t> values;
  size_t stride = 0;
};
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_CLAIMS_H
