//===- Conflicts.h - which buffers should not share a slice -----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_LAYOUT_CONFLICTS_H
#define MOE_LIB_TARGET_LPU_LAYOUT_CONFLICTS_H

#include "IR/Lpu.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include <vector>

namespace moe::lpu {

/// How buffers are used by the clusters of a program.
struct BufferUse {
  bool isWeights = false; ///< installs read it
  bool isPacked = false;  ///< codes that are expanded
  bool isHigh = false;    ///< high bytes of f16 weights
  bool isWritten = false;
  bool isDynamic = false; ///< maps count in its rows
  bool isStreamed = false; ///< loops go through it, vector after vector
  int64_t accesses = 0; ///< in all repetitions
  llvm::SmallSetVector<int, 2> mapOf; ///< weights whose rows it says
  llvm::SmallSetVector<int, 2> otherHalves; ///< of the same f16 weights
  /// Buffers in the same clusters, and how much speaks against one slice for both.
  llvm::DenseMap<int, int64_t> conflicts;
  /// The same where banks do not differ.
  llvm::DenseMap<int, int64_t> bankConflicts;
};

/// Numbers buffers in the order of the program.
std::vector<BufferUse> findConflicts(ProgramOp program);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LAYOUT_CONFLICTS_H
