//===- Sched.h - the sched dialect: when experts are fetched ----*- C++ -*-===//
#ifndef MOE_DIALECT_SCHED_IR_SCHED_H
#define MOE_DIALECT_SCHED_IR_SCHED_H

#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::sched {
/// What is in a cache, and what is on its way there.
struct CacheResource
    : mlir::SideEffects::Resource::Base<CacheResource> {
  llvm::StringRef getName() final { return "expert cache"; }
};
} // namespace moe::sched

#include "moe/Dialect/Sched/IR/SchedDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/Sched/IR/SchedTypes.h.inc"

#define GET_OP_CLASSES
#include "moe/Dialect/Sched/IR/SchedOps.h.inc"

namespace moe::sched {
/// The fetch that a token stands for, through cancels that may have left it; null
/// for null, and where there is none.
PrefetchOp getFetchOf(mlir::Value token);
} // namespace moe::sched

#endif // MOE_DIALECT_SCHED_IR_SCHED_H
