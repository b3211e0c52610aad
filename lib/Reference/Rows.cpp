//===- Rows.cpp - rows in and out, and arithmetic within a row ------------===//
#include "Ops.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

double reference::dot(const double *a, const double *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// Rows of `source` by number; `what` names a number in the message.
static Expected<Matrix> gather(const Matrix &source, const Integers &numbers,
                               StringRef what) {
  Matrix result = Matrix::zeros(numbers.rows, source.columns);
  for (int64_t r = 0; r < numbers.rows; ++r) {
    int32_t number = numbers.values[r];
    if (number < 0 || number >= source.rows)
      return failure(what, " ", number, " requested, there are ", source.rows);
    std::copy_n(source.row(number), source.columns, result.row(r));
  }
  return result;
}

Expected<Matrix> reference::embed(const Integers &tokens, const Matrix &table) {
  return gather(table, tokens, "token");
}

Expected<Matrix> reference::pick(const Matrix &input, const Integers &rows) {
  return gather(input, rows, "row");
}

Expected<Integers> reference::pick(const Integers &input,
                                   const Integers &rows) {
  Integers result{rows.rows, 1, {}};
  for (int32_t row : rows.values) {
    if (row < 0 || row >= input.rows)
      return failure("row ", row, " requested, there are ", input.rows);
    result.values.push_back(input.values[row]);
  }
  return result;
}

Expected<Matrix> reference::place(const Matrix &input, const Integers &rows,
                                  Matrix into) {
  if (input.rows != rows.rows)
    return failure("there are ", input.rows, " rows and ", rows.rows,
                   " places");
  std::vector<bool> taken(into.rows);
  for (int64_t r = 0; r < rows.rows; ++r) {
    int32_t row = rows.values[r];
    if (row < 0 || row >= into.rows)
      return failure("place ", row, " requested, there are ", into.rows);
    if (taken[row])
      return failure("place ", row, " is named twice");
    taken[row] = true;
    std::copy_n(input.row(r), input.columns, into.row(row));
  }
  return into;
}

Matrix reference::norm(NormKind kind, const Matrix &input, const Matrix &scale,
                       double epsilon, int64_t groups) {
  Matrix result = Matrix::zeros(input.rows, input.columns);
  int64_t size = input.columns / groups;
  for (int64_t group = 0; group < input.rows * groups; ++group) {
    const double *x = input.values.data() + group * size;
    double *y = result.values.data() + group * size;
    double mean = 0;
    if (kind == NormKind::Layer) {
      for (int64_t i = 0; i < size; ++i)
        mean += x[i] / double(size);
    }
    double square = 0;
    for (int64_t i = 0; i < size; ++i)
      square += (x[i] - mean) * (x[i] - mean) / double(size);
    double deviation = std::sqrt(square + epsilon);
    for (int64_t i = 0; i < size; ++i)
      y[i] = (x[i] - mean) / deviation * scale.at(0, i);
  }
  return result;
}

Expected<Matrix> reference::add(const Matrix &lhs, const Matrix &rhs) {
  if (lhs.rows != rhs.rows)
    return failure("operands have ", lhs.rows, " and ", rhs.rows, " rows");
  Matrix result = lhs;
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] += rhs.values[i];
  return result;
}

Matrix reference::clamp(const Matrix &input, double limit) {
  Matrix result = input;
  for (double &x : result.values)
    x = std::clamp(x, -limit, limit);
  return result;
}
