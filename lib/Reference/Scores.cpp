//===- Scores.cpp - how sure a row is -------------------------------------===//
#include "Ops.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

static double getConfidence(Confidence kind, ArrayRef<double> probabilities) {
  if (kind == Confidence::Entropy) {
    if (probabilities.size() == 1)
      return 1;
    double sum = 0;
    for (double p : probabilities)
      if (p > 0)
        sum += p * std::log(p);
    return 1 + sum / std::log(double(probabilities.size()));
  }
  std::vector<int32_t> order =
      topK(probabilities, std::min<int64_t>(2, probabilities.size()));
  double first = probabilities[order.front()];
  if (kind == Confidence::Top1)
    return first;
  return order.size() == 1 ? first : first - probabilities[order.back()];
}

Expected<Matrix> reference::confidence(Confidence kind, const Matrix &logits) {
  Expected<Matrix> probabilities = distribution(logits);
  if (!probabilities)
    return probabilities.takeError();
  Matrix result = Matrix::zeros(logits.rows, 1);
  for (int64_t r = 0; r < logits.rows; ++r)
    result.at(r, 0) =
        getConfidence(kind, {probabilities->row(r), size_t(logits.columns)});
  return result;
}

Expected<Matrix> reference::similarity(const Matrix &lhs, const Matrix &rhs) {
  if (lhs.rows != rhs.rows)
    return failure("operands have ", lhs.rows, " and ", rhs.rows, " rows");
  Matrix result = Matrix::zeros(lhs.rows, 1);
  for (int64_t r = 0; r < lhs.rows; ++r) {
    const double *a = lhs.row(r), *b = rhs.row(r);
    double lengths =
        std::sqrt(dot(a, a, lhs.columns)) * std::sqrt(dot(b, b, lhs.columns));
    if (lengths > 0)
      result.at(r, 0) = dot(a, b, lhs.columns) / lengths;
  }
  return result;
}

Integers reference::best(const Matrix &input) {
  Integers result{input.rows, 1, {}};
  for (int64_t r = 0; r < input.rows; ++r) {
    const double *row = input.row(r);
    result.values.push_back(
        int32_t(std::max_element(row, row + input.columns) - row));
  }
  return result;
}

Expected<Matrix> reference::streak(const Integers &best, const Integers *before,
                                   const Matrix *streakBefore) {
  Matrix result = Matrix::zeros(best.rows, 1);
  if (before && (before->rows != best.rows || streakBefore->rows != best.rows))
    return failure("there are ", best.rows, " tokens, ", before->rows,
                   " before and ", streakBefore->rows, " streaks");
  for (int64_t r = 0; r < best.rows; ++r) {
    bool agrees = before && best.values[r] == before->values[r];
    result.at(r, 0) = agrees ? streakBefore->at(r, 0) + 1 : 1;
  }
  return result;
}

Expected<Matrix> reference::logistic(ArrayRef<const Matrix *> features,
                                     ArrayRef<double> weights, double bias) {
  Matrix result = Matrix::zeros(features[0]->rows, 1);
  for (const Matrix *feature : features)
    if (feature->rows != result.rows)
      return failure("operands have ", result.rows, " and ", feature->rows,
                     " rows");
  for (int64_t r = 0; r < result.rows; ++r) {
    double sum = bias;
    for (auto [feature, weight] : zip_equal(features, weights))
      sum += weight * feature->at(r, 0);
    result.at(r, 0) = sigmoid(sum);
  }
  return result;
}
