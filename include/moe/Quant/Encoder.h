//===- Encoder.h - one matrix becomes the bytes of its code -----*- C++ -*-===//
#ifndef MOE_QUANT_ENCODER_H
#define MOE_QUANT_ENCODER_H

#include "moe/Quant/QuantScheme.h"
#include "llvm/Support/Error.h"

namespace moe {

/// Rows of input that a matrix was seen to multiply, row-major, not rotated.
struct InputRows {
  int64_t rows = 0, columns = 0;
  std::vector<float> values;
};

struct MatrixInput {
  llvm::ArrayRef<float> values; ///< [rows][columns], not rotated
  int64_t rows = 0, columns = 0;
  int64_t columnRotation = 0, rowRotation = 0; ///< blocks; 0: none
  /// Errors of earlier columns are made up for by later ones as these inputs
  /// weigh them (LDLQ, Chee et al. 2023); null: nearest codes.
  const InputRows *inputs = nullptr;
};

/// Sums of squares, in float64.
struct EncodeErrors {
  double error = 0, weights = 0;       ///< of w - decoded, of w
  double outputError = 0, outputs = 0; ///< of products with the inputs
  bool hasOutputs = false;
};

struct EncodeOptions {
  Effort effort = Effort::Normal;
  int64_t threads = 0; ///< 0: one for each processor
};

/// Fills `out`, code.getMatrixBytes(rows, columns) bytes. The result does not
/// depend on the number of threads or the processor. Fails on values that are
/// not finite, naming the element.
llvm::Expected<EncodeErrors>
encodeMatrix(const QuantScheme &scheme, CodeAttr code, const MatrixInput &input,
             const EncodeOptions &options, llvm::MutableArrayRef<char> out);

} // namespace moe

#endif // MOE_QUANT_ENCODER_H
