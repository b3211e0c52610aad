//===- ElementRounding.h - float64 to and from stored elements --*- C++ -*-===//
#ifndef MOE_LIB_MODEL_ELEMENTROUNDING_H
#define MOE_LIB_MODEL_ELEMENTROUNDING_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"

namespace moe {

/// Writes `values` as elements of `type` (f32, f16 or bf16), little endian.
/// One rounding from float64, to nearest, ties to even: no detour over f32.
void roundElements(llvm::ArrayRef<double> values, mlir::Type type, char *out);

/// The values of `count` elements of `type`; exact.
void widenElements(const char *elements, mlir::Type type, size_t count,
                   double *out);

/// Fills `out` with elements first, first + 1, ... of randomNormal(seed).
void randomNormals(uint64_t seed, uint64_t first,
                   llvm::MutableArrayRef<double> out);

} // namespace moe

#endif // MOE_LIB_MODEL_ELEMENTROUNDING_H
