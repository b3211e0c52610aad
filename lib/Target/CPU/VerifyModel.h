//===- VerifyModel.h - models that native code can run ----------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_CPU_VERIFYMODEL_H
#define MOE_LIB_TARGET_CPU_VERIFYMODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe::cpu {

/// Refuses what is valid IR, but in native code would read or write outside of
/// its buffers: the code checks no index.
mlir::LogicalResult verifyModel(mlir::func::FuncOp forward);

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_VERIFYMODEL_H
