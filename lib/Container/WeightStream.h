//===- WeightStream.h - weights from files, in blocks -----------*- C++ -*-===//
#ifndef MOE_LIB_CONTAINER_WEIGHTSTREAM_H
#define MOE_LIB_CONTAINER_WEIGHTSTREAM_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Model/WeightData.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace moe {

/// Bytes of one parameter, in order.
struct WeightBlock {
  size_t parameter = 0; ///< index in the plan
  WeightSlice source;   ///< the bytes' place in their weight
  std::vector<char> bytes;
};

/// Hands every block of every parameter, in order, to `consume`. Meanwhile a
/// second thread reads and checks the next ones; a few MiB are in memory,
/// whatever the size of the model. Fails when bytes cannot be read, when an
/// element is not finite, or when `consume` fails.
llvm::Error
streamWeights(const ParameterPlan &plan, WeightData &data,
              llvm::function_ref<llvm::Error(const WeightBlock &)> consume);

} // namespace moe

#endif // MOE_LIB_CONTAINER_WEIGHTSTREAM_H
