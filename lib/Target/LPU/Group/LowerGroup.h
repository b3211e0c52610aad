//===- LowerGroup.h - a decoder on many chips, step by step -----*- C++ -*-===//
//
// Every chip runs the same operations on its part of the weights; after those
// that leave a chip with a part of a sum, all of a stage add up. So x is the
// same on all chips of a stage, and only its way through attention and gated
// units is not.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_LPU_GROUP_LOWERGROUP_H
#define MOE_LIB_TARGET_LPU_GROUP_LOWERGROUP_H

#include "Group/Collectives.h"
#include "Lowering/Attention.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::lpu {

/// What one chip does.
class ChipLowering {
public:
  virtual ~ChipLowering() = default;
  /// Before anything is emitted.
  virtual mlir::LogicalResult prepare() = 0;
  /// Token and position lie there, as i32 in each lane.
  virtual mlir::LogicalResult begin(mlir::Value token,
                                    mlir::Value position) = 0;
  /// Emits an operation; whether its result is but a part of a sum.
  virtual llvm::FailureOr<bool> lower(mlir::Operation *op) = 0;
  virtual Row &rowOf(mlir::Value rows) = 0;
  /// Logits and next token, if exits give them: then they are written already.
  struct Outputs {
    mlir::Value logits, next;
  };
  virtual Outputs getOutputs() const = 0;
  virtual llvm::ArrayRef<LayerState> getStates() const = 0;
  /// Of the state's lanes, vector by vector: head and element.
  virtual void listLanes(std::vector<int32_t> &heads,
                         std::vector<int32_t> &dims) const = 0;
};

/// Which operations a program is made of.
enum class ModelPart : uint8_t {
  All,
  Layers, ///< x comes from a stage before and goes to one behind
  Head    ///< from the last row of features to the next token
};

struct GroupOptions {
  Partition partition;
  ModelPart part = ModelPart::All;
};

/// Emits the program. `makeChip` makes what emits for one chip.
mlir::LogicalResult
lowerGroup(ProgramOp program, mlir::func::FuncOp forward,
           const moert::lpu::Machine &machine, const GroupOptions &options,
           llvm::function_ref<std::unique_ptr<ChipLowering>(Emitter &, Shard)>
               makeChip);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_GROUP_LOWERGROUP_H
