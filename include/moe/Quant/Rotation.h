//===- Rotation.h - the random Hadamard rotation of moe.quantize -*- C++
//-*-===//
#ifndef MOE_QUANT_ROTATION_H
#define MOE_QUANT_ROTATION_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace moe {

/// s[j] of moe.quantize, j being a place in a block: -1 if bit 63 of mix(j + 1)
/// is set, else 1; mix is the finaliser of SplitMix64.
float getRotationSign(int64_t place);

/// Rotates each block of the row in place, in f32 and in the order that
/// moe.quantize states, which fixes every bit. A block of 0 does nothing.
void rotateRow(llvm::MutableArrayRef<float> row, int64_t block);

/// Undoes rotateRow, up to rounding.
void unrotateRow(llvm::MutableArrayRef<float> row, int64_t block);

/// Rotates each block of rows of a row-major matrix: what rotateRow does to
/// columns.
void rotateColumns(llvm::MutableArrayRef<float> matrix, int64_t rows,
                   int64_t columns, int64_t block);

} // namespace moe

#endif // MOE_QUANT_ROTATION_H
