//===- StoredWeightsTest.cpp - compiler and runtime read the same bytes ---===//
#include "code/Code.h"
#include "mlir/IR/MLIRContext.h"
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"
#include "moe/Quant/StoredMatrix.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace moe;

namespace {

/// What the container's metadata carries over.
moert::Code toRuntime(CodeAttr code) {
  moert::Code result;
  result.name = code.getName().str();
  result.layout = code.getLayout() == CodeLayout::Pairs
                      ? moert::CodeLayout::Pairs
                      : moert::CodeLayout::Planes;
  result.bits = code.getBits();
  result.columns = code.getColumns();
  result.weights = code.getWeights();
  result.offset = code.getOffset();
  result.zeros = code.getZeros();
  result.rotated = code.getRotated();
  result.window.assign(code.getWindow().begin(), code.getWindow().end());
  result.levels.assign(code.getLevels().begin(), code.getLevels().end());
  return result;
}

class StoredWeights : public testing::Test {
protected:
  StoredWeights() { context.loadDialect<MoeDialect>(); }

  std::vector<int64_t> makeLevels(size_t count) {
    std::vector<int64_t> levels(count);
    for (int64_t &level : levels)
      level = engine() % 256;
    return levels;
  }

  /// Any bytes are codes; scales are made finite.
  std::vector<char> makeBytes(CodeAttr code, int64_t rows, int64_t columns) {
    std::vector<char> bytes(code.getMatrixBytes(rows, columns));
    for (char &byte : bytes)
      byte = char(engine());
    char *scales = bytes.data() + code.getCodeBytes(rows, columns);
    for (uint64_t i = 1; i < code.getScaleBytes(rows, columns); i += 2)
      if ((scales[i] & 0x7c) == 0x7c)
        scales[i] ^= 0x40;
    return bytes;
  }

  void compare(CodeAttr code, int64_t rows, int64_t columns) {
    SCOPED_TRACE(code.getName().str() + " " + std::to_string(code.getBits()) +
                 " bits, " + std::to_string(rows) + " x " +
                 std::to_string(columns));
    moert::Code runtime = toRuntime(code);
    ASSERT_STREQ(moert::checkCode(runtime, "code").message(), "ok");
    ASSERT_EQ(runtime.codeBits(), code.getCodeBits());
    ASSERT_EQ(runtime.codeBytes(rows, columns),
              code.getCodeBytes(rows, columns));
    ASSERT_EQ(runtime.scaleBytes(rows, columns),
              code.getScaleBytes(rows, columns));
    ASSERT_EQ(runtime.zeroBytes(rows, columns),
              code.getZeroBytes(rows, columns));
    std::vector<char> bytes = makeBytes(code, rows, columns);
    StoredMatrix matrix(code, rows, columns, bytes);
    std::vector<float> expected(columns), actual(columns);
    for (int64_t row = 0; row < rows; ++row) {
      matrix.decodeRow(row, expected);
      moert::decodeRow(runtime, rows, columns,
                       reinterpret_cast<const std::byte *>(bytes.data()), row,
                       actual.data());
      ASSERT_EQ(
          std::memcmp(actual.data(), expected.data(), columns * sizeof(float)),
          0)
          << "row " << row;
    }
  }

  void compareShapes(CodeAttr code) {
    for (auto [rows, columns] : {std::pair<int64_t, int64_t>(1, 1),
                                 {16, 64},
                                 {17, 65},
                                 {3, 190},
                                 {50, 256},
                                 {33, 1029}})
      compare(code, rows, columns);
  }

  mlir::MLIRContext context;
  std::mt19937 engine{1};
};

TEST_F(StoredWeights, OfEveryScheme) {
  int64_t coded = 0;
  for (const auto &[name, create] : getRegistry().schemes)
    if (CodeAttr code = create()->getCode(&context)) {
      compareShapes(code);
      ++coded;
    }
  EXPECT_GE(coded, 5);
}

TEST_F(StoredWeights, OfPlanesOfAllBits) {
  for (int64_t bits = 1; bits <= 8; ++bits)
    for (int64_t columns : {0, 32, 64, 192})
      for (bool hasLevels : {false, true})
        compareShapes(CodeAttr::get(
            &context, "planes", CodeLayout::Planes, bits, columns,
            /*weights=*/bits * 100, /*offset=*/engine() % 256,
            /*zeros=*/columns != 0 && hasLevels, /*rotated=*/false, {},
            hasLevels ? makeLevels(size_t(1) << bits)
                      : std::vector<int64_t>()));
}

TEST_F(StoredWeights, OfPairsAndTrellises) {
  for (int64_t columns : {0, 32, 128}) {
    auto get = [&](llvm::ArrayRef<int64_t> window, size_t levels) {
      return CodeAttr::get(&context, "pairs", CodeLayout::Pairs, 7, columns,
                           /*weights=*/800, /*offset=*/128,
                           /*zeros=*/columns == 32, /*rotated=*/true, window,
                           makeLevels(levels));
    };
    compareShapes(get({}, 128));
    compareShapes(get({}, 256));
    compareShapes(get({89, -101}, 128));
    compareShapes(get({-128, 127}, 128));
  }
}

} // namespace
