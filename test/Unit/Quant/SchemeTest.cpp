//===- SchemeTest.cpp - what every quantisation scheme must keep ----------===//
//
// Runs for each scheme that is plugged in, and for each element type that a
// checkpoint may have; a new scheme is tested without a change here.
//===----------------------------------------------------------------------===//
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "moe/Driver/Registry.h"
#include "moe/Pipelines/Pipelines.h"
#include "moe/Quant/QuantScheme.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace moe;

namespace {

struct Case {
  std::string scheme;
  int element; ///< 0: f32, 1: f16, 2: bf16
};

class SchemeTest : public testing::TestWithParam<Case> {
protected:
  SchemeTest() : scheme(getRegistry().schemes.at(GetParam().scheme)()) {}

  mlir::RankedTensorType type(int64_t columns) {
    mlir::Builder builder(&context);
    mlir::Type elements[] = {builder.getF32Type(), builder.getF16Type(),
                             builder.getBF16Type()};
    return mlir::RankedTensorType::get({1, columns},
                                       elements[GetParam().element]);
  }

  std::vector<char> encode(llvm::ArrayRef<float> row) {
    std::vector<char> bytes(scheme->getRowBytes(type(row.size())));
    llvm::Error error = scheme->encodeRow(type(row.size()), row, bytes);
    EXPECT_FALSE(bool(error)) << toString(std::move(error));
    return bytes;
  }

  std::vector<float> decode(llvm::ArrayRef<char> bytes, int64_t columns) {
    std::vector<float> row(columns, NAN);
    llvm::Error error = scheme->decodeRow(type(columns), bytes, row);
    EXPECT_FALSE(bool(error)) << toString(std::move(error));
    return row;
  }

  /// The bound that the scheme promises, at every element.
  void expectWithinBound(llvm::ArrayRef<float> row) {
    std::vector<float> decoded = decode(encode(row), row.size());
    float largest = 0;
    for (float value : row)
      largest = std::max(largest, std::fabs(value));
    double bound = scheme->getErrorBound(type(row.size())) * largest;
    for (size_t i = 0; i < row.size(); ++i)
      EXPECT_LE(std::fabs(double(row[i]) - decoded[i]), bound)
          << "element " << i;
  }

  mlir::MLIRContext context;
  std::unique_ptr<QuantScheme> scheme;
};

std::vector<float> normalRow(size_t columns, float sigma) {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> row(columns);
  for (float &value : row)
    value = normal(engine);
  return row;
}

TEST_P(SchemeTest, IsRegisteredUnderItsName) {
  EXPECT_EQ(scheme->getName(), GetParam().scheme);
}

TEST_P(SchemeTest, DecodesWithinItsBound) {
  for (size_t columns : {size_t(1), size_t(7), size_t(256), size_t(1025)})
    for (float sigma : {0.02f, 1.0f, 300.0f})
      expectWithinBound(normalRow(columns, sigma));
}

TEST_P(SchemeTest, KeepsZeroAndSigns) {
  std::vector<float> row(256, 0.0f);
  EXPECT_EQ(decode(encode(row), 256), row);
  expectWithinBound(std::vector<float>(256, -0.5f));
}

TEST_P(SchemeTest, SurvivesOneLargeValueAndTheLargestOfItsType) {
  std::vector<float> row = normalRow(256, 0.01f);
  row[13] = -3000.0f;
  expectWithinBound(row);
  const float largest[] = {0x1.fffffep+127f, 65504.0f, 0x1.fep+127f};
  row[200] = largest[GetParam().element];
  expectWithinBound(row);
}

TEST_P(SchemeTest, BitsCountEverythingThatIsStored) {
  for (int64_t columns : {128, 1024, 4096})
    EXPECT_NEAR(scheme->getBitsPerWeight(type(columns)),
                8.0 * scheme->getRowBytes(type(columns)) / columns, 1e-9);
}

TEST_P(SchemeTest, EncodesTheSameBytesAgain) {
  std::vector<float> row = normalRow(512, 1);
  EXPECT_EQ(encode(row), encode(row));
}

TEST_P(SchemeTest, RefusesWhatIsNotFinite) {
  for (float bad : {std::numeric_limits<float>::infinity(),
                    std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> row(256, 1.0f);
    row[77] = bad;
    std::vector<char> bytes(scheme->getRowBytes(type(256)));
    llvm::Error error = scheme->encodeRow(type(256), row, bytes);
    ASSERT_TRUE(bool(error));
    EXPECT_NE(toString(std::move(error)).find("element 77"), std::string::npos);
  }
}

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (const auto &[name, create] : getRegistry().schemes)
    for (int element : {0, 1, 2})
      cases.push_back({name, element});
  return cases;
}

std::string caseName(const testing::TestParamInfo<Case> &info) {
  static const char *const elements[] = {"f32", "f16", "bf16"};
  std::string name = info.param.scheme + "_" + elements[info.param.element];
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SchemeTest, testing::ValuesIn(allCases()),
                         caseName);

//===----------------------------------------------------------------------===//
// What is known but not applied
//===----------------------------------------------------------------------===//

TEST(VerifyOptions, RefusesASchemeThatNoPassApplies) {
  Registry registry = getRegistry();
  registry.schemes["copy"] = registry.schemes.at("none");
  CompileOptions options;
  options.target = "null";
  ASSERT_FALSE(bool(verifyOptions(options, registry)));
  options.quantize = "copy";
  EXPECT_EQ(llvm::toString(verifyOptions(options, registry)),
            "quantisation scheme 'copy' cannot be applied by this version, "
            "only 'none' can");
}

//===----------------------------------------------------------------------===//
// Only `none`
//===----------------------------------------------------------------------===//

TEST(NoneTest, KeepsEveryValueOfTheElementType) {
  mlir::MLIRContext context;
  std::unique_ptr<QuantScheme> none = getRegistry().schemes.at("none")();
  auto type =
      mlir::RankedTensorType::get({1, 3}, mlir::BFloat16Type::get(&context));
  // The largest, a subnormal and an odd last bit of bf16.
  const float row[] = {0x1.fep+127f, 0x1p-133f, -0x1.02p+0f};
  char bytes[6];
  float decoded[3];
  ASSERT_FALSE(bool(none->encodeRow(type, row, bytes)));
  ASSERT_FALSE(bool(none->decodeRow(type, bytes, decoded)));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(decoded[i], row[i]);
  // Little endian, high half of the f32.
  EXPECT_EQ(bytes[4], char(0x81));
  EXPECT_EQ(bytes[5], char(0xbf));
}

TEST(NoneTest, RefusesWhatTheElementTypeCannotHold) {
  mlir::MLIRContext context;
  std::unique_ptr<QuantScheme> none = getRegistry().schemes.at("none")();
  auto type =
      mlir::RankedTensorType::get({1, 1}, mlir::Float16Type::get(&context));
  char bytes[2];
  llvm::Error error = none->encodeRow(type, {65520.0f}, bytes);
  ASSERT_TRUE(bool(error));
  EXPECT_EQ(toString(std::move(error)),
            "element 0 of a row is 65520, beyond the finite range of its type");
}

} // namespace
