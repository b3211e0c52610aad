//===- StoredBits.h - how many bits weights take ----------------*- C++ -*-===//
#ifndef MOE_CONTAINER_STOREDBITS_H
#define MOE_CONTAINER_STOREDBITS_H

#include "moe/Analysis/ParameterPlan.h"

namespace moe {

/// Counts all that is stored for weights: codes, scales, zeros and filling.
struct StoredBits {
  uint64_t weights = 0;      ///< of the model; one that is stored twice is one
  uint64_t bits = 0;         ///< stored for them
  uint64_t codedWeights = 0; ///< stored as codes
  uint64_t codeBits = 0;     ///< stored for those

  explicit StoredBits(const ParameterPlan &plan);

  double getBitsPerWeight() const { return divide(bits, weights); }
  double getBitsPerCodedWeight() const {
    return divide(codeBits, codedWeights);
  }

private:
  static double divide(uint64_t bits, uint64_t weights) {
    return weights ? double(bits) / double(weights) : 0;
  }
};

} // namespace moe

#endif // MOE_CONTAINER_STOREDBITS_H
