//===- Perplexity.h - how well a model predicts a text ----------*- C++ -*-===//
#ifndef MOERT_CLI_PERPLEXITY_H
#define MOERT_CLI_PERPLEXITY_H

#include "Runner.h"

#include <functional>
#include <string>
#include <vector>

namespace moert::cli {

/// -log softmax(logits)[target], in float64; NaN if any logit is.
double negativeLogLikelihood(const float *logits, int64_t count,
                             int32_t target);

/// How many nats softmax(logits) loses against softmax(reference), in float64.
double klDivergence(const float *reference, const float *logits, int64_t count);

/// Scores a text in windows that do not overlap. The first token of a window is
/// context only; a last, shorter window counts too. Several windows run in one
/// batch, so that short ones are as fast as long ones.
class WindowScorer {
public:
  WindowScorer(Forward forward, int64_t vocabulary, int64_t batchRows,
               int64_t window, std::string origin);
  /// KV states that a scorer of so many rows per batch needs.
  static int64_t sequencesFor(int64_t batchRows, int64_t window);

  /// A model to compare with, if any.
  Forward reference;
  /// Called with the number of tokens that were dealt with.
  std::function<void(int64_t)> onProgress;
  /// Stops early when the user interrupts.
  void run(const std::vector<int32_t> &ids);

  int64_t scored = 0, windows = 0;
  double totalNegativeLogLikelihood = 0;
  double totalKlDivergence = 0; ///< from the reference
  int64_t sameLikeliest = 0;    ///< tokens of which the reference thinks alike
  double meanNegativeLogLikelihood() const;
  double perplexity() const;

private:
  void gather(const std::vector<int32_t> &ids);
  void score();
  void compare();

  Forward forward;
  int64_t vocabulary, batchRows, window, sequences;
  std::string origin;
  RowBatch batch;
  std::vector<float> referenceLogits;
  std::vector<int32_t> targets; ///< of each row of the batch
  int64_t begin = 0;            ///< of the window that is being read
  int64_t position = 0;         ///< in that window
};

} // namespace moert::cli

#endif // MOERT_CLI_PERPLEXITY_H
