//===- DecoderStack.h - where a model's layers begin and end ----*- C++ -*-===//
//
// Found by structure, whatever a layer is made of: between two layers nothing
// is known of a row but one value, the residual stream.
//===----------------------------------------------------------------------===//
#ifndef MOE_ANALYSIS_DECODERSTACK_H
#define MOE_ANALYSIS_DECODERSTACK_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace moe {

struct DecoderLayer {
  /// The residual stream in front of the layer.
  mlir::Value input;
  /// The layer's first operation. Of the values before it, only `input` and
  /// arguments are used from here on, state and fetches apart.
  mlir::Operation *first = nullptr;
  KvAppendOp append;
  /// What makes keys and values of `input`, row by row, in order.
  std::vector<mlir::Operation *> keysAndValues;
};

/// A `@forward` whose rows go through layers one after the other. Each layer
/// stores keys and values once, before its attention.
struct DecoderStack {
  mlir::func::FuncOp forward;
  std::vector<DecoderLayer> layers;
  /// The residual stream behind the last layer.
  mlir::Value output;
  /// What makes logits of `output`, in order; `pick` is one of them, and takes
  /// the wanted rows.
  std::vector<mlir::Operation *> head;
  PickOp pick;

  mlir::Value getTokens() { return forward.getArgument(0); }
  mlir::Value getSequences() { return forward.getArgument(1); }
  mlir::Value getPositions() { return forward.getArgument(2); }
  mlir::Value getWanted() { return forward.getArgument(3); }
  mlir::Value getState() { return forward.getArgument(4); }
  mlir::func::ReturnOp getReturn();
  mlir::Value getLogits() { return getReturn().getOperand(0); }

  /// Fails with what was not found.
  static llvm::Expected<DecoderStack> find(ModelOp model);
};

} // namespace moe

#endif // MOE_ANALYSIS_DECODERSTACK_H
