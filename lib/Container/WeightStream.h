//===- WeightStream.h - weights from files, in blocks -----------*- C++ -*-===//
#ifndef MOE_LIB_CONTAINER_WEIGHTSTREAM_H
#define MOE_LIB_CONTAINER_WEIGHTSTREAM_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Model/WeightData.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace moe {

class CodedWeights;

/// The file that holds a byte of a weight's elements; without one, the model.
std::string getSourceFile(WeightOp weight, uint64_t offset);

/// Fails if an element among these bytes, which start at `offset` of the
/// weight's elements, is not finite.
llvm::Error verifyFinite(WeightOp weight, uint64_t offset,
                         llvm::ArrayRef<char> bytes);

/// Bytes of one parameter, in order.
struct WeightBlock {
  size_t parameter = 0; ///< index in the plan
  WeightSlice source;   ///< the bytes' place in their weight
  std::vector<char> bytes;
};

/// Hands every block of every parameter, in order, to `consume`; those of
/// stored weights come from `coded`. Meanwhile a second thread reads and checks
/// the next ones; a few MiB are in memory, whatever the size of the model.
/// Fails when bytes cannot be read, when an element is not finite, or when
/// `consume` fails.
llvm::Error
streamWeights(const ParameterPlan &plan, WeightData &data,
              const CodedWeights *coded,
              llvm::function_ref<llvm::Error(const WeightBlock &)> consume);

} // namespace moe

#endif // MOE_LIB_CONTAINER_WEIGHTSTREAM_H
