//===- RowBounds.h - how far products with codes may be off -----*- C++ -*-===//
#ifndef MOE_QUANT_ROWBOUNDS_H
#define MOE_QUANT_ROWBOUNDS_H

#include "moe/Quant/StoredMatrix.h"
#include "llvm/ADT/SmallVector.h"

namespace moe {

/// What moe.surplus needs to know of a row w that is stored as v, so that for
/// all features x and y, `wx <= vy + error |x| + length |x - y|` holds for the
/// products and lengths as kernels compute them in f32, in any order of sums.
struct RowBound {
  float error;  ///< of |w - v|, and of what both products are rounded by
  float length; ///< of |v|
};

/// Of each row; `values` are [rows][columns], in the basis of the codes.
llvm::SmallVector<RowBound> getRowBounds(llvm::ArrayRef<float> values,
                                         const StoredMatrix &stored,
                                         int64_t rows, int64_t columns);

} // namespace moe

#endif // MOE_QUANT_ROWBOUNDS_H
