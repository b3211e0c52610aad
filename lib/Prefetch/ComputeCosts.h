//===- ComputeCosts.h - how long a token computes at best -------*- C++ -*-===//
#ifndef MOE_LIB_PREFETCH_COMPUTECOSTS_H
#define MOE_LIB_PREFETCH_COMPUTECOSTS_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Prefetch/DeviceProfile.h"

namespace moe {

/// What computing one token takes when all weights are in memory.
struct ComputeCosts {
  std::vector<int> layers; ///< decoder layers with experts, ascending
  /// From the experts of the layer before to the end of this layer's.
  std::vector<double> layerSeconds;
  double tailSeconds = 0; ///< behind the last layer with experts
  int64_t experts = 0;    ///< of the largest layer
  int64_t chosen = 0;     ///< of the layer that chooses most
  int64_t totalExperts = 0;
  uint64_t entryBytes = 0; ///< of a cache entry, which holds any expert

  double getSeconds() const;
};

/// Each operation takes as long as its weights take from memory, or its
/// multiply-adds, whichever is longer. Attention reads no weights and counts as
/// nothing.
ComputeCosts getComputeCosts(const ParameterPlan &plan, ModelOp model,
                             const DeviceProfile &profile);

} // namespace moe

#endif // MOE_LIB_PREFETCH_COMPUTECOSTS_H
