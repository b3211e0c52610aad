//===- InputMoments.cpp - second moments of a matrix's inputs -------------===//
#include "InputMoments.h"

#include "Parallel.h"
#include "Products.h"
#include "moe/Quant/Rotation.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace moe;

static constexpr int64_t block = CodeAttr::stepColumns;
/// Part of the mean that is added to the diagonal at least. Another text has other
/// moments, and the output of one matrix is not the model's: of 0.01, 0.05, 0.1
/// and 0.2, this cost tiny-moe least divergence with each of three schemes.
static constexpr double leastShrinkage = 0.1;

static llvm::Error checkFinite(const InputRows &inputs) {
  for (int64_t i = 0, e = inputs.values.size(); i < e; ++i)
    if (!std::isfinite(inputs.values[i]))
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "row %lld, column %lld of the inputs is %s when it should be finite",
          (long long)(i / inputs.columns), (long long)(i % inputs.columns),
          std::isnan(inputs.values[i]) ? "nan" : "infinite");
  return llvm::Error::success();
}

/// The rows in the stored basis, filled up to `size` columns.
static std::vector<float> getStoredRows(const InputRows &inputs, int64_t size,
                                        int64_t rotation, int64_t threads) {
  std::vector<float> rows(inputs.rows * size);
  parallelFor(threads, inputs.rows, [&](int64_t i) {
    llvm::MutableArrayRef<float> row(rows.data() + i * size, inputs.columns);
    std::copy_n(inputs.values.data() + i * inputs.columns, inputs.columns,
                row.data());
    rotateRow(row, rotation);
  });
  return rows;
}

/// The blocks below the diagonal and on it.
void InputMoments::addMoments(llvm::ArrayRef<float> rows, int64_t threads) {
  square.assign(size * size, 0);
  parallelFor(threads, size / block, [&](int64_t i) {
    // The longest row of blocks first.
    const int64_t row = size - (i + 1) * block;
    for (int64_t column = 0; column <= row; column += block)
      addProducts(&square[row * size + column], size, {rows.data() + row, size},
                  {rows.data() + column, size}, inputRows, block, block);
    const float part = 1 / float(inputRows);
    for (int64_t j = row; j < row + block; ++j)
      for (int64_t k = 0; k < row + block; ++k)
        square[j * size + k] *= part;
  });
  diagonal.resize(columns);
  for (int64_t i = 0; i < columns; ++i) {
    diagonal[i] = square[i * size + i];
    mean += diagonal[i] / double(columns);
  }
}

/// Ledoit and Wolf, "A well-conditioned estimator for large-dimensional
/// covariance matrices" (2004), of moments about 0.
double InputMoments::getShrinkage(llvm::ArrayRef<float> rows) const {
  double squares = 0; // of all elements of S
  for (int64_t i = 0; i < columns; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < i; ++k)
      sum += double(square[i * size + k]) * square[i * size + k];
    squares += 2 * sum + double(diagonal[i]) * diagonal[i];
  }
  double fourth = 0; // powers of the rows' lengths
  for (int64_t i = 0; i < inputRows; ++i) {
    double length = 0;
    for (float value : rows.slice(i * size, columns))
      length += double(value) * value;
    fourth += length * length;
  }
  const double n = double(inputRows);
  const double spread = squares - double(columns) * mean * mean;
  if (inputRows == 1 || !(spread > 0))
    return 1;
  // Without bias: of n rows, n - 1 say how far they spread.
  const double noise = (fourth / n - squares) / (n - 1);
  return std::clamp(noise / spread, leastShrinkage, 1.0);
}

/// If R^T R is S with rows and columns in reverse order, U is R with each row
/// divided by its diagonal, turned about the other diagonal:
/// U_jk = R_k'j' / R_k'k', where i' = size - 1 - i.
void InputMoments::addFeedback(double shrinkage, int64_t threads) {
  const double keep = 1 - shrinkage;
  auto at = [&](int64_t row, int64_t column) -> float & {
    return square[row * size + column];
  };
  for (int64_t i = 0; i < size; ++i) {
    const int64_t other = size - 1 - i;
    const double own = other < columns ? diagonal[other] : 0;
    at(i, i) = float(keep * own + shrinkage * mean);
    for (int64_t k = i + 1; k < size; ++k)
      at(i, k) = float(keep * at(other, size - 1 - k));
  }
  if (!factorise(square.data(), size, threads))
    return;
  for (int64_t i = 0; i < size; ++i) {
    const float inverse = 1 / at(i, i);
    for (int64_t k = i + 1; k < size; ++k)
      at(i, k) *= inverse;
  }
  for (int64_t i = 0; i < size; ++i)
    for (int64_t k = i + 1; i + k < size - 1; ++k)
      std::swap(at(i, k), at(size - 1 - k, size - 1 - i));
  feedback = true;
}

llvm::Expected<InputMoments> InputMoments::create(const InputRows &inputs,
                                                  int64_t rotation,
                                                  int64_t threads) {
  if (llvm::Error error = checkFinite(inputs))
    return std::move(error);
  InputMoments result;
  result.columns = inputs.columns;
  result.inputRows = inputs.rows;
  result.size = CodeAttr::getPaddedColumns(inputs.columns);
  std::vector<float> rows =
      getStoredRows(inputs, result.size, rotation, threads);
  result.addMoments(rows, threads);
  // Beyond f32, or nothing to learn from.
  if (!(result.mean > 0) || !std::isfinite(result.mean))
    return result;
  const double shrinkage = result.getShrinkage(rows);
  for (float value : result.diagonal)
    result.importance.push_back(
        float((1 - shrinkage) * value + shrinkage * result.mean));
  result.addFeedback(shrinkage, threads);
  return result;
}

double InputMoments::getOutputs(llvm::ArrayRef<float> rows,
                                int64_t count) const {
  constexpr int64_t most = CodeAttr::tileRows;
  // Columns go down, so that a product takes 16 rows at once.
  std::vector<float> turned(size * most), sums(most * size);
  for (int64_t row = 0; row < count; ++row)
    for (int64_t i = 0; i < columns; ++i)
      turned[i * most + row] = rows[row * columns + i];
  // sums[row][k] = sum_{j > k} e_j S_jk, but for blocks on the diagonal, where
  // the upper part is another matrix.
  for (int64_t start = 0; start < size; start += block) {
    const int64_t next = start + block;
    addProducts(&sums[start], size, {&turned[next * most], most},
                {&square[next * size + start], size}, size - next, most, block);
    for (int64_t j = start; j < next; ++j)
      for (int64_t row = 0; row < count; ++row)
        addScaled(&sums[row * size + start], turned[j * most + row],
                  &square[j * size + start], j - start);
  }
  double total = 0;
  for (int64_t row = 0; row < count; ++row)
    for (int64_t k = 0; k < columns; ++k) {
      double e = rows[row * columns + k];
      total += e * (double(diagonal[k]) * e + 2 * double(sums[row * size + k]));
    }
  // Rounding may take a sum of squares that is nearly 0 below it.
  return std::max(total, 0.0) * double(inputRows);
}
