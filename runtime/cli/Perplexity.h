//===- Perplexity.h - how well a model predicts a text ----------*- C++ -*-===//
#ifndef MOERT_CLI_PERPLEXITY_H
#define MOERT_CLI_PERPLEXITY_H

#include "Comparison.h"
#include "Runner.h"

#include <functional>
#include <string>
#include <vector>

namespace moert::cli {

/// Scores a text in windows that do not overlap. The first token of a window is
/// context only; a last, shorter window counts too. Several windows run in one
/// batch, so that short ones are as fast as long ones.
class WindowScorer {
public:
  /// Of a model with so many exits.
  WindowScorer(Forward forward, int64_t vocabulary, int64_t batchRows,
               int64_t window, std::string origin, int32_t exits = 0);
  /// KV states that a scorer of so many rows per batch needs.
  static int64_t sequencesFor(int64_t batchRows, int64_t window);

  /// Gives the logits [rows][vocabulary] of a model to compare with for the
  /// rows of a batch; called in the order of the text. None: no comparison.
  std::function<void(const RowBatch &, std::vector<float> &)> reference;
  std::string referenceOrigin; ///< for messages
  /// Looks at each batch that ran.
  std::function<void(const RowBatch &)> onBatch;
  /// Takes the logits of the next `rows` scored positions.
  std::function<void(const float *logits, int64_t rows)> onLogits;
  /// Called with the number of tokens that were dealt with.
  std::function<void(int64_t)> onProgress;
  /// Stops early when the user interrupts.
  void run(const std::vector<int32_t> &ids);

  int64_t scored = 0, windows = 0;
  double totalNegativeLogLikelihood = 0;
  Comparison comparison; ///< with the reference
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
