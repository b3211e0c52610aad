//===- InputMoments.h - second moments of a matrix's inputs -----*- C++ -*-===//
#ifndef MOE_LIB_QUANT_INPUTMOMENTS_H
#define MOE_LIB_QUANT_INPUTMOMENTS_H

#include "moe/Quant/Encoder.h"
#include <optional>

namespace moe {

/// H = X^T X / n of the rows X of inputs, in the stored basis, and how errors
/// of earlier columns are made up for by later ones.
class InputMoments {
public:
  /// Nothing if the inputs are all zeros or not finite.
  static std::optional<InputMoments> create(const InputRows &inputs,
                                            int64_t rotation, int64_t threads);

  /// Mean square of each column.
  llvm::ArrayRef<float> getDiagonal() const { return diagonal; }
  /// Sum of squares of the products of `rows` rows of weights with all inputs.
  double getOutputs(llvm::ArrayRef<float> rows, int64_t count) const;
  /// Row j of the matrix U of (U + I) D (U + I)^T = H, damped: column k > j takes
  /// up U[j][k] of the error of column j. Whether there is one.
  bool hasFeedback() const { return !feedback.empty(); }
  const float *getFeedback(int64_t row) const {
    return feedback.data() + row * columns;
  }

private:
  int64_t columns = 0;
  double inputRows = 0;
  std::vector<float> moments, feedback, diagonal;
};

} // namespace moe

#endif // MOE_LIB_QUANT_INPUTMOMENTS_H
