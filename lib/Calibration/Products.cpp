//===- Products.cpp - rows transposed in panels, weights streamed ---------===//
#include "Products.h"

#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace llvm;
using namespace moe;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The finaliser of SplitMix64.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// `row` numbers the row within the whole weight.
static void perturb(MutableArrayRef<float> values, int64_t row, double error) {
  double squares = 0;
  for (float value : values)
    squares += double(value) * value;
  float step = float(std::sqrt(error * squares / double(values.size())));
  uint64_t signs = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % 64 == 0)
      signs = mix(mix(uint64_t(row) + 1) + i);
    values[i] += signs >> (i % 64) & 1 ? step : -step;
  }
}

Error WeightReader::read(WeightOp weight, int64_t first, int64_t count,
                         std::vector<float> &out) {
  out.resize(count * weight.getColumns());
  if (Error error =
          data->readElements(weight, first * weight.getColumns(), out))
    return error;
  if (perturbation.error > 0 && weight.getSymName() == perturbation.symbol)
    for (int64_t r = 0; r < count; ++r)
      perturb(MutableArrayRef(out).slice(r * weight.getColumns(),
                                         weight.getColumns()),
              first + r, perturbation.error);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Rows of a panel: its columns are vectors of one element of each.
static constexpr int64_t panelRows = 16;
typedef float Vector __attribute__((vector_size(panelRows * sizeof(float))));
/// Outputs that are summed side by side.
static constexpr int64_t outputsAtOnce = 4;

/// sums[j] of a panel with outputsAtOnce rows of weights, which lie `stride`
/// apart. Without fused multiply-adds (see CMakeLists.txt) each clone computes
/// the same bits. (Sanitizers start later than the clones are chosen.)
#if defined(__x86_64__) && !__has_feature(address_sanitizer)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static void
sumProducts(const Vector *panel, const float *weights, int64_t stride,
            int64_t columns, Vector *sums) {
  Vector s0 = {}, s1 = {}, s2 = {}, s3 = {};
  for (int64_t k = 0; k < columns; ++k) {
    Vector x = panel[k];
    s0 += x * weights[k];
    s1 += x * weights[stride + k];
    s2 += x * weights[2 * stride + k];
    s3 += x * weights[3 * stride + k];
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/// Panels of the rows, filled up with zeros; element [panel][k].
static std::vector<Vector> transpose(const Rows &in, Workers &workers) {
  int64_t panels = divideCeil(in.rows, panelRows);
  std::vector<Vector> result(panels * in.columns);
  workers.forEach(panels, [&](int64_t p) {
    for (int64_t i = 0; i < panelRows && p * panelRows + i < in.rows; ++i)
      for (int64_t k = 0; k < in.columns; ++k)
        result[p * in.columns + k][i] = in.row(p * panelRows + i)[k];
  });
  return result;
}

/// One panel with a block of rows of weights: out[i, n].
static void multiplyPanel(const Vector *panel, int64_t rows,
                          ArrayRef<float> weights, int64_t columns, Rows &out,
                          int64_t firstRow) {
  for (int64_t n = 0; n < out.columns; n += outputsAtOnce) {
    Vector sums[outputsAtOnce];
    sumProducts(panel, weights.data() + n * columns, columns, columns, sums);
    for (int64_t j = 0; j < outputsAtOnce && n + j < out.columns; ++j)
      for (int64_t i = 0; i < rows; ++i)
        out.row(firstRow + i)[n + j] = sums[j][i];
  }
}

Error moe::multiplyInBlocks(const Rows &in, WeightOp weight, int64_t matrix,
                            WeightReader &reader, Workers &workers,
                            function_ref<void(int64_t, const Rows &)> use) {
  constexpr int64_t blockElements = 1 << 20;
  int64_t rows = weight.getRows(), columns = weight.getColumns();
  std::vector<Vector> panels = transpose(in, workers);
  std::vector<float> block;
  int64_t step =
      alignTo(std::max<int64_t>(1, blockElements / columns), outputsAtOnce);
  for (int64_t first = 0; first < rows; first += step) {
    int64_t count = std::min(step, rows - first);
    if (Error error = reader.read(weight, matrix * rows + first, count, block))
      return error;
    block.resize(alignTo(count, outputsAtOnce) * columns);
    Rows out(in.rows, count);
    workers.forEach(divideCeil(in.rows, panelRows), [&](int64_t p) {
      int64_t begin = p * panelRows;
      multiplyPanel(panels.data() + p * columns,
                    std::min(panelRows, in.rows - begin), block, columns, out,
                    begin);
    });
    use(first, out);
  }
  return Error::success();
}

Expected<Rows> moe::multiply(const Rows &in, WeightOp weight, int64_t matrix,
                             WeightReader &reader, Workers &workers) {
  Rows out(in.rows, weight.getRows());
  if (Error error = multiplyInBlocks(in, weight, matrix, reader, workers,
                                     [&](int64_t first, const Rows &part) {
                                       for (int64_t r = 0; r < part.rows; ++r)
                                         std::copy_n(part.row(r), part.columns,
                                                     out.row(r) + first);
                                     }))
    return std::move(error);
  return std::move(out);
}
