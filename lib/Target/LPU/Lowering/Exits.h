//===- Exits.h - a step in pieces, at whose ends a token may leave --------===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_EXITS_H
#define MOE_LIB_TARGET_LPU_LOWERING_EXITS_H

#include "Lowering/Rows.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::lpu {

/// Which tokens an operation is for. Exits count from 0.
struct Part {
  enum Kind { Running, Asking, Left } kind = Running;
  int64_t exit = 0; ///< Running: exits that are behind
  bool operator==(const Part &other) const {
    return kind == other.kind && exit == other.exit;
  }
};

/// The segments of a step: for each exit those of the layers before it, of
/// tokens that ask, and of those that left; then the rest.
class Exits {
public:
  Exits(Emitter &e, int64_t count);

  int64_t getCount() const { return scores.size(); }
  mlir::Value getScore(int64_t exit) const { return scores[exit]; }

  /// Says whose an operation is, by what it takes; what comes next goes there.
  void enter(mlir::Operation *op);
  /// What an operation gives is for the same tokens as the operation, ...
  void leave(mlir::Operation *op);
  /// ... but that of an exit, or of who asks at all.
  void name(EnterOp op);
  void name(ExitOp op);

private:
  Part partOf(mlir::Operation *op) const;

  Emitter &e;
  llvm::SmallVector<mlir::Value> scores;
  llvm::SmallVector<std::array<mlir::Operation *, 3>> ends; ///< by Part::Kind
  llvm::DenseMap<mlir::Value, Part> parts;
  int64_t behind = 0; ///< exits
};

/// How sure a distribution is, in each lane.
mlir::Value confidence(Emitter &e, Confidence kind, Row logits);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_EXITS_H
