//===- Comparison.h - how far a model is from a reference -------*- C++ -*-===//
#ifndef MOERT_CLI_COMPARISON_H
#define MOERT_CLI_COMPARISON_H

#include <cstdint>

namespace moert::cli {

/// -log softmax(logits)[target], in float64; NaN if any logit is.
double negativeLogLikelihood(const float *logits, int64_t count,
                             int32_t target);

/// How many nats softmax(logits) loses against softmax(reference), in float64.
double klDivergence(const float *reference, const float *logits, int64_t count);

/// What two models think of the same tokens, row by row.
class Comparison {
public:
  /// Returns false, and counts nothing, where a row of the reference is not
  /// numbers.
  bool add(const float *reference, const float *logits, int64_t count);

  int64_t rows = 0, sameLikeliest = 0;
  double meanKlDivergence = 0;
  /// Of the mean, as if rows were independent; NaN with fewer than 2.
  double standardError() const;

private:
  double squares = 0; ///< of the rows' distances from the mean
};

} // namespace moert::cli

#endif // MOERT_CLI_COMPARISON_H
