//===- Exponential.h - e^x with the same bits on every target ---*- C++ -*-===//
#ifndef MOE_HOSTCODE_EXPONENTIAL_H
#define MOE_HOSTCODE_EXPONENTIAL_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace moe::host {

/// e^x of f32, or of a vector of them. Relative error below 2 units in the last
/// place; arguments are clamped to where the result is a normal number.
mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

} // namespace moe::host

#endif // MOE_HOSTCODE_EXPONENTIAL_H
