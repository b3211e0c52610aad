//===- Guesses.h - what passes ask about fetched layers ---------*- C++ -*-===//
#ifndef MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H
#define MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/Sched/Transforms/Passes.h"
#include "moe/Prefetch/Predictor.h"

namespace moe::sched {

/// A layer with experts whose wanted fetch is there.
struct FetchedLayer {
  RoutedLayer known; ///< `output` included
  PrefetchOp fetch;  ///< the wanted one
  mlir::Operation *end = nullptr; ///< the launch or the release
};

/// Those of @forward, in order.
std::vector<FetchedLayer> findFetchedLayers(ModelOp model);

/// The predictor of that name; the error lists those of this build.
llvm::Expected<std::unique_ptr<Predictor>>
createPredictor(const Registry &registry, llvm::StringRef name);

} // namespace moe::sched

#endif // MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H
