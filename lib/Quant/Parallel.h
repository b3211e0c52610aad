//===- Parallel.h - a loop over a bounded number of threads -----*- C++ -*-===//
#ifndef MOE_LIB_QUANT_PARALLEL_H
#define MOE_LIB_QUANT_PARALLEL_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>

namespace moe {

/// Calls body(i) for i in [0, count), in any order, on up to `threads` threads
/// (0: one for each processor), of which the caller's is one.
void parallelFor(int64_t threads, int64_t count,
                 llvm::function_ref<void(int64_t)> body);

} // namespace moe

#endif // MOE_LIB_QUANT_PARALLEL_H
