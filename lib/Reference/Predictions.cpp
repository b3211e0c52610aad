//===- Predictions.cpp - scores of experts, and guesses made of them ------===//
#include "Ops.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// What is not a number has no place in an order.
static Error checkNumbers(const Matrix &scores, StringRef what) {
  for (int64_t r = 0; r < scores.rows; ++r)
    if (std::any_of(scores.row(r), scores.row(r) + scores.columns,
                    [](double score) { return std::isnan(score); }))
      return failure("row ", r, " has a ", what, " that is not a number");
  return Error::success();
}

Expected<Matrix> reference::distribution(const Matrix &logits) {
  if (Error error = checkNumbers(logits, "logit"))
    return std::move(error);
  Matrix result = logits;
  for (int64_t r = 0; r < result.rows; ++r)
    softmax({result.row(r), size_t(result.columns)});
  return result;
}

Expected<Matrix> reference::blend(ArrayRef<const Matrix *> scores,
                                  std::optional<ArrayRef<double>> weights) {
  Matrix result = Matrix::zeros(scores[0]->rows, scores[0]->columns);
  for (const Matrix *other : scores)
    if (other->rows != result.rows)
      return failure("operands have ", result.rows, " and ", other->rows,
                     " rows");
  for (int64_t r = 0; r < result.rows; ++r) {
    double sum = 0;
    for (auto [i, from] : enumerate(scores)) {
      const double *row = from->row(r);
      double weight =
          weights ? (*weights)[i] : *std::max_element(row, row + from->columns);
      sum += weight;
      for (int64_t e = 0; e < result.columns; ++e)
        result.at(r, e) += weight * row[e];
    }
    if (!weights)
      for (int64_t e = 0; e < result.columns; ++e)
        result.at(r, e) = sum > 0 ? result.at(r, e) / sum : 0;
  }
  return result;
}

Expected<Prediction> reference::predict(const Matrix &scores, int64_t count,
                                        int64_t chosen, double slope,
                                        double bias) {
  if (Error error = checkNumbers(scores, "score"))
    return std::move(error);
  Prediction prediction{{scores.rows, count, {}},
                        Matrix::zeros(scores.rows, count)};
  for (int64_t r = 0; r < scores.rows; ++r) {
    ArrayRef<double> row(scores.row(r), scores.columns);
    std::vector<int32_t> order = topK(row, scores.columns);
    double edge = row[order[chosen - 1]];
    if (chosen < scores.columns)
      edge = (edge + row[order[chosen]]) / 2;
    for (int64_t j = 0; j < count; ++j) {
      prediction.experts.values.push_back(order[j]);
      prediction.confidence.at(r, j) =
          sigmoid(slope * (row[order[j]] - edge) + bias);
    }
  }
  return prediction;
}
