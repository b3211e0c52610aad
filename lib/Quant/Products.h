//===- Products.h - small dense products in a fixed order -------*- C++ -*-===//
//
// What a general library sums in an order that depends on the processor's
// caches is here summed row after row, so that bits are the same everywhere.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_QUANT_PRODUCTS_H
#define MOE_LIB_QUANT_PRODUCTS_H

#include <cstdint>

namespace moe {

/// A row-major part of a matrix; `stride` from row to row.
struct Panel {
  const float *data;
  int64_t stride;
};

/// out[i][k] += sum_j a[j][i] * b[j][k] for j in [0, depth), ascending, i in
/// [0, rows), a multiple of 4 up to 64, k in [0, columns), a multiple of 16.
void addProducts(float *out, int64_t outStride, Panel a, Panel b, int64_t depth,
                 int64_t rows, int64_t columns);

/// The same with -=.
void subtractProducts(float *out, int64_t outStride, Panel a, Panel b,
                      int64_t depth, int64_t rows, int64_t columns);

/// out[k] += factor * row[k].
void addScaled(float *out, float factor, const float *row, int64_t count);

/// An upper triangular R with R^T R = A of a symmetric positive definite A, of
/// which only the upper triangle is read, and replaced; the lower stays. `size`
/// is a multiple of
/// 64. False if A is not positive definite, as far as f32 can tell.
bool factorise(float *matrix, int64_t size, int64_t threads);

} // namespace moe

#endif // MOE_LIB_QUANT_PRODUCTS_H
