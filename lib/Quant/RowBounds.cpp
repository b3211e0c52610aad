//===- RowBounds.cpp - lengths of rows and of their errors ----------------===//
#include "moe/Quant/RowBounds.h"

#include <cmath>
#include <limits>
#include <vector>

using namespace moe;

/// Upwards.
static float roundUp(double value) {
  float rounded = float(value);
  return double(rounded) < value
             ? std::nextafter(rounded, std::numeric_limits<float>::infinity())
             : rounded;
}

llvm::SmallVector<RowBound> moe::getRowBounds(llvm::ArrayRef<float> values,
                                              const StoredMatrix &stored,
                                              int64_t rows, int64_t columns) {
  // A sum of n products is off by at most n 2^-24 / (1 - n 2^-24) of the product
  // of the lengths, whatever its order. This is more than three times that up to
  // 2^20 columns, and leaves room for scales and the sum of a bound.
  const double rounding = std::ldexp(double(columns + 32), -22);
  // Lengths of features are sums, too.
  const double reserve = 1 + std::ldexp(1.0, -10) + rounding;
  std::vector<float> decoded(columns);
  llvm::SmallVector<RowBound> result;
  for (int64_t row = 0; row < rows; ++row) {
    stored.decodeRow(row, decoded);
    double error = 0, length = 0, storedLength = 0;
    for (int64_t i = 0; i < columns; ++i) {
      double value = values[row * columns + i], near = decoded[i];
      error += (value - near) * (value - near);
      length += value * value;
      storedLength += near * near;
    }
    length = std::sqrt(length);
    storedLength = std::sqrt(storedLength);
    double rounded = rounding * (length + storedLength);
    result.push_back({roundUp((std::sqrt(error) + rounded) * reserve),
                      roundUp(storedLength * reserve)});
  }
  return result;
}
