//===- TracePasses.h - what each layer of each forward wants ----*- C++ -*-===//
#ifndef MOE_LIB_PREFETCH_TRACEPASSES_H
#define MOE_LIB_PREFETCH_TRACEPASSES_H

#include "moe/Prefetch/RoutingTrace.h"

namespace moe {

/// The rows of a trace come in forwards: the end of the one that begins there.
int64_t getForwardEnd(const RoutingTrace &trace, int64_t begin);

/// What rows [begin, end) want of a layer (its index among those with experts):
/// each expert once, ascending, which is the order in which caches are told.
void getWanted(const RoutingTrace &trace, int64_t layer, int64_t begin,
               int64_t end, std::vector<int32_t> &wanted);

} // namespace moe

#endif // MOE_LIB_PREFETCH_TRACEPASSES_H
