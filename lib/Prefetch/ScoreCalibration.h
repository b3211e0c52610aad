//===- ScoreCalibration.h - from distances of scores to shares --*- C++ -*-===//
#ifndef MOE_LIB_PREFETCH_SCORECALIBRATION_H
#define MOE_LIB_PREFETCH_SCORECALIBRATION_H

#include "moe/Prefetch/Predictor.h"
#include "moe/Reference/Evaluator.h"

namespace moe {

/// A guess: how far its score lies above the edge of the choice, and whether it
/// came true.
struct JudgedGuess {
  double distance;
  bool isTrue;
};

/// Slope and bias for which sigmoid(slope * distance + bias) is the likeliest
/// share of guesses that come true. The slope is positive, and finite where a
/// distance tells truth from error without fail.
ScoreCalibration fitCalibration(llvm::ArrayRef<JudgedGuess> guesses);

/// Calibrates the best guesses of each of the rows: `count`, and at least twice
/// as many as the layer chooses.
ScoreCalibration calibrateScores(const reference::Matrix &scores,
                                 const RoutingTrace &trace, int64_t layer,
                                 int64_t count, llvm::ArrayRef<int64_t> rows);

/// Fits guesses that have a confidence already, and replaces it. The result is
/// relative: slope and bias of the logits of the confidence that was recorded.
void calibrateRecorded(TraceGuesses &guesses, const RoutingTrace &trace,
                       int64_t fitted);

} // namespace moe

#endif // MOE_LIB_PREFETCH_SCORECALIBRATION_H
