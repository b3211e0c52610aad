//===- SchemeTest.cpp - what every quantisation scheme must keep ----------===//
//
// Runs for each scheme that is plugged in; a new scheme is tested without a
// change here.
//===----------------------------------------------------------------------===//
#include "QuantTesting.h"
#include "moe/Quant/Rotation.h"
#include <limits>

using namespace moe;

namespace {

class SchemeTest : public QuantTest,
                   public testing::WithParamInterface<std::string> {
protected:
  SchemeTest()
      : scheme(createScheme(GetParam())), code(scheme->getCode(&context)) {}

  /// The matrix in the basis in which it is stored.
  Matrix getStored(Matrix matrix) {
    for (int64_t row = 0; row < matrix.rows; ++row)
      rotateRow(
          llvm::MutableArrayRef<float>(&matrix.at(row, 0), matrix.columns),
          code.getRotation(matrix.columns));
    return matrix;
  }

  /// The largest magnitude of the weights that share (row, column)'s scale.
  float getLargest(Matrix &stored, int64_t row, int64_t column) {
    int64_t rows = code.getScaleRows(stored.columns);
    int64_t columns = code.getColumns() ? code.getColumns() : stored.columns;
    int64_t firstRow = row / rows * rows, first = column / columns * columns;
    float largest = 0;
    for (int64_t i = firstRow; i < std::min(firstRow + rows, stored.rows); ++i)
      for (int64_t k = first; k < std::min(first + columns, stored.columns);
           ++k)
        largest = std::max(largest, std::fabs(stored.at(i, k)));
    return largest;
  }

  /// The bound that the scheme promises, at every element.
  void expectWithinBound(const Matrix &matrix) {
    Encoded encoded = encode(*scheme, matrix);
    ASSERT_EQ(encoded.failure, "");
    Matrix stored = getStored(matrix);
    Matrix decoded = decode(code, encoded, matrix.rows, matrix.columns);
    for (int64_t row = 0; row < matrix.rows; ++row)
      for (int64_t k = 0; k < matrix.columns; ++k) {
        double bound = scheme->getErrorBound() * getLargest(stored, row, k);
        ASSERT_LE(std::fabs(double(stored.at(row, k)) - decoded.at(row, k)),
                  bound + 255 * 0x1p-24)
            << "row " << row << ", column " << k << " of " << matrix.rows
            << " x " << matrix.columns;
      }
  }

  std::unique_ptr<QuantScheme> scheme;
  CodeAttr code;
};

TEST_P(SchemeTest, IsRegisteredUnderItsName) {
  EXPECT_EQ(scheme->getName(), GetParam());
  EXPECT_EQ(code.getName(), GetParam());
}

TEST_P(SchemeTest, DecodesWithinItsBoundAtAnyShape) {
  // Not multiples of 16 rows, 64 columns, groups, or even of pairs.
  const std::pair<int64_t, int64_t> shapes[] = {
      {1, 1}, {3, 7}, {16, 64}, {17, 65}, {5, 130}, {33, 256}, {2, 1025}};
  for (auto [rows, columns] : shapes)
    expectWithinBound(makeNormal(rows, columns, 1, unsigned(columns)));
}

TEST_P(SchemeTest, DecodesWithinItsBoundAtAnySize) {
  for (float sigma : {1e-41f, 1e-30f, 1e-7f, 0.02f, 300.0f})
    expectWithinBound(makeNormal(4, 256, sigma));
}

TEST_P(SchemeTest, SurvivesOutliers) {
  Matrix matrix = makeNormal(16, 256, 0.01f);
  for (int64_t row = 0; row < matrix.rows; ++row)
    matrix.at(row, 13 * row) = row % 2 ? 3000.0f : -3000.0f;
  expectWithinBound(matrix);
}

TEST_P(SchemeTest, RowsOfZerosDecodeToZeros) {
  Matrix matrix = makeNormal(40, 256, 1);
  // A row among others, one that ends a tile, and a whole tile.
  for (int64_t row = 0; row < matrix.rows; ++row)
    if (row == 3 || row >= 15)
      for (int64_t k = 0; k < matrix.columns; ++k)
        matrix.at(row, k) = 0;
  Encoded encoded = encode(*scheme, matrix);
  ASSERT_EQ(encoded.failure, "");
  Matrix decoded = decode(code, encoded, matrix.rows, matrix.columns);
  bool isAlone = code.getScaleRows(matrix.columns) == 1;
  for (int64_t row : {int64_t(3), int64_t(20), int64_t(39)})
    for (int64_t k = 0; k < matrix.columns; ++k)
      if (row != 3 || isAlone) {
        ASSERT_EQ(decoded.at(row, k), 0) << "row " << row;
      }
  StoredMatrix stored(code, matrix.rows, matrix.columns, encoded.bytes);
  EXPECT_EQ(stored.getScale(39, 0), 0);
}

TEST_P(SchemeTest, OneSignIsKept) {
  Matrix matrix = makeNormal(16, 256, 1);
  for (float sign : {1.0f, -1.0f}) {
    for (float &value : matrix.values)
      value = sign * std::fabs(value);
    expectWithinBound(matrix);
  }
}

TEST_P(SchemeTest, GaussianErrorIsAsStated) {
  Matrix matrix = makeNormal(384, 1024, 0.02f, 7);
  Encoded encoded = encode(*scheme, matrix);
  ASSERT_EQ(encoded.failure, "");
  double error = encoded.errors.error / encoded.errors.weights;
  EXPECT_LE(error, scheme->getGaussianError() * 1.03);
  EXPECT_GE(error, scheme->getGaussianError() * 0.90)
      << "the stated error should be nearer";
}

TEST_P(SchemeTest, ErrorsAreThoseOfTheBytes) {
  Matrix matrix = makeNormal(19, 320, 1);
  Encoded encoded = encode(*scheme, matrix);
  Matrix decoded = decode(code, encoded, matrix.rows, matrix.columns);
  Matrix stored = getStored(matrix);
  double error = 0, weights = 0;
  for (size_t i = 0; i < stored.values.size(); ++i) {
    double rest = double(stored.values[i]) - decoded.values[i];
    error += rest * rest;
    weights += double(stored.values[i]) * stored.values[i];
  }
  EXPECT_NEAR(encoded.errors.error, error, 1e-5 * error);
  EXPECT_NEAR(encoded.errors.weights, weights, 1e-5 * weights);
}

TEST_P(SchemeTest, AnyNumberOfThreadsWritesTheSameBytes) {
  Matrix matrix = makeNormal(70, 320, 1);
  Matrix rows = makeNormal(50, 320, 1, 2);
  InputRows inputs = {rows.rows, rows.columns, rows.values};
  for (const InputRows *given :
       {(const InputRows *)nullptr, (const InputRows *)&inputs}) {
    Encoded one = encode(*scheme, matrix, given, Effort::Fast, 1);
    Encoded three = encode(*scheme, matrix, given, Effort::Fast, 3);
    EXPECT_EQ(one.bytes, three.bytes);
    EXPECT_EQ(one.errors.error, three.errors.error);
    EXPECT_EQ(one.errors.outputError, three.errors.outputError);
  }
}

TEST_P(SchemeTest, EncodingWhatWasDecodedLosesLittle) {
  Matrix matrix = makeNormal(16, 256, 1);
  Encoded encoded = encode(*scheme, matrix);
  Matrix decoded = decode(code, encoded, matrix.rows, matrix.columns);
  for (int64_t row = 0; row < decoded.rows; ++row)
    unrotateRow(
        llvm::MutableArrayRef<float>(&decoded.at(row, 0), decoded.columns),
        code.getRotation(decoded.columns));
  Encoded again = encode(*scheme, decoded);
  EXPECT_LE(again.errors.error / again.errors.weights,
            scheme->getGaussianError() * 1.1);
}

TEST_P(SchemeTest, RefusesWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::pair<float, const char *> cases[] = {
      {infinity, "infinite"}, {-infinity, "infinite"}, {NAN, "nan"}};
  for (auto [bad, name] : cases) {
    Matrix matrix = makeNormal(20, 256, 1);
    matrix.at(17, 77) = bad;
    EXPECT_EQ(encode(*scheme, matrix).failure,
              std::string("row 17, column 77 is ") + name +
                  " when weights should be finite");
  }
}

TEST_P(SchemeTest, RefusesScalesBeyondF16) {
  Matrix matrix = makeNormal(20, 256, 1e36f);
  std::string failure = encode(*scheme, matrix).failure;
  EXPECT_NE(failure.find("rows 0 to 15 need a scale of "), std::string::npos)
      << failure;
  EXPECT_NE(failure.find(" when f16 holds at most 65504"), std::string::npos)
      << failure;
}

std::vector<std::string> getCodedSchemes() {
  mlir::MLIRContext context;
  context.loadDialect<MoeDialect>();
  std::vector<std::string> names;
  for (const auto &[name, create] : getRegistry().schemes)
    if (create()->getCode(&context))
      names.push_back(name);
  return names;
}

std::string getTestName(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SchemeTest, testing::ValuesIn(getCodedSchemes()),
                         getTestName);

TEST_F(QuantTest, NoneHasNoCode) {
  EXPECT_FALSE(createScheme("none")->getCode(&context));
}

TEST_F(QuantTest, EverySchemeOfTheListIsPluggedIn) {
  for (const char *name : {"none", "q2", "q35-4x3", "q35-radix11", "q35-vq",
                           "q4", "q4-32", "q5", "q8"})
    EXPECT_EQ(getRegistry().schemes.count(name), 1u) << name;
}

} // namespace
