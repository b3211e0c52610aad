//===- Route.h - the experts of a token, as addresses and weights ---------===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_ROUTE_H
#define MOE_LIB_TARGET_LPU_LOWERING_ROUTE_H

#include "Lowering/Rows.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::lpu {

/// What a router chose, the first choice first; each in every lane.
struct Choice {
  llvm::SmallVector<mlir::Value> experts; ///< i32
  llvm::SmallVector<mlir::Value> weights; ///< f32
};

Choice route(Emitter &e, RouteOp op, Row logits);

/// The feature with the largest number, the lowest of equal ones, and that
/// number; both in every lane.
struct Largest {
  mlir::Value place; ///< f32: a constant less the feature
  mlir::Value value; ///< f32
};
Largest findLargest(Emitter &e, llvm::StringRef name, Row x);

/// The row with a number that never wins in place of the largest.
Row withoutLargest(Emitter &e, llvm::StringRef name, Row x,
                   const Largest &largest);

/// e^(logit - top) of a stream, `top` being a buffer of one vector.
mlir::Value powerOf(Emitter &e, Tree &t, mlir::Value logit, mlir::Value top);

/// sum_i e^(x_i - top), in each lane.
mlir::Value sumPowers(Emitter &e, llvm::StringRef name, Row x, mlir::Value top);

/// The feature as i32 in each lane.
mlir::Value numberOf(Emitter &e, llvm::StringRef name, const Largest &largest);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_ROUTE_H
