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

/// The lane with the largest number, the lowest of equal ones, and that number;
/// both in every lane. Lane l of vector v counts as v * width + l. `none`:
/// lanes that do not take part, f32 of 0 or a large negative number, added; may
/// be null.
struct Largest {
  mlir::Value lane;  ///< f32: kLanes - number of the lane
  mlir::Value value; ///< f32
};
Largest findLargest(Emitter &e, llvm::StringRef name, Row x);

/// An i32 in each lane from Largest::lane.
mlir::Value numberOf(Emitter &e, llvm::StringRef name, const Largest &largest);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_ROUTE_H
