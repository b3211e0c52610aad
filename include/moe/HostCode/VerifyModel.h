//===- VerifyModel.h - models that native code can run ----------*- C++ -*-===//
#ifndef MOE_HOSTCODE_VERIFYMODEL_H
#define MOE_HOSTCODE_VERIFYMODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe::host {

/// Refuses what is valid IR, but in native code would read or write outside of
/// its buffers: the code checks no index. `backend` is named in diagnostics.
mlir::LogicalResult verifyModel(mlir::func::FuncOp forward,
                                llvm::StringRef backend);

/// @forward of the one model of a module, if a backend can lower it: its indices
/// and its integer sums are verified. Says why not otherwise.
mlir::FailureOr<mlir::func::FuncOp> findForward(mlir::ModuleOp module,
                                                llvm::StringRef backend);

} // namespace moe::host

#endif // MOE_HOSTCODE_VERIFYMODEL_H
