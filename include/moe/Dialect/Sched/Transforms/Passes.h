//===- Passes.h - passes that place fetches of experts ----------*- C++ -*-===//
#ifndef MOE_DIALECT_SCHED_TRANSFORMS_PASSES_H
#define MOE_DIALECT_SCHED_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "moe/Dialect/Sched/IR/Sched.h"

#include <functional>

namespace moe {

struct Registry;
struct ScheduleEstimate;

namespace sched {

#define GEN_PASS_DECL
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"

/// These ask predictors, which the registry must outlive.
std::unique_ptr<mlir::Pass>
createInsertPrefetchPass(const Registry &registry,
                         const InsertPrefetchPassOptions &options = {});
std::unique_ptr<mlir::Pass>
createDropUnprofitablePass(
    const Registry &registry, const DropUnprofitablePassOptions &options = {},
    std::function<void(const ScheduleEstimate &)> onEstimate = nullptr);

/// For moe-opt. The registry must outlive all use of the passes.
void registerSchedPasses(const Registry &registry);

} // namespace sched
} // namespace moe

#endif // MOE_DIALECT_SCHED_TRANSFORMS_PASSES_H
