//===- Cholesky.cpp - a triangular factor, block after block --------------===//
#include "Parallel.h"
#include "Products.h"
#include <algorithm>
#include <cmath>
#include <vector>

using namespace moe;

static constexpr int64_t block = 64;

/// The factor of one block on the diagonal, in float64.
static bool factoriseBlock(float *matrix, int64_t stride) {
  std::vector<double> rows(block * block);
  for (int64_t i = 0; i < block; ++i)
    for (int64_t k = i; k < block; ++k)
      rows[i * block + k] = matrix[i * stride + k];
  for (int64_t i = 0; i < block; ++i) {
    double *row = &rows[i * block];
    // Written so that a number that is not one fails, too.
    if (!(row[i] > 0) || !std::isfinite(row[i]))
      return false;
    const double root = std::sqrt(row[i]);
    for (int64_t k = i; k < block; ++k)
      row[k] /= root;
    for (int64_t m = i + 1; m < block; ++m)
      for (int64_t k = m; k < block; ++k)
        rows[m * block + k] -= row[m] * row[k];
  }
  for (int64_t i = 0; i < block; ++i)
    for (int64_t k = i; k < block; ++k)
      matrix[i * stride + k] = float(rows[i * block + k]);
  return true;
}

/// Solves R^T X = A for a block of columns right of R's block, in place.
static void solve(const float *factor, float *columns, int64_t stride) {
  for (int64_t i = 0; i < block; ++i) {
    float *row = columns + i * stride;
    for (int64_t m = 0; m < i; ++m)
      addScaled(row, -factor[m * stride + i], columns + m * stride, block);
    const float inverse = 1 / factor[i * stride + i];
    for (int64_t k = 0; k < block; ++k)
      row[k] *= inverse;
  }
}

/// Subtracts a block's product with itself above the diagonal and on it: what
/// lies below is the caller's.
static void subtractSquare(float *out, Panel panel) {
  std::vector<float> square(block * block);
  addProducts(square.data(), block, panel, panel, block, block, block);
  for (int64_t i = 0; i < block; ++i)
    for (int64_t k = i; k < block; ++k)
      out[i * panel.stride + k] -= square[i * block + k];
}

bool moe::factorise(float *matrix, int64_t size, int64_t threads) {
  auto at = [&](int64_t row, int64_t column) {
    return matrix + row * size + column;
  };
  for (int64_t start = 0; start < size; start += block) {
    if (!factoriseBlock(at(start, start), size))
      return false;
    const int64_t next = start + block, blocks = (size - next) / block;
    parallelFor(threads, blocks, [&](int64_t i) {
      solve(at(start, start), at(start, next + i * block), size);
    });
    // The block rows of the rest, long ones first.
    parallelFor(threads, blocks, [&](int64_t i) {
      int64_t row = next + i * block;
      subtractSquare(at(row, row), {at(start, row), size});
      for (int64_t column = row + block; column < size; column += block)
        subtractProducts(at(row, column), size, {at(start, row), size},
                         {at(start, column), size}, block, block, block);
    });
  }
  return true;
}
