//===- Quantize.cpp - rows become 8-bit levels, and features again --------===//
//
// moe.quantize is in float32, operation by operation as the dialect states it:
// levels and scales have the same bits on every target, and here.
//===----------------------------------------------------------------------===//
#include "Ops.h"

#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// Whether feature j of a block changes its sign.
static bool isFlipped(int64_t j) {
  uint64_t x = uint64_t(j) + 1;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  x ^= x >> 31;
  return x >> 63;
}

/// Sums and differences, over ever larger distances.
template <typename T> static void transform(MutableArrayRef<T> block) {
  for (size_t h = 1; h < block.size(); h *= 2)
    for (size_t j = 0; j < block.size(); ++j)
      if (!(j & h)) {
        T u = block[j], v = block[j + h];
        block[j] = u + v;
        block[j + h] = u - v;
      }
}

static void rotate(MutableArrayRef<float> row, int64_t size) {
  const float norm = float(1 / std::sqrt(double(size)));
  for (; !row.empty(); row = row.drop_front(size)) {
    MutableArrayRef<float> block = row.take_front(size);
    for (int64_t j = 0; j < size; ++j)
      block[j] = isFlipped(j) ? -block[j] : block[j];
    transform(block);
    for (float &x : block)
      x *= norm;
  }
}

static void rotateBack(MutableArrayRef<double> row, int64_t size) {
  const double norm = 1 / std::sqrt(double(size));
  for (; !row.empty(); row = row.drop_front(size)) {
    MutableArrayRef<double> block = row.take_front(size);
    transform(block);
    for (int64_t j = 0; j < size; ++j)
      block[j] *= isFlipped(j) ? -norm : norm;
  }
}

/// Fills the levels of a row and returns its scale.
static float quantizeRow(ArrayRef<float> row, int8_t *levels) {
  float largest = 0;
  for (float x : row)
    largest = std::max(largest, std::fabs(x));
  if (largest < 0x1p-100f)
    return 0;
  float factor = 127 / largest;
  for (auto [i, x] : enumerate(row))
    levels[i] = int8_t(std::nearbyint(x * factor));
  return largest / 127;
}

Expected<QuantizedRows> reference::quantize(const Matrix &input,
                                            int64_t rotation) {
  // What is computed from a row that is not finite means nothing.
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t c = 0; c < input.columns; ++c)
      if (!std::isfinite(float(input.at(r, c))))
        return failure("row ", r, " has feature ", c,
                       " that is not finite in f32");
  QuantizedRows result{input.rows, input.columns,
                       std::vector<int8_t>(input.rows * input.columns),
                       std::vector<float>(input.rows)};
  parallelFor(0, input.rows, [&](size_t r) {
    std::vector<float> row(input.row(r), input.row(r) + input.columns);
    if (rotation)
      rotate(row, rotation);
    result.scales[r] =
        quantizeRow(row, result.levels.data() + r * input.columns);
  });
  return result;
}

Matrix reference::dequantize(const QuantizedRows &input, int64_t rotation) {
  Matrix result{
      input.rows, input.columns, {input.levels.begin(), input.levels.end()}};
  for (int64_t r = 0; r < input.rows; ++r) {
    MutableArrayRef<double> row(result.row(r), input.columns);
    for (double &x : row)
      x *= double(input.scales[r]);
    if (rotation)
      rotateBack(row, rotation);
  }
  return result;
}
