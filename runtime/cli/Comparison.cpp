//===- Comparison.cpp - how far a model is from a reference ---------------===//
#include "Comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace moert::cli;

/// log of the sum of exp; NaN if any logit is.
static double logSumOfExp(const float *logits, int64_t count) {
  // A comparison with NaN is false, so the maximum alone could hide one; the
  // sum does not.
  double largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - largest);
  return std::log(sum) + largest;
}

double moert::cli::negativeLogLikelihood(const float *logits, int64_t count,
                                         int32_t target) {
  return logSumOfExp(logits, count) - double(logits[target]);
}

double moert::cli::klDivergence(const float *reference, const float *logits,
                                int64_t count) {
  double referenceSum = logSumOfExp(reference, count);
  if (std::isnan(referenceSum))
    return referenceSum;
  double sum = logSumOfExp(logits, count), divergence = 0;
  for (int64_t i = 0; i < count; ++i) {
    double expected = double(reference[i]) - referenceSum;
    double probability = std::exp(expected);
    if (probability > 0)
      divergence += probability * (expected - (double(logits[i]) - sum));
  }
  return divergence;
}

bool Comparison::add(const float *reference, const float *logits,
                     int64_t count) {
  double divergence = klDivergence(reference, logits, count);
  if (std::isnan(divergence))
    return false;
  ++rows;
  // Welford's update: exact enough for any number of rows.
  double distance = divergence - meanKlDivergence;
  meanKlDivergence += distance / double(rows);
  squares += distance * (divergence - meanKlDivergence);
  sameLikeliest += std::max_element(logits, logits + count) - logits ==
                   std::max_element(reference, reference + count) - reference;
  return true;
}

double Comparison::standardError() const {
  if (rows < 2)
    return std::numeric_limits<double>::quiet_NaN();
  return std::sqrt(squares / double(rows - 1) / double(rows));
}
