//===- Verify.h - checks that several operations share ----------*- C++ -*-===//
#ifndef MOE_LIB_DIALECT_SCHED_IR_VERIFY_H
#define MOE_LIB_DIALECT_SCHED_IR_VERIFY_H

#include "moe/Dialect/MoE/IR/Verify.h"
#include "moe/Dialect/Sched/IR/Sched.h"

namespace moe::sched {

/// Fails when the layer is negative.
mlir::LogicalResult verifyLayer(mlir::Operation *op, int64_t layer);

/// The user of a token that awaits it, if any.
AwaitOp findAwait(PrefetchOp fetch);

/// The user of a token that ends it. A fetch that was verified has one.
mlir::Operation *findEnd(PrefetchOp fetch);

} // namespace moe::sched

#endif // MOE_LIB_DIALECT_SCHED_IR_VERIFY_H
