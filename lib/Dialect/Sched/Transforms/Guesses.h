//===- Guesses.h - what passes ask about fetched layers ---------*- C++ -*-===//
#ifndef MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H
#define MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
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

/// How the exits of @forward split it: between two of them, rows are the same.
/// Stretch 0 lies in front of the first exit.
class Stretches {
public:
  explicit Stretches(mlir::Block &body);

  /// The exits between two operations, in order.
  llvm::ArrayRef<ExitOp> getExits(mlir::Operation *from,
                                  mlir::Operation *to) const;
  int64_t getStretch(mlir::Operation *op) const;
  /// Rows of stretch `from` as rows of stretch `to`. Those that did not run in
  /// `from` are zeros, so that it is good for guesses only. Null stays null.
  mlir::Value bring(mlir::ImplicitLocOpBuilder &builder, mlir::Value rows,
                    int64_t from, int64_t to) const;
  /// Of an argument of @forward, with one number for each row of the batch,
  /// those of the rows of a stretch.
  mlir::Value pick(mlir::ImplicitLocOpBuilder &builder, mlir::Value ofBatch,
                   int64_t stretch) const;

private:
  /// Null if all rows run, in their order.
  mlir::Value getRunning(int64_t stretch) const;

  EnterOp enter; ///< null without exits
  llvm::SmallVector<ExitOp> exits;
};

/// The predictor of that name; the error lists those of this build.
llvm::Expected<std::unique_ptr<Predictor>>
createPredictor(const Registry &registry, llvm::StringRef name);

} // namespace moe::sched

#endif // MOE_LIB_DIALECT_SCHED_TRANSFORMS_GUESSES_H
