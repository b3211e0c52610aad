//===- Attention.h - rope, the state, and attention over it ---------------===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_ATTENTION_H
#define MOE_LIB_TARGET_LPU_LOWERING_ATTENTION_H

#include "Lowering/Rows.h"

namespace moe::lpu {

/// Heads in lanes, and what every layer shares.
struct AttentionPlan {
  int64_t heads = 0, size = 0; ///< of this chip; size: features of a head
  int64_t context = 0;         ///< positions
  LaneMap queries, keys;       ///< keys: each for its query heads
  Map position;                ///< rows of a buffer with a vector a position
  Map visibility;              ///< rows of the table below
  mlir::Value hidden; ///< 0 for what is seen, else a large negative number
  /// Of the positions of even blocks, and of odd ones; powers twice.
  std::array<mlir::Value, 2> scores;
  std::array<std::array<mlir::Value, 2>, 2> powers;
  std::array<mlir::Value, 2> low, high; ///< query weights, bytes of f16
};

/// Angles at the token's position, in the lanes of all heads.
struct Angles {
  mlir::Value cosines,
      sines;            ///< sines with the sign that a pair's partner takes
  mlir::Value partners; ///< map of lanes
};

/// One layer's keys and values: a part for each vector of heads, position by
/// position.
struct LayerState {
  struct Part {
    mlir::Value high, low, copy, values;
  };
  llvm::SmallVector<Part, 2> parts;
};

Row turn(Emitter &e, llvm::StringRef name, Row x, const Angles &angles);

/// Room for the scores of all positions.
void makeScores(Emitter &e, AttentionPlan &plan);
LayerState makeState(Emitter &e, const AttentionPlan &plan, int64_t layer);
void append(Emitter &e, const AttentionPlan &plan, const LayerState &state,
            Row keys, Row values);
Row attend(Emitter &e, AttentionPlan &plan, llvm::StringRef name,
           const LayerState &state, Row queries, double scale);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_ATTENTION_H
