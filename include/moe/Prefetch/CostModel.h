//===- CostModel.h - whether, how far ahead and how much to guess -*- C++ -*-===//
#ifndef MOE_PREFETCH_COSTMODEL_H
#define MOE_PREFETCH_COSTMODEL_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Prefetch/CacheSimulation.h"
#include "moe/Prefetch/DeviceProfile.h"

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
};

/// Decides by simulating the trace. `predictor` may be null: nobody guesses.
llvm::Expected<ScheduleEstimate>
estimateSchedule(const ParameterPlan &plan, ModelOp model,
                 const RoutingTrace &trace, const DeviceProfile &profile,
                 const Predictor *predictor, llvm::StringRef policy,
                 uint64_t budget);

/// The estimate as a table for people.
void printSchedule(const ScheduleEstimate &estimate, llvm::raw_ostream &os);

} // namespace moe

#endif // MOE_PREFETCH_COSTMODEL_H
