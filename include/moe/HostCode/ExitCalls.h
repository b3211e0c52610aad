//===- ExitCalls.h - what compiled code asks about rows that leave -*- C++ -*-===//
//
// Calls through moert_abi_exits_t. Row sets are buffers of the workspace with
// room for all rows of the batch; how many numbers they hold is known after the
// call.
//===----------------------------------------------------------------------===//
#ifndef MOE_HOSTCODE_EXITCALLS_H
#define MOE_HOSTCODE_EXITCALLS_H

#include "moe/HostCode/KernelBuilder.h"

namespace moe::host {

class ExitCalls {
public:
  /// Whether the arguments of forward have a table of functions (i1).
  static mlir::Value areThere(KernelBuilder &b, mlir::Value arguments);

  /// At the entry of forward, given its arguments, which have the table.
  void begin(KernelBuilder &b, mlir::Value arguments);

  /// Writes row sets to the addresses `sets`; returns how many numbers each has
  /// (index).
  mlir::SmallVector<mlir::Value> enter(KernelBuilder &b,
                                       mlir::ValueRange sets) const;
  mlir::SmallVector<mlir::Value> leave(KernelBuilder &b, int64_t exit,
                                       mlir::Value scores,
                                       mlir::ValueRange watched,
                                       mlir::ValueRange sets) const;
  mlir::SmallVector<mlir::Value> settle(KernelBuilder &b, mlir::Value surplus,
                                        mlir::ValueRange sets) const;
  /// `features` <?xDxf32> are of all rows.
  void resume(KernelBuilder &b, mlir::Value features) const;
  void park(KernelBuilder &b, mlir::Value features) const;

private:
  mlir::Value load(KernelBuilder &b, int64_t field) const;
  void callWithFeatures(KernelBuilder &b, int64_t field,
                        mlir::Value features) const;
  mlir::SmallVector<mlir::Value> loadCounts(KernelBuilder &b,
                                            size_t count) const;

  mlir::Value table, counts;
};

} // namespace moe::host

#endif // MOE_HOSTCODE_EXITCALLS_H
