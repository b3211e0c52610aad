//===- Product.cpp - rows times the matrix of a weight --------------------===//
#include "Ops.h"

#include "llvm/Support/Parallel.h"
#include <array>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// Rows of the input whose sums grow side by side, each in the order of k.
static constexpr int64_t lanes = 8;
using Lanes = std::array<double, lanes>;

/// Feature k of `lanes` rows from row `first` on, zeros where there are none.
static std::vector<Lanes> transpose(const Matrix &input, int64_t first) {
  std::vector<Lanes> features(input.columns, Lanes{});
  for (int64_t lane = 0; lane < lanes && first + lane < input.rows; ++lane)
    for (int64_t k = 0; k < input.columns; ++k)
      features[k][lane] = input.at(first + lane, k);
  return features;
}

static Matrix product(const Matrix &input, const Matrix &weight) {
  Matrix result = Matrix::zeros(input.rows, weight.rows);
  for (int64_t first = 0; first < input.rows; first += lanes) {
    std::vector<Lanes> features = transpose(input, first);
    int64_t rows = std::min(lanes, input.rows - first);
    parallelFor(0, weight.rows, [&](size_t n) {
      const double *weights = weight.row(n);
      Lanes sums = {};
      for (int64_t k = 0; k < weight.columns; ++k)
        for (int64_t lane = 0; lane < lanes; ++lane)
          sums[lane] += features[k][lane] * weights[k];
      for (int64_t lane = 0; lane < rows; ++lane)
        result.at(first + lane, n) = sums[lane];
    });
  }
  return result;
}

/// Sums of integers are exact; scales are applied in float64.
static Matrix product(const QuantizedRows &input, const CodedMatrix &weight) {
  Matrix result = Matrix::zeros(input.rows, weight.rows);
  int64_t columns = weight.columns, groups = weight.getGroups();
  parallelFor(0, weight.rows, [&](size_t n) {
    const int16_t *weights = weight.levels.data() + n * columns;
    const float *scales = weight.scales.data() + n * groups;
    for (int64_t r = 0; r < input.rows; ++r) {
      const int8_t *levels = input.levels.data() + r * columns;
      double sum = 0;
      for (int64_t group = 0; group < groups; ++group) {
        int64_t begin = group * weight.groupColumns;
        int64_t end = std::min(begin + weight.groupColumns, columns);
        int64_t integer = 0;
        for (int64_t k = begin; k < end; ++k)
          integer += int32_t(levels[k]) * weights[k];
        sum += double(scales[group]) * double(integer);
      }
      result.at(r, n) = sum * double(input.scales[r]);
    }
  });
  return result;
}

Matrix reference::multiply(const Value &input, const WeightMatrix &weight) {
  if (auto *rows = std::get_if<Matrix>(&input))
    return product(*rows, std::get<Matrix>(weight));
  return product(std::get<QuantizedRows>(input), std::get<CodedMatrix>(weight));
}

Matrix reference::linear(const Value &input, const WeightMatrix &weight,
                         const Matrix *bias) {
  Matrix result = multiply(input, weight);
  for (int64_t r = 0; bias && r < result.rows; ++r)
    for (int64_t n = 0; n < result.columns; ++n)
      result.at(r, n) += bias->at(0, n);
  return result;
}
