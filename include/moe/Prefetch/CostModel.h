//===- CostModel.h - whether, how far ahead and how much to guess -*- C++ -*-===//
//
// All of it is on paper: a trace is replayed, one row after the other as if each
// were a decoded token, with times that follow from bytes and a device profile.
//===----------------------------------------------------------------------===//
#ifndef MOE_PREFETCH_COSTMODEL_H
#define MOE_PREFETCH_COSTMODEL_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Prefetch/CacheSimulation.h"
#include "moe/Prefetch/DeviceProfile.h"
#include <optional>

namespace moe {

/// What one layer should do. Prefetch pays only if w r M / B < min(C, r M / B):
/// link bandwidth B, bytes of wanted misses M, compute C that no read overlaps
/// yet, share r of misses that were guessed and fetched, wasted bytes w per
/// useful one.
struct LayerDecision {
  int64_t layer = 0;      ///< decoder layer
  bool guess = false;
  int64_t ahead = 1, count = 0;
  double threshold = 0;
  double recall = 0;          ///< r at that count and threshold
  double wastePerUseful = 0;  ///< w
  double missBytes = 0;       ///< M, per token
  double computeSeconds = 0;  ///< C, per token
  double stallBefore = 0, stallAfter = 0; ///< seconds per token, simulated
  std::string reason;         ///< one clause: why, with the numbers
};

struct ScheduleEstimate {
  std::vector<LayerDecision> layers;
  int64_t capacity = 0;        ///< entries
  uint64_t expertBytes = 0;    ///< of one entry
  uint64_t budget = 0;         ///< bytes
  uint64_t tokenBytes = 0;     ///< experts of one token, all layers: its cycle
  std::vector<int64_t> partition; ///< empty: all share
  double hitRate = 0, beladyHitRate = 0, sharedLruHitRate = 0;
  double tokenSeconds = 0;      ///< expected, of one decoded token
  double stallSeconds = 0;      ///< of it, waiting
  double worstTokenSeconds = 0; ///< every expert missed, nothing guessed
  double linkIdle = 0;          ///< share of time, on demand
  std::string predictor, policy, profile;

  std::string model, link;      ///< names; kind of link
  int64_t totalExperts = 0;     ///< of all layers
  int64_t rows = 0;             ///< that were judged
  /// Of the best partition, and of the policy when all share; the first is
  /// nothing where the entries are too few for shares.
  std::optional<double> partitionedHitRate;
  double sharedHitRate = 0;
  /// Of each policy when all share.
  std::vector<std::pair<std::string, double>> policyHitRates;
  double computeSeconds = 0;    ///< of a token, without waiting
  /// The same without any guess.
  double onDemandTokenSeconds = 0, onDemandStallSeconds = 0;
  double missesPerToken = 0;    ///< on demand
  /// One clause: whether the budget holds one token's cycle, and what hits.
  std::string feasibility;
};

/// Shares of a cache that the first half of a trace suggests, if they miss less
/// in the second half than one cache for all layers does; else none.
llvm::Expected<std::vector<int64_t>>
judgePartition(const RoutingTrace &trace, llvm::StringRef policy,
               int64_t capacity);

/// What the user has fixed; the rest is chosen.
struct FixedLimits {
  std::optional<int64_t> ahead, count;
  std::optional<double> threshold;
};

/// Rows [0, n) of a trace are there to learn from, those behind to judge.
int64_t getFittedRows(const RoutingTrace &trace);

/// Fits a predictor to those rows, as an estimate expects it; a bound to all.
llvm::Error fitForEstimate(Predictor &predictor, const RoutingTrace &trace);

/// Decides by simulating the trace. `predictor` may be null: nobody guesses.
/// Fails if the budget is below the experts that one row of a layer chooses, or
/// if the trace is of another model. Deterministic.
llvm::Expected<ScheduleEstimate>
estimateSchedule(const ParameterPlan &plan, ModelOp model,
                 const RoutingTrace &trace, const DeviceProfile &profile,
                 const Predictor *predictor, llvm::StringRef policy,
                 uint64_t budget, const FixedLimits &fixed = {});

/// The estimate as a table for people.
void printSchedule(const ScheduleEstimate &estimate, llvm::raw_ostream &os);

/// The estimate as JSON, into a file that appears when it is complete.
llvm::Error writeScheduleReport(const ScheduleEstimate &estimate,
                                llvm::StringRef path);

} // namespace moe

#endif // MOE_PREFETCH_COSTMODEL_H
