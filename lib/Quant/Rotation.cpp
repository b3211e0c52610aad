//===- Rotation.cpp - blocks of features times a Hadamard matrix ----------===//
#include "moe/Quant/Rotation.h"

#include "Wide.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace moe;

/// Columns that are rotated together when blocks go down the rows: so few that
/// a block of them stays in the cache.
static constexpr int64_t stripColumns = 64;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

float moe::getRotationSign(int64_t feature) {
  return mix(uint64_t(feature) + 1) >> 63 ? -1.0f : 1.0f;
}

static float getNorm(int64_t block) {
  return float(1.0 / std::sqrt(double(block)));
}

/// The Hadamard matrix, not yet normalised, of places that are `stride` apart
/// and each `width` values wide.
MOE_WIDE static void transform(float *data, int64_t block, int64_t stride,
                               int64_t width) {
  for (int64_t half = 1; half < block; half *= 2)
    for (int64_t start = 0; start < block; start += 2 * half)
      for (int64_t place = start; place < start + half; ++place) {
        float *first = data + place * stride;
        float *second = first + half * stride;
        for (int64_t i = 0; i < width; ++i) {
          float u = first[i], v = second[i];
          first[i] = u + v;
          second[i] = u - v;
        }
      }
}

/// The same for neighbouring places.
MOE_WIDE static void transformRow(float *data, int64_t block) {
  int64_t half = 1;
  // Distances below a vector's width, in one pass over groups of 8.
  for (; half < block && half < 8; half *= 2)
    for (int64_t start = 0; start < block; start += 2 * half)
      for (int64_t i = start; i < start + half; ++i) {
        float u = data[i], v = data[i + half];
        data[i] = u + v;
        data[i + half] = u - v;
      }
  for (; half < block; half *= 2)
    for (int64_t start = 0; start < block; start += 2 * half) {
      float *first = data + start, *second = first + half;
      for (int64_t i = 0; i < half; ++i) {
        float u = first[i], v = second[i];
        first[i] = u + v;
        second[i] = u - v;
      }
    }
}

void moe::rotateRow(llvm::MutableArrayRef<float> row, int64_t block) {
  if (!block)
    return;
  assert(llvm::isPowerOf2_64(block) && row.size() % block == 0);
  const float norm = getNorm(block);
  for (int64_t i = 0, e = row.size(); i < e; ++i)
    row[i] *= getRotationSign(i % block);
  for (int64_t start = 0, e = row.size(); start < e; start += block)
    transformRow(row.data() + start, block);
  for (float &value : row)
    value *= norm;
}

void moe::unrotateRow(llvm::MutableArrayRef<float> row, int64_t block) {
  if (!block)
    return;
  assert(llvm::isPowerOf2_64(block) && row.size() % block == 0);
  const float norm = getNorm(block);
  for (int64_t start = 0, e = row.size(); start < e; start += block)
    transformRow(row.data() + start, block);
  for (int64_t i = 0, e = row.size(); i < e; ++i)
    row[i] = row[i] * norm * getRotationSign(i % block);
}

void moe::rotateColumns(llvm::MutableArrayRef<float> matrix, int64_t rows,
                        int64_t columns, int64_t block) {
  if (!block)
    return;
  assert(llvm::isPowerOf2_64(block) && rows % block == 0);
  const float norm = getNorm(block);
  auto multiply = [&](int64_t first, int64_t width, auto getFactor) {
    for (int64_t row = 0; row < rows; ++row) {
      float factor = getFactor(row);
      float *values = matrix.data() + row * columns + first;
      for (int64_t i = 0; i < width; ++i)
        values[i] *= factor;
    }
  };
  for (int64_t first = 0; first < columns; first += stripColumns) {
    int64_t width = std::min(stripColumns, columns - first);
    multiply(first, width,
             [&](int64_t row) { return getRotationSign(row % block); });
    for (int64_t start = 0; start < rows; start += block)
      transform(matrix.data() + start * columns + first, block, columns, width);
    multiply(first, width, [&](int64_t) { return norm; });
  }
}
