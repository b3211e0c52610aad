//===- AbiCalls.h - calls from compiled code to the runtime -----*- C++ -*-===//
#ifndef MOE_HOSTCODE_ABICALLS_H
#define MOE_HOSTCODE_ABICALLS_H

#include "moe/HostCode/KernelBuilder.h"

namespace moe::host {

mlir::Type pointerType(KernelBuilder &b);
mlir::Value nullPointer(KernelBuilder &b);
/// Whether a pointer is not null (i1).
mlir::Value isSet(KernelBuilder &b, mlir::Value pointer);
/// What `make` returns if the condition holds, else null.
mlir::Value pointerIf(KernelBuilder &b, mlir::Value condition,
                      llvm::function_ref<mlir::Value()> make);
/// The address of a buffer's first element.
mlir::Value addressOf(KernelBuilder &b, mlir::Value buffer);
/// An i64.
mlir::Value number(KernelBuilder &b, int64_t value);
/// Rows of a buffer as i64.
mlir::Value rowCount(KernelBuilder &b, mlir::Value buffer);
/// Whether `arguments` of forward reach up to a pointer at `field` (i1).
mlir::Value hasField(KernelBuilder &b, mlir::Value arguments, int64_t field);
/// Calls a function by its address; no value if it returns none.
mlir::Value callWith(KernelBuilder &b, mlir::Value function,
                     mlir::ValueRange arguments, mlir::Type result = {});

} // namespace moe::host

#endif // MOE_HOSTCODE_ABICALLS_H
