//===- InputMoments.h - second moments of a matrix's inputs -----*- C++ -*-===//
#ifndef MOE_LIB_QUANT_INPUTMOMENTS_H
#define MOE_LIB_QUANT_INPUTMOMENTS_H

#include "moe/Quant/Encoder.h"

namespace moe {

/// S = X^T X / n of the n rows X of inputs, in the stored basis, and by how
/// much each later column makes up for the error of an earlier one.
///
/// With (U + I) D (U + I)^T = S, U strictly upper triangular, a row e of errors
/// adds e S e^T = sum_k D_k (e_k + sum_{j<k} e_j U_jk)^2 to the outputs' error.
/// So column k aims at w_k + sum_{j<k} e_j U_jk, which leaves only its own
/// rounding (LDLQ: Chee et al., QuIP, 2023).
///
/// Few rows know little about many columns: S is drawn towards a multiple of
/// the identity before it is factorised, by the part that Ledoit and Wolf
/// (2004) show to be the best for the expected squared error, but by 1 % at
/// least.
class InputMoments {
public:
  /// Fails on inputs that are not finite, naming the element.
  static llvm::Expected<InputMoments> create(const InputRows &inputs,
                                             int64_t rotation, int64_t threads);

  /// Mean square of each column, drawn to the mean of all; empty if all are 0.
  llvm::ArrayRef<float> getImportance() const { return importance; }
  /// Sum of squares of the products of `count` rows with all inputs.
  double getOutputs(llvm::ArrayRef<float> rows, int64_t count) const;
  /// False if there is nothing to feed back, or no factor was found.
  bool hasFeedback() const { return feedback; }
  /// U_jk, at k, for columns k > j.
  const float *getFeedback(int64_t j) const { return &square[j * size]; }
  /// Columns, filled up to whole steps.
  int64_t getSize() const { return size; }

private:
  void addMoments(llvm::ArrayRef<float> rows, int64_t threads);
  double getShrinkage(llvm::ArrayRef<float> rows) const;
  void addFeedback(double shrinkage, int64_t threads);

  int64_t columns = 0, size = 0, inputRows = 0;
  double mean = 0; ///< of the diagonal
  bool feedback = false;
  /// Below the diagonal S, above it U: matrices of large models are too large
  /// to have two.
  std::vector<float> square;
  std::vector<float> diagonal, importance;
};

} // namespace moe

#endif // MOE_LIB_QUANT_INPUTMOMENTS_H
