//===- ExitWork.h - what a model with exits does besides its layers -------===//
#ifndef MOE_ANALYSIS_EXITWORK_H
#define MOE_ANALYSIS_EXITWORK_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace moe {

/// The exits of @forward, and the operations that are there because of them.
/// Without exits there is nothing but the last head.
class ExitWork {
public:
  using Ops = llvm::SetVector<mlir::Operation *>;

  explicit ExitWork(ModelOp model);

  /// In order.
  llvm::ArrayRef<ExitOp> getExits() const { return exits; }
  /// What makes the scores of each exit of the features there.
  llvm::ArrayRef<Ops> getChecks() const { return checks; }
  /// What makes logits of rows that leave, besides checks; of each exit.
  llvm::ArrayRef<Ops> getLeaving() const { return leaving; }
  /// What makes those of rows whose shortlist does not suffice, besides both; of
  /// each exit with a shortlist.
  llvm::ArrayRef<Ops> getUnsure() const { return unsure; }
  /// What makes logits behind the last layer.
  const Ops &getLastHead() const { return lastHead; }
  /// Whether a row that runs through all layers and never asks needs the
  /// operation: not those of exits' scores and logits, nor those that make keys
  /// and values of rows that are gone.
  bool isNeededWithoutExits(mlir::Operation *op) const {
    return !extra.contains(op);
  }

private:
  llvm::SmallVector<ExitOp> exits;
  llvm::SmallVector<Ops> checks, leaving, unsure;
  Ops lastHead;
  llvm::SmallPtrSet<mlir::Operation *, 32> extra;
};

/// Bytes of the weights that these operations read for one row, each weight once:
/// of experts the chosen ones, of an embedding one row.
uint64_t getBytesRead(ModelOp model, llvm::ArrayRef<mlir::Operation *> ops);

} // namespace moe

#endif // MOE_ANALYSIS_EXITWORK_H
