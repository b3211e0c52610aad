//===- LightHead.h - logits of a shortlist, and a proof that it suffices --===//
#ifndef MOE_EXIT_TRANSFORMS_LIGHTHEAD_H
#define MOE_EXIT_TRANSFORMS_LIGHTHEAD_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Analysis/DecoderStack.h"
#include "llvm/ADT/ArrayRef.h"

namespace moe {

/// A head of exits that reads the rows of a few words. Of a row that leaves, it
/// bounds the logits of all other words with rows of 4 bits whose errors are
/// known; where a bound is above the best word of the shortlist, the whole head is
/// run.
class LightHead {
public:
  /// Adds the weights to the model. `words` ascend; a quarter of the vocabulary,
  /// those with the lowest numbers, if there are none. Reads the head's
  /// values. Fails where its rows cannot be had one by one.
  static llvm::Expected<LightHead> add(DecoderStack &stack, ModelOp model,
                                       llvm::ArrayRef<int64_t> words);

  /// What is known of some rows of the residual stream.
  struct Rows {
    mlir::Value features; ///< that the head multiplies
    mlir::Value inside;   ///< logits of the shortlist
  };
  Rows build(mlir::ImplicitLocOpBuilder &builder, DecoderStack &stack,
             mlir::Value rows) const;
  /// Puts logits of all words of `rows`, of entries `entries`, into a table.
  mlir::Value place(mlir::ImplicitLocOpBuilder &builder, DecoderStack &stack,
                    Rows rows, mlir::Value entries, mlir::Value table) const;

private:
  LinearOp head; ///< of the last layer, which stays
  std::vector<int32_t> words;
  int64_t others = 0;
  mlir::FlatSymbolRefAttr shortlist, rest, slack;
};

} // namespace moe

#endif // MOE_EXIT_TRANSFORMS_LIGHTHEAD_H
