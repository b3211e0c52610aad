//===- RecallTable.h - predictors side by side, at equal bytes --*- C++ -*-===//
#ifndef MOE_PREFETCH_RECALLTABLE_H
#define MOE_PREFETCH_RECALLTABLE_H

#include "moe/Prefetch/Predictor.h"

namespace moe {

struct RecallOptions {
  int64_t ahead = 1; ///< layers between guess and use
  /// Guesses per row and layer, each a column: all experts of a model have the
  /// same size, so equal numbers are equal bytes. Empty: as many as a row
  /// chooses, one more, and twice as many.
  std::vector<int64_t> counts;
  int64_t fitted = 0; ///< rows to learn from, the rest judge; 0: half of them
};

/// One predictor on the rows that judge.
struct PredictorRecall {
  std::string name;
  /// Of what the layers from `ahead` on chose, the share that was guessed, by
  /// number of guesses. Layers that the predictor does not guess count.
  std::vector<double> recall;
  std::vector<std::vector<double>> layerRecall; ///< [layer - ahead][count]
  double calibrationError = 0; ///< expected, mean of the guessed layers
  int64_t guessedLayers = 0;
  std::string missing; ///< why there are no figures; empty: there are
};

struct RecallTable {
  int64_t ahead = 0, begin = 0, end = 0; ///< rows [begin, end) judge
  std::vector<int64_t> counts;
  std::vector<PredictorRecall> predictors; ///< by name
};

/// Every predictor of this build on a trace. Bounds learn from all of it.
llvm::Expected<RecallTable> getRecallTable(const RoutingTrace &trace,
                                           const RecallOptions &options);

/// For people.
void printRecallTable(const RecallTable &table, llvm::raw_ostream &os);

} // namespace moe

#endif // MOE_PREFETCH_RECALLTABLE_H
