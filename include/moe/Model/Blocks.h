//===- Blocks.h - parts that families put together --------------*- C++ -*-===//
#ifndef MOE_MODEL_BLOCKS_H
#define MOE_MODEL_BLOCKS_H

#include "moe/Model/ModelBuilder.h"

namespace moe {

/// Where a part finds its tensors, and how its weights are called: tensors are
/// `tensors` + "q_proj.weight", weights are `symbols` + "q".
struct PartNames {
  std::string tensors, symbols;
};

enum class QueryKeyNorm {
  None,
  PerHead,  ///< one scale of a head's size, for each head by itself
  FullWidth ///< over the whole projection
};

/// Grouped-query attention with rotary positions from the table @rope.
struct AttentionBlock {
  PartNames names;
  int64_t layer = 0, hidden = 0, heads = 0, kvHeads = 0, headSize = 0;
  bool inputBias = false;  ///< on q, k and v
  bool outputBias = false; ///< on o
  QueryKeyNorm norm = QueryKeyNorm::None;
  double epsilon = 0;            ///< of the norm
  std::optional<double> clip;    ///< limits q, k and v behind the norm
  std::optional<int64_t> window; ///< how many positions a row sees
};
mlir::Value attentionBlock(ModelBuilder &builder, mlir::Value rows,
                           const AttentionBlock &block);

/// Gated feed-forward network of gate_proj, up_proj and down_proj.
struct MlpBlock {
  PartNames names;
  int64_t hidden = 0, width = 0;
  Activation activation = Activation::Silu;
  /// Tensor of the scalar gate of a shared expert; empty: none.
  std::string sharedGate;
};
mlir::Value mlpBlock(ModelBuilder &builder, mlir::Value rows,
                     const MlpBlock &block);

/// How a checkpoint calls its experts: below `tensors` there are
/// `folder`gate.weight and, for each expert e, `folder`experts.e.<gate>.weight
/// and so on; or, fused, `folder`experts.gate_up_proj and down_proj.
struct ExpertNames {
  llvm::StringLiteral folder, gate, up, down;
};
inline constexpr ExpertNames mlpExperts{"mlp.", "gate_proj", "up_proj",
                                        "down_proj"};
inline constexpr ExpertNames sparseMoeExperts{"block_sparse_moe.", "w1", "w3",
                                              "w2"};

/// Router and routed experts.
struct MoeBlock {
  PartNames names; ///< tensors: that of the layer
  int64_t hidden = 0, width = 0, experts = 0, chosen = 0;
  RouteScore score = RouteScore::Softmax;
  bool renormalize = false;
  double scale = 1.0;
  Activation activation = Activation::Silu;
  /// Tried in this order; both layouts are looked for in each.
  std::vector<ExpertNames> layouts = {mlpExperts};
};
mlir::Value moeBlock(ModelBuilder &builder, mlir::Value rows,
                     const MoeBlock &block);

} // namespace moe

#endif // MOE_MODEL_BLOCKS_H
