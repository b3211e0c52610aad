//===- CacheSim.h - what moe-cache-sim was asked, and says ------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_CACHESIM_H
#define MOE_LIB_DRIVER_CACHESIM_H

#include "moe/Prefetch/CacheSimulation.h"
#include "moe/Prefetch/DeviceProfile.h"
#include "moe/Prefetch/RecallTable.h"
#include <optional>

namespace moe {

/// Entries of a cache, or a share of all experts.
struct CacheBudget {
  std::string text; ///< as it was given
  int64_t entries = 0;
  double percent = 0; ///< if there are no entries
};

struct CacheSimCommand {
  std::vector<std::string> traces;
  std::vector<std::string> policies;   ///< of this build's
  std::vector<std::string> predictors; ///< of this build's
  bool areAllPredictors = false;       ///< those that cannot guess are left out
  std::vector<CacheBudget> budgets;
  std::optional<DeviceProfile> profile; ///< without one there are no times
  uint64_t expertBytes = 0;             ///< 0: not given
  double layerSeconds = 0;              ///< 0: from profile and bytes
  int64_t ahead = 1, count = 0;         ///< 0: as many as a row chooses
  double threshold = 0;
  bool partition = false, recall = false, calibration = false, json = false;
};

/// One trace through one cache.
struct SimulatedRun {
  std::string policy, predictor, budget;
  int64_t entries = 0;
  std::vector<int64_t> partition; ///< empty: all layers share
  CacheSimulationResult result;
  double beladyHitRate = 0; ///< of a cache that all layers share, on demand
};

struct CalibrationCurve {
  std::string predictor;
  std::vector<CalibrationBin> bins;
};

/// All that one trace says.
struct SimulatedTrace {
  std::string path, model;
  int64_t layers = 0, experts = 0, chosen = 0, rows = 0;
  int64_t begin = 0, forwards = 0; ///< rows [begin, rows) in so many forwards
  int64_t cycle = 0;               ///< experts of one token
  double readSeconds = 0;          ///< of one expert
  std::vector<SimulatedRun> runs;
  std::vector<std::string> notes; ///< what is not there, and why
  std::vector<CalibrationCurve> calibrations;
  std::optional<RecallTable> recall;
};

/// Fills `command`; --help and --version print and exit.
llvm::Error parseCacheSimCommandLine(int argc, char **argv,
                                     CacheSimCommand &command);

/// Errors begin with the file they are about.
llvm::Expected<SimulatedTrace> simulateTrace(const CacheSimCommand &command,
                                             const std::string &path);

/// As a table for people, or as one JSON object.
void printSimulations(const CacheSimCommand &command,
                      llvm::ArrayRef<SimulatedTrace> traces,
                      llvm::raw_ostream &os);
void writeSimulations(const CacheSimCommand &command,
                      llvm::ArrayRef<SimulatedTrace> traces,
                      llvm::raw_ostream &os);

} // namespace moe

#endif // MOE_LIB_DRIVER_CACHESIM_H
