//===- CacheSimulation.h - a trace through a cache, on paper ----*- C++ -*-===//
//
// Simulated numbers. They share the cache policies with the runtime, and the order
// in which its expert store tells them what happens; no table puts them into one
// column with measured ones.
//
// Time: the router of a layer says what is wanted. One link reads what is missing,
// one expert after the other, each in readSeconds; what a guess has begun to read
// is finished. When all have arrived the layer computes, for layerSeconds, which
// is the time from its router to the next one. Guesses are made where a router
// has chosen; they are read while layers compute, the surest first, stop when
// something is wanted, and end when their layer comes. So stalls are an upper
// bound: a real store computes with experts that are there while others come. On
// demand, a forward takes Tc + p Tl, with Tc for computing, Tl for reading all that
// it wants, and a share p of it missing: against an empty cache it gains
// (Tc + Tl) / (Tc + p Tl), and never more than (Tc + Tl) / Tc.
//===----------------------------------------------------------------------===//
#ifndef MOE_PREFETCH_CACHESIMULATION_H
#define MOE_PREFETCH_CACHESIMULATION_H

#include "moe/Prefetch/Predictor.h"

namespace moe {

/// How far ahead, how many and how sure guesses of one layer are.
struct GuessLimits {
  int64_t ahead = 1;    ///< layers between guess and use
  int64_t count = 0;    ///< guesses per row, at most
  double threshold = 0; ///< those below are not fetched
};

struct CacheSimulationOptions {
  std::string policy = "lru";
  int64_t capacity = 0;            ///< entries
  std::vector<int64_t> partition;  ///< of each layer; empty: all share
  /// What is guessed for each layer with experts, likeliest first; entries may be
  /// missing. Guesses below the threshold are not fetched.
  const std::vector<TraceGuesses> *guesses = nullptr;
  int64_t ahead = 1;               ///< layers between guess and use
  int64_t count = 0;               ///< guesses per row, at most
  double threshold = 0;
  /// Of each entry of `guesses`, instead of the three above; empty: those.
  std::vector<GuessLimits> limits;
  /// Computing of each layer with experts, per forward. Empty: time is not
  /// simulated, and all guesses arrive in time.
  std::vector<double> layerSeconds;
  double readSeconds = 0;           ///< of one expert
};

struct CacheSimulationResult {
  int64_t uses = 0, hits = 0, misses = 0;
  /// A use hits if the expert has arrived before; each other one is a miss, also
  /// where a guess has begun to read it.
  int64_t guessesRead = 0, guessesUseful = 0;
  int64_t reads = 0; ///< of experts, wanted or guessed; some guesses end half read
  std::vector<int64_t> layerUses, layerMisses;
  /// Guesses that were read for each layer, and those that came true.
  std::vector<int64_t> layerGuessesRead, layerGuessesUseful;
  std::vector<double> layerStallSeconds; ///< each layer's share of stallSeconds
  double seconds = 0, stallSeconds = 0, linkSeconds = 0;
  double getHitRate() const { return uses ? double(hits) / uses : 0; }
};

/// Replays the trace, one forward after the other; rows of a forward want each
/// expert of a layer once.
llvm::Expected<CacheSimulationResult>
simulateCache(const RoutingTrace &trace, const CacheSimulationOptions &options);

/// LRU hits of each layer with 0, 1, ... experts entries of its own (stack
/// distances).
std::vector<std::vector<int64_t>> getHitCurves(const RoutingTrace &trace);

/// The partition of `capacity` entries that hits most by those curves; each layer
/// gets at least what a row chooses. Empty if there are too few entries.
std::vector<int64_t> choosePartition(const RoutingTrace &trace,
                                     int64_t capacity);

} // namespace moe

#endif // MOE_PREFETCH_CACHESIMULATION_H
