//===- Partition.h - which chip has what of a model -------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_GROUP_PARTITION_H
#define MOE_LIB_TARGET_LPU_GROUP_PARTITION_H

#include "IR/Lpu.h"
#include "IR/Machines.h"

namespace moe::lpu {

/// The part of one chip of a group that shares each layer.
struct Shard {
  int64_t chip = 0, chips = 1;

  /// First and number of the units that this chip has; all chips but the last
  /// ones have equally many.
  std::pair<int64_t, int64_t> of(int64_t units) const {
    int64_t most = (units + chips - 1) / chips;
    int64_t first = std::min(chip * most, units);
    return {first, std::min(most, units - first)};
  }
};

/// Chips that share each layer, and as many for the layers behind them. Chip i
/// of stage s is chip s * chips + i of the program.
struct Partition {
  int64_t chips = 1, stages = 1;
  /// Only the first chip of the first stage is written; its wires end at
  /// itself, as if all others did the same in the same cycles.
  bool isMirrored = false;

  int64_t written() const { return isMirrored ? 1 : chips * stages; }
};

/// Links of a chip: to another one of its group, both counted in the group; to
/// its like in the next stage; from that in the stage before.
int64_t linkTo(const Machine &machine, int64_t from, int64_t to);
int64_t linkToNext(const Machine &machine);
int64_t linkFromPrevious(const Machine &machine);

/// What is wrong with a partition on a machine; empty if nothing is.
std::string checkPartition(const Machine &machine, const Partition &partition);

/// All wires; null if there are none.
mlir::ArrayAttr makeWires(mlir::MLIRContext *context, const Machine &machine,
                          const Partition &partition);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_GROUP_PARTITION_H
