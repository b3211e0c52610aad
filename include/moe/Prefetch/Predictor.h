//===- Predictor.h - who guesses the experts of a later layer ---*- C++ -*-===//
//
// A predictor is a folder in lib/Prefetch/Predictors. It writes IR that
// computes one score per expert of a later layer from what is known in an
// earlier one. The same IR runs compiled, in the reference evaluator, and over
// a recorded trace when a schedule is judged: there is one definition of each
// predictor.
//===----------------------------------------------------------------------===//
#ifndef MOE_PREFETCH_PREDICTOR_H
#define MOE_PREFETCH_PREDICTOR_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moe/Prefetch/RoutingTrace.h"

namespace moe {

/// A layer that has experts, as far as it is known where a guess is made.
struct RoutedLayer {
  int64_t layer = 0;   ///< decoder layer
  int64_t experts = 0; ///< of the layer
  int64_t chosen = 0;  ///< per row
  mlir::Value logits;  ///< tensor<?xExf32>; null: not known there
  /// Rows that the router multiplies, f32; null over a trace.
  mlir::Value input;
  /// The router: a linear map without a bias or with one; null over a trace.
  LinearOp router;
  /// Rows behind the layer (the residual stream); null unless asked for there.
  mlir::Value output;
};

/// Where a guess is made: scores of layers[to] from layers[0 .. from].
struct PredictionSite {
  ModelOp model;                      ///< for weights of the predictor's own
  llvm::ArrayRef<RoutedLayer> layers; ///< all that have experts, ascending
  int64_t from = 0, to = 0;           ///< from < to
  mlir::Value positions;              ///< tensor<?xi32>: of each row
};

class Predictor {
public:
  virtual ~Predictor() = default;
  virtual llvm::StringRef getName() const = 0;
  /// One line for --help.
  virtual llvm::StringRef getSummary() const = 0;
  /// Whether `fit` must come before `buildScores`.
  virtual bool needsTrace() const { return false; }
  /// Whether scores need more than logits, which a trace has: then a trace
  /// tells what it would have guessed only if the recorded module guessed with
  /// it.
  virtual bool needsRows() const { return false; }
  /// Whether the site should have RoutedLayer::output of layer `from`, which is
  /// known later than its logits: behind its experts.
  virtual bool needsOutput() const { return false; }
  /// Whether it is no predictor but the bound of all: then it is fitted on all
  /// rows that it meets, also where others must guess what they have not seen.
  virtual bool isBound() const { return false; }
  /// Learns what to guess from the teaching rows of a trace, so that the others
  /// can tell how sure its guesses are. Deterministic.
  virtual llvm::Error fit(const RoutingTrace &trace);
  /// Scores tensor<?xExf32>, greater ones likelier, the layer's logits where
  /// scores are of that kind; null when there is nothing to guess from there.
  virtual mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                                  const PredictionSite &site) const = 0;
};

/// Slope and bias of `sched.predict`.
struct ScoreCalibration {
  double slope = 1, bias = 0;
};

/// What a predictor would have guessed over a trace for one layer.
struct TraceGuesses {
  int64_t layer = 0;             ///< index among layers with experts
  std::vector<int32_t> experts;  ///< [rows][count], likeliest first
  std::vector<float> confidence; ///< [rows][count]
  ScoreCalibration calibration;  ///< fitted on the first part of the trace
  int64_t count = 0;

  /// Leaves those for the rows behind the first `rows`.
  void dropRows(int64_t rows);
};

/// Guesses per row where nobody says how many, and the most that an estimate
/// proposes: twice what a layer chooses, at most half of its experts, and no
/// fewer than it chooses.
int64_t getUsualCount(int64_t experts, int64_t chosen);

/// Share of guesses that came true among those with a confidence in [low,
/// high).
struct CalibrationBin {
  double low = 0, high = 0, confidence = 0, share = 0;
  int64_t guesses = 0;
};

/// Whether a row of a trace that a predictor is fitted on teaches it what to
/// guess. From the others, every fourth block of 16, is learned how sure it may
/// be: of what it knows by heart it would be too sure.
inline bool isTeachingRow(int64_t row) { return row / 16 % 4 != 3; }
RoutingTrace getTeachingRows(const RoutingTrace &trace);

/// Runs a predictor over a trace, `ahead` layers before use, by evaluating its
/// IR; layers without a guess have no entry. Predictors that need rows take
/// what the trace recorded; their calibration is relative to that of the module
/// which was recorded. Logistic calibration is fitted on the first `fitted`
/// rows; where a predictor was fitted on them, on those that did not teach it.
llvm::Expected<std::vector<TraceGuesses>>
guessOverTrace(const Predictor &predictor, const RoutingTrace &trace,
               int64_t ahead, int64_t count, int64_t fitted);

/// Fails if the predictor needs rows, and the trace has no guesses of it.
llvm::Error checkGuessesOverTrace(const Predictor &predictor,
                                  const RoutingTrace &trace);

/// Of what layer `guesses.layer` chose in rows [begin, end), the share that is
/// among the first `count` guesses.
double getRecall(const TraceGuesses &guesses, const RoutingTrace &trace,
                 int64_t count, int64_t begin, int64_t end);

/// Ten bins over [0, 1].
std::vector<CalibrationBin> getCalibrationCurve(const TraceGuesses &guesses,
                                                const RoutingTrace &trace,
                                                int64_t begin, int64_t end);

/// Mean distance of confidence and share, weighted by guesses: the expected
/// calibration error.
double getCalibrationError(llvm::ArrayRef<CalibrationBin> curve);

} // namespace moe

#endif // MOE_PREFETCH_PREDICTOR_H
