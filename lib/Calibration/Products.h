//===- Products.h - many rows meet a matrix of weights ----------*- C++ -*-===//
#ifndef MOE_LIB_CALIBRATION_PRODUCTS_H
#define MOE_LIB_CALIBRATION_PRODUCTS_H

#include "Rows.h"
#include "moe/Model/WeightData.h"

namespace moe {

/// An error to add to one weight: every element becomes w + or - sqrt(error) *
/// root mean square of its row, signs at random. What rounding does to rotated
/// weights, in size; behind a sum of many only the size is seen.
struct Perturbation {
  std::string symbol;
  double error = 0; ///< relative to the squares of the weights
};

/// Reads weights as f32, some rows at a time.
class WeightReader {
public:
  explicit WeightReader(WeightData &data) : data(&data) {}

  /// Rows [first, first + count) of all matrices, one after the other.
  llvm::Error read(WeightOp weight, int64_t first, int64_t count,
                   std::vector<float> &out);

  Perturbation perturbation;

private:
  WeightData *data;
};

/// out[r, n] = sum_k in[r, k] * weight[n, k] of one matrix: k ascends, and each
/// product and each sum is rounded to f32, so that the result is the same on
/// every processor. Weights are read a few MiB at a time.
llvm::Expected<Rows> multiply(const Rows &in, WeightOp weight, int64_t matrix,
                              WeightReader &reader, Workers &workers);

/// The same, a block of n at a time, for results that are too many to keep:
/// calls `use` with the first n of each block, and out[r, first ...].
llvm::Error
multiplyInBlocks(const Rows &in, WeightOp weight, int64_t matrix,
                 WeightReader &reader, Workers &workers,
                 llvm::function_ref<void(int64_t, const Rows &)> use);

} // namespace moe

#endif // MOE_LIB_CALIBRATION_PRODUCTS_H
