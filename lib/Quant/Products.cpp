//===- Products.cpp - small dense products in a fixed order ---------------===//
#include "Products.h"

#include "Wide.h"
#include <algorithm>
#include <cassert>
#include <cstring>
#include <type_traits>

using namespace moe;

/// One register of AVX-512, two of AVX2, four of SSE.
static constexpr int64_t lanes = 16;
using Vector = float __attribute__((vector_size(lanes * sizeof(float))));

static constexpr int64_t rowsAtOnce = 4;
/// Rows of a and b that are copied side by side before they are multiplied: in
/// a large matrix they lie a power of two apart, where caches hold but a few.
static constexpr int64_t depthAtOnce = 256;
static constexpr int64_t aColumns = 64;

/// Copies `width` columns of each row.
template <typename Width>
static void pack(Panel from, int64_t depth, Width width, float *to) {
  for (int64_t j = 0; j < depth; ++j)
    std::memcpy(to + j * width, from.data + j * from.stride,
                width * sizeof(float));
}

/// 4 rows and 16 columns; out += sign * ...
MOE_WIDE static void addCorner(float *out, int64_t outStride, const float *a,
                               int64_t aStride, const float *b, int64_t depth,
                               float sign) {
  Vector sums[rowsAtOnce] = {};
  for (int64_t j = 0; j < depth; ++j) {
    Vector row;
    std::memcpy(&row, b + j * lanes, sizeof(row));
    const float *factors = a + j * aStride;
    for (int64_t i = 0; i < rowsAtOnce; ++i)
      sums[i] += factors[i] * row;
  }
  for (int64_t i = 0; i < rowsAtOnce; ++i) {
    Vector old;
    std::memcpy(&old, out + i * outStride, sizeof(old));
    old += sign * sums[i];
    std::memcpy(out + i * outStride, &old, sizeof(old));
  }
}

static void addSigned(float *out, int64_t outStride, Panel a, Panel b,
                      int64_t depth, int64_t rows, int64_t columns,
                      float sign) {
  alignas(64) float aPart[depthAtOnce * aColumns], bPart[depthAtOnce * lanes];
  assert(rows <= aColumns);
  for (int64_t start = 0; start < depth; start += depthAtOnce) {
    int64_t part = std::min(depthAtOnce, depth - start);
    pack({a.data + start * a.stride, a.stride}, part, rows, aPart);
    for (int64_t k = 0; k < columns; k += lanes) {
      pack({b.data + start * b.stride + k, b.stride}, part,
           std::integral_constant<int64_t, lanes>(), bPart);
      for (int64_t i = 0; i < rows; i += rowsAtOnce)
        addCorner(out + i * outStride + k, outStride, aPart + i, rows, bPart,
                  part, sign);
    }
  }
}

void moe::addProducts(float *out, int64_t outStride, Panel a, Panel b,
                      int64_t depth, int64_t rows, int64_t columns) {
  addSigned(out, outStride, a, b, depth, rows, columns, 1);
}

void moe::subtractProducts(float *out, int64_t outStride, Panel a, Panel b,
                           int64_t depth, int64_t rows, int64_t columns) {
  addSigned(out, outStride, a, b, depth, rows, columns, -1);
}

MOE_WIDE void moe::addScaled(float *out, float factor, const float *row,
                             int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    out[k] += factor * row[k];
}
