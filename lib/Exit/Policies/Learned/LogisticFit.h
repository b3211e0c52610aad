//===- LogisticFit.h - logistic regression ----------------------*- C++ -*-===//
#ifndef MOE_EXIT_POLICIES_LEARNED_LOGISTICFIT_H
#define MOE_EXIT_POLICIES_LEARNED_LOGISTICFIT_H

#include <vector>

namespace moe {

/// Likelihood 1 / (1 + exp(-(bias + sum_i weights[i] * features[i]))).
struct LogisticModel {
  std::vector<double> weights;
  double bias = 0;
};

/// Rows of features, each with whether the thing happened.
struct LogisticSample {
  std::vector<double> features;
  bool happened = false;
};

/// The model of largest likelihood, by Newton's method. Weights of features in
/// units of their deviation, and the bias, are kept small by a penalty, so that
/// one is found where the samples can be told apart entirely. There is at least
/// one sample, and all have equally many features.
LogisticModel fitLogistic(const std::vector<LogisticSample> &samples);

} // namespace moe

#endif // MOE_EXIT_POLICIES_LEARNED_LOGISTICFIT_H
