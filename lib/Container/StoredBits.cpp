//===- StoredBits.cpp - weights that are stored twice count once ----------===//
#include "moe/Container/StoredBits.h"

using namespace mlir;
using namespace moe;

/// Elements that a slice holds.
static uint64_t countWeights(WeightSlice slice) {
  uint64_t all = slice.weight.getTensorType().getNumElements();
  uint64_t matrices = slice.weight.getMatrices();
  // A slice is whole matrices: how many comes first, for the product of weights
  // and bytes is beyond 64 bits where both are some billions.
  return slice.size / (slice.weight.getStoredSize() / matrices) *
         (all / matrices);
}

StoredBits::StoredBits(const ParameterPlan &plan) {
  // Weights with the same bytes of the same file are one, such as an embedding
  // that is the head, too.
  llvm::DenseMap<Attribute, Operation *> bySource;
  for (const Parameter &parameter : plan.getParameters())
    for (WeightSlice slice : parameter.data) {
      uint64_t count = countWeights(slice);
      bits += slice.size * 8;
      if (slice.weight.getCode()) {
        codedWeights += count;
        codeBits += slice.size * 8;
      }
      ArrayAttr sources = slice.weight.getSources();
      bool isCopy = isa<ExtentAttr>(sources[0]) &&
                    bySource.try_emplace(sources, slice.weight).first->second !=
                        slice.weight;
      // What only exits read is made of other weights.
      if (!isCopy && !parameter.isOfExits)
        weights += count;
    }
}
