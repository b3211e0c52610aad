//===- QuantTesting.h - matrices to encode, and what came of them -*- C++ -*-=//
#ifndef MOE_TEST_UNIT_QUANT_QUANTTESTING_H
#define MOE_TEST_UNIT_QUANT_QUANTTESTING_H

#include "mlir/IR/MLIRContext.h"
#include "moe/Driver/Registry.h"
#include "moe/Quant/Encoder.h"
#include "moe/Quant/StoredMatrix.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace moe {

struct Matrix {
  int64_t rows, columns;
  std::vector<float> values;

  float &at(int64_t row, int64_t column) {
    return values[row * columns + column];
  }
  llvm::ArrayRef<float> getRow(int64_t row) const {
    return llvm::ArrayRef<float>(values).slice(row * columns, columns);
  }
};

inline Matrix makeNormal(int64_t rows, int64_t columns, float sigma,
                         unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, sigma);
  Matrix matrix = {rows, columns, std::vector<float>(rows * columns)};
  for (float &value : matrix.values)
    value = normal(engine);
  return matrix;
}

struct Encoded {
  std::vector<char> bytes;
  EncodeErrors errors;
  std::string failure;
};

/// A context with the dialect, and the schemes of this build.
class QuantTest : public testing::Test {
protected:
  QuantTest() { context.loadDialect<MoeDialect>(); }

  std::unique_ptr<QuantScheme> createScheme(llvm::StringRef name) {
    return getRegistry().schemes.at(name.str())();
  }

  Encoded encode(const QuantScheme &scheme, const Matrix &matrix,
                 const InputRows *inputs = nullptr,
                 Effort effort = Effort::Normal, int64_t threads = 1) {
    CodeAttr code = scheme.getCode(&context);
    MatrixInput input;
    input.values = matrix.values;
    input.rows = matrix.rows;
    input.columns = matrix.columns;
    input.columnRotation = code.getRotation(matrix.columns);
    input.inputs = inputs;
    Encoded result;
    result.bytes.resize(code.getMatrixBytes(matrix.rows, matrix.columns));
    EncodeOptions options;
    options.effort = effort;
    options.threads = threads;
    llvm::Expected<EncodeErrors> errors =
        encodeMatrix(scheme, code, input, options, result.bytes);
    if (errors)
      result.errors = *errors;
    else
      result.failure = llvm::toString(errors.takeError());
    return result;
  }

  /// In the stored basis.
  Matrix decode(CodeAttr code, const Encoded &encoded, int64_t rows,
                int64_t columns) {
    StoredMatrix stored(code, rows, columns, encoded.bytes);
    Matrix result = {rows, columns, std::vector<float>(rows * columns)};
    for (int64_t row = 0; row < rows; ++row)
      stored.decodeRow(
          row, llvm::MutableArrayRef<float>(&result.at(row, 0), columns));
    return result;
  }

  mlir::MLIRContext context;
};

} // namespace moe

#endif // MOE_TEST_UNIT_QUANT_QUANTTESTING_H
