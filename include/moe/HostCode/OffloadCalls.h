//===- OffloadCalls.h - what compiled code tells an expert store -*- C++ -*-===//
//
// Calls through moert_abi_offload_t. Each is skipped where its function is not
// set: all experts are in memory, or nobody watches.
//===----------------------------------------------------------------------===//
#ifndef MOE_HOSTCODE_OFFLOADCALLS_H
#define MOE_HOSTCODE_OFFLOADCALLS_H

#include "moe/HostCode/KernelBuilder.h"

namespace moe::host {

class OffloadCalls {
public:
  /// At the entry of forward, given its arguments.
  void begin(KernelBuilder &b, mlir::Value arguments);

  /// Whether somebody wants guesses (i1).
  mlir::Value isGuessing() const { return guessing; }
  /// The table of functions if experts come and go, else null: what `take` needs.
  mlir::Value getTaker() const { return taker; }

  void record(KernelBuilder &b, int64_t layer, mlir::Value logits,
              mlir::Value experts, mlir::Value weights) const;
  void prefetch(KernelBuilder &b, int64_t layer, mlir::Value experts,
                mlir::Value confidence, double threshold) const;
  void demand(KernelBuilder &b, int64_t layer, mlir::Value experts) const;
  void cancel(KernelBuilder &b, int64_t layer) const;

  /// Experts of a layer that have arrived: writes them to `ready` <Exi32> and
  /// returns how many (index). `taker` must not be null.
  static mlir::Value take(KernelBuilder &b, mlir::Value taker, mlir::Value layer,
                          mlir::Value ready);

  /// Runs `wave` for experts as they arrive, with how many they are (index): those
  /// that `take` hands out, or all at once if `taker` is null: `all` makes them
  /// `ready` and says how many.
  static void forWaves(KernelBuilder &b, mlir::Value taker, mlir::Value layer,
                       mlir::Value ready,
                       llvm::function_ref<mlir::Value()> all,
                       llvm::function_ref<void(mlir::Value)> wave);

private:
  /// Loads a function of the table; null if the table is.
  mlir::Value load(KernelBuilder &b, int64_t field) const;
  /// Calls it with the table and these arguments unless it is null.
  void call(KernelBuilder &b, mlir::Value function,
            mlir::ValueRange arguments) const;

  mlir::Value table; ///< or null
  mlir::Value recorder, prefetcher, demander, canceller;
  mlir::Value guessing, taker;
};

} // namespace moe::host

#endif // MOE_HOSTCODE_OFFLOADCALLS_H
