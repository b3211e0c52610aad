//===- GuessDecision.h - which layers to guess, by simulation ---*- C++ -*-===//
#ifndef MOE_LIB_PREFETCH_GUESSDECISION_H
#define MOE_LIB_PREFETCH_GUESSDECISION_H

#include "moe/Prefetch/CostModel.h"

namespace moe {

/// Guesses for the rows of the trace that is judged, so many layers ahead; at
/// least `count` for each row, or what there is.
using GuessFunction =
    llvm::function_ref<llvm::Expected<std::vector<TraceGuesses>>(
        int64_t ahead, int64_t count)>;

/// What is decided, and what it rests on.
struct GuessInput {
  const RoutingTrace &trace;           ///< rows to judge
  const CacheSimulationOptions &cache; ///< without guesses
  const CacheSimulationResult &demand; ///< what that simulates to
  double tokenSeconds = 0;             ///< of a row, on demand
  uint64_t entryBytes = 0;
  FixedLimits fixed;
};

struct GuessDecision {
  std::vector<LayerDecision> layers; ///< of all layers with experts
  CacheSimulationResult result;      ///< simulated with these guesses
};

/// Sweeps distance, count and threshold; gives each layer what pays most by the
/// rule; takes back, layer by layer, what the simulation of all does not
/// confirm.
llvm::Expected<GuessDecision> decideGuesses(const GuessInput &input,
                                            GuessFunction guess);

/// The decision where nobody guesses.
GuessDecision declineGuesses(const GuessInput &input, llvm::StringRef reason);

/// "3.21 ms", "48 us", and "1.5 MiB".
std::string formatSeconds(double seconds);
std::string formatBytes(double bytes);

} // namespace moe

#endif // MOE_LIB_PREFETCH_GUESSDECISION_H
