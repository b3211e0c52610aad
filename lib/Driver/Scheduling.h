//===- Scheduling.h - flags about experts that are fetched ------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_SCHEDULING_H
#define MOE_LIB_DRIVER_SCHEDULING_H

#include "CommandLine.h"
#include "moe/Prefetch/CostModel.h"

namespace moe {

/// Fails early where a file that the flags name cannot be used for this model.
llvm::Error verifyScheduling(const CompileCommand &command,
                             const Registry &registry, ModelOp model);

/// After phase `policy`: fails if flags were about fetches, and there are none,
/// or nothing could be estimated that should be.
llvm::Error verifyScheduled(const CompileCommand &command, ModelOp model,
                            bool isEstimated);

} // namespace moe

#endif // MOE_LIB_DRIVER_SCHEDULING_H
