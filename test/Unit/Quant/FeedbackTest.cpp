//===- FeedbackTest.cpp - rounding that knows what the inputs are ---------===//
#include "InputMoments.h"
#include "Products.h"
#include "QuantTesting.h"
#include "moe/Quant/Rotation.h"

using namespace moe;

namespace {

/// Rows that are mixed from a few directions, some much larger, and noise: as
/// activations are.
InputRows makeCorrelated(int64_t rows, int64_t columns, unsigned seed) {
  const int64_t directions = 24;
  Matrix basis = makeNormal(directions, columns, 1, 99);
  Matrix parts = makeNormal(rows, directions, 1, seed);
  Matrix result = makeNormal(rows, columns, 0.3f, seed + 1);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < directions; ++i)
      for (int64_t k = 0; k < columns; ++k)
        result.at(row, k) += parts.at(row, i) / float(1 + i) * basis.at(i, k);
  return {rows, columns, result.values};
}

InputRows makeWhite(int64_t rows, int64_t columns, unsigned seed) {
  return {rows, columns, makeNormal(rows, columns, 1, seed).values};
}

class FeedbackTest : public QuantTest {
protected:
  /// |X (W - decoded)^T|^2 / |X W^T|^2, summed one by one.
  double getOutputError(const QuantScheme &scheme, const Matrix &matrix,
                        const InputRows &inputs, const Encoded &encoded) {
    CodeAttr code = scheme.getCode(&context);
    Matrix decoded = decode(code, encoded, matrix.rows, matrix.columns);
    double error = 0, outputs = 0;
    for (int64_t row = 0; row < matrix.rows; ++row) {
      llvm::MutableArrayRef<float> weights(&decoded.at(row, 0), matrix.columns);
      unrotateRow(weights, code.getRotation(matrix.columns));
      for (int64_t i = 0; i < inputs.rows; ++i) {
        double rest = 0, output = 0;
        for (int64_t k = 0; k < matrix.columns; ++k) {
          double x = inputs.values[i * matrix.columns + k];
          double w = matrix.values[row * matrix.columns + k];
          rest += x * (w - weights[k]);
          output += x * w;
        }
        error += rest * rest;
        outputs += output * output;
      }
    }
    return error / outputs;
  }
};

constexpr const char *schemes[] = {"q8",    "q4",      "q2",          "q5",
                                   "q4-32", "q35-4x3", "q35-radix11", "q35-vq"};

TEST_F(FeedbackTest, CorrelatedInputsGainMuch) {
  const int64_t rows = 16, columns = 200;
  InputRows inputs = makeCorrelated(600, columns, 5);
  Matrix matrix = makeNormal(rows, columns, 1);
  for (const char *name : schemes) {
    std::unique_ptr<QuantScheme> scheme = createScheme(name);
    Encoded nearest = encode(*scheme, matrix);
    Encoded fed = encode(*scheme, matrix, &inputs);
    ASSERT_EQ(fed.failure, "");
    double before = getOutputError(*scheme, matrix, inputs, nearest);
    double after = getOutputError(*scheme, matrix, inputs, fed);
    EXPECT_LT(after, before / 4) << name;
    // What the encoder reports is that.
    ASSERT_TRUE(fed.errors.hasOutputs);
    EXPECT_NEAR(fed.errors.outputError / fed.errors.outputs, after,
                0.01 * after)
        << name;
  }
}

TEST_F(FeedbackTest, OtherRowsOfTheSameTextGainToo) {
  const int64_t rows = 16, columns = 256;
  Matrix matrix = makeNormal(rows, columns, 1);
  InputRows others = makeCorrelated(500, columns, 77);
  // Fewer rows than columns, and more.
  for (auto [count, factor] :
       {std::pair(8, 0.95), std::pair(64, 0.6), std::pair(1000, 0.3)}) {
    InputRows inputs = makeCorrelated(count, columns, 5);
    for (const char *name : {"q4", "q35-vq"}) {
      std::unique_ptr<QuantScheme> scheme = createScheme(name);
      Encoded nearest = encode(*scheme, matrix);
      Encoded fed = encode(*scheme, matrix, &inputs);
      double before = getOutputError(*scheme, matrix, others, nearest);
      double after = getOutputError(*scheme, matrix, others, fed);
      EXPECT_LT(after, before * factor) << name << ", " << count << " rows";
    }
  }
}

TEST_F(FeedbackTest, WhiteInputsLoseNothing) {
  const int64_t rows = 16, columns = 256;
  Matrix matrix = makeNormal(rows, columns, 1);
  InputRows others = makeWhite(500, columns, 123);
  for (int64_t count : {1, 40, 2000}) {
    InputRows inputs = makeWhite(count, columns, 9);
    for (const char *name : schemes) {
      std::unique_ptr<QuantScheme> scheme = createScheme(name);
      Encoded nearest = encode(*scheme, matrix);
      Encoded fed = encode(*scheme, matrix, &inputs);
      EXPECT_LT(getOutputError(*scheme, matrix, others, fed),
                1.05 * getOutputError(*scheme, matrix, others, nearest))
          << name << ", " << count << " rows";
    }
  }
}

TEST_F(FeedbackTest, InputsOfZerosAreNearestCodes) {
  Matrix matrix = makeNormal(16, 128, 1);
  std::unique_ptr<QuantScheme> scheme = createScheme("q4");
  InputRows none = {0, 128, {}};
  InputRows zeros = {5, 128, std::vector<float>(5 * 128)};
  Encoded nearest = encode(*scheme, matrix);
  EXPECT_FALSE(nearest.errors.hasOutputs);
  EXPECT_EQ(encode(*scheme, matrix, &none).bytes, nearest.bytes);
  EXPECT_EQ(encode(*scheme, matrix, &zeros).bytes, nearest.bytes);
}

TEST_F(FeedbackTest, MomentsBeyondF32AreNearestCodes) {
  Matrix matrix = makeNormal(16, 128, 1);
  std::unique_ptr<QuantScheme> scheme = createScheme("q4");
  InputRows huge = makeWhite(40, 128, 2);
  for (float &value : huge.values)
    value *= 1e30f;
  Encoded encoded = encode(*scheme, matrix, &huge);
  EXPECT_EQ(encoded.failure, "");
  EXPECT_EQ(encoded.bytes, encode(*scheme, matrix).bytes);
}

TEST_F(FeedbackTest, RefusesInputsThatAreNotFinite) {
  Matrix matrix = makeNormal(16, 128, 1);
  InputRows inputs = makeWhite(40, 128, 2);
  inputs.values[3 * 128 + 7] = NAN;
  EXPECT_EQ(encode(*createScheme("q4"), matrix, &inputs).failure,
            "row 3, column 7 of the inputs is nan when it should be finite");
}

TEST_F(FeedbackTest, FactorIsThatOfTheMatrix) {
  const int64_t size = 192;
  Matrix rows = makeNormal(300, size, 1);
  std::vector<float> square(size * size);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t k = 0; k < size; ++k) {
      double sum = 0;
      for (int64_t row = 0; row < rows.rows; ++row)
        sum += double(rows.at(row, i)) * rows.at(row, k);
      // What lies below the diagonal is not read, and stays.
      square[i * size + k] = i <= k ? float(sum) : -5.0f;
    }
  std::vector<float> factor = square, other = square;
  ASSERT_TRUE(factorise(factor.data(), size, 1));
  ASSERT_TRUE(factorise(other.data(), size, 3));
  EXPECT_EQ(factor, other);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t k = 0; k < size; ++k) {
      if (k < i) {
        ASSERT_EQ(factor[i * size + k], -5.0f);
        continue;
      }
      double sum = 0;
      for (int64_t m = 0; m <= i; ++m)
        sum += double(factor[m * size + i]) * factor[m * size + k];
      ASSERT_NEAR(sum, square[i * size + k], 0.01);
    }
}

TEST_F(FeedbackTest, FactorOfWhatIsNotPositiveIsNone) {
  const int64_t size = 128;
  std::vector<float> square(size * size);
  for (int64_t i = 0; i < size; ++i)
    square[i * size + i] = i == 100 ? -1.0f : 1.0f;
  EXPECT_FALSE(factorise(square.data(), size, 1));
}

} // namespace
