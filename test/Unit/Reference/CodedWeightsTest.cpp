//===- CodedWeightsTest.cpp - the evaluator where weights are codes -------===//
#include "moe/Reference/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Parser/Parser.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/WeightData.h"
#include "moe/Quant/Encoder.h"
#include "moe/Quant/Rotation.h"
#include "moe/Quant/StoredMatrix.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace moe;
using namespace moe::reference;

namespace {

constexpr int64_t columns = 192, rotation = 64;

class CodedWeightsTest : public testing::Test {
protected:
  CodedWeightsTest() {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect,
                        mlir::arith::ArithDialect>();
  }

  /// A model whose @main takes rows of features.
  void parse(const std::string &declarations, const std::string &body) {
    std::string features = "tensor<?x" + std::to_string(columns) + "xf32>";
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "!rows = " + features + "\n!levels = tensor<?x" +
            std::to_string(columns) + "x!moe.quantized<i8 rotated " +
            std::to_string(rotation) +
            ">>\nmoe.model @m family \"null\" context 8 vocabulary 8 from "
            "\".\" {\n" +
            declarations + "\nfunc.func @main(%x: !rows) -> " + body + "}\n}",
        &context);
    ASSERT_TRUE(module);
    model = *module->getOps<ModelOp>().begin();
  }
  static Matrix someRows(int64_t rows) {
    Matrix matrix = Matrix::zeros(rows, columns);
    for (size_t i = 0; i < matrix.values.size(); ++i)
      matrix.values[i] = float(randomNormal(/*seed=*/9, i));
    return matrix;
  }
  llvm::Expected<Value> run(Evaluator &evaluator, int64_t rows) {
    auto main = model.lookupSymbol<mlir::func::FuncOp>("main");
    auto results = evaluator.evaluate(main, {someRows(rows)});
    if (!results)
      return results.takeError();
    return results->front();
  }
  template <typename T> T get(int64_t rows, EvaluatorOptions options = {}) {
    Evaluator evaluator(model, nullptr, options);
    auto result = run(evaluator, rows);
    if (result)
      return std::get<T>(*result);
    ADD_FAILURE() << llvm::toString(result.takeError());
    return {};
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
};

/// The evaluator has a rotation of its own; the encoder's must be the same.
TEST_F(CodedWeightsTest, RotatesLikeTheEncoder) {
  parse("", "!levels { %q = moe.quantize %x : !rows -> !levels\n"
            "return %q : !levels");
  QuantizedRows result = get<QuantizedRows>(3);
  ASSERT_EQ(result.rows, 3);
  Matrix rows = someRows(3);
  for (int64_t r = 0; r < 3; ++r) {
    std::vector<float> row(rows.row(r), rows.row(r) + columns);
    rotateRow(row, rotation);
    float largest = 0;
    for (float x : row)
      largest = std::max(largest, std::fabs(x));
    EXPECT_EQ(result.scales[r], largest / 127);
    for (int64_t c = 0; c < columns; ++c)
      EXPECT_EQ(result.levels[r * columns + c],
                std::nearbyint(row[c] * (127 / largest)));
  }
}

/// Products of integers are those of decoded weights, whatever the scheme.
TEST_F(CodedWeightsTest, MultipliesByWhatIsStored) {
  constexpr int64_t outputs = 40;
  int schemes = 0;
  for (auto &[name, create] : getRegistry().schemes) {
    SCOPED_TRACE(name);
    CodeAttr code = create()->getCode(&context);
    if (!code)
      continue;
    ++schemes;
    std::string text;
    llvm::raw_string_ostream(text) << mlir::Attribute(code);
    parse("moe.weight @w : tensor<40x192xbf16> stored as " + text +
              " columns rotated 64 from [#moe.random<3, 0.5 : f32>]",
          "(tensor<?x40xf32>) {\n"
          "%q = moe.quantize %x : !rows -> !levels\n"
          "%y = moe.linear %q by @w : !levels -> tensor<?x40xf32>\n"
          "return %y : tensor<?x40xf32>");
    Matrix result = get<Matrix>(2, {Effort::Fast});
    ASSERT_EQ(result.columns, outputs);

    std::vector<float> weights(outputs * columns);
    WeightData data(".");
    ASSERT_FALSE(
        bool(data.readElements(model.lookupSymbol<WeightOp>("w"), 0, weights)));
    std::vector<char> bytes(code.getMatrixBytes(outputs, columns));
    MatrixInput input;
    input.values = weights;
    input.rows = outputs;
    input.columns = columns;
    input.columnRotation = rotation;
    EncodeOptions options;
    options.effort = Effort::Fast;
    ASSERT_TRUE(bool(encodeMatrix(*create(), code, input, options, bytes)));
    StoredMatrix stored(code, outputs, columns, bytes);

    parse("", "!rows {\n%q = moe.quantize %x : !rows -> !levels\n"
              "%y = moe.dequantize %q : !levels\nreturn %y : !rows");
    Matrix rows = get<Matrix>(2);
    for (int64_t n = 0; n < outputs; ++n) {
      std::vector<float> row(columns);
      stored.decodeRow(n, row);
      unrotateRow(row, rotation);
      for (int64_t r = 0; r < 2; ++r) {
        double expected = 0, size = 0;
        for (int64_t k = 0; k < columns; ++k) {
          expected += rows.at(r, k) * row[k];
          size += std::fabs(rows.at(r, k) * row[k]);
        }
        EXPECT_NEAR(result.at(r, n), expected, 1e-5 * size);
      }
    }
  }
  EXPECT_GE(schemes, 1);
}

TEST_F(CodedWeightsTest, ThreadsDoNotChangeResults) {
  parse(
      "moe.weight @g : tensor<48x192xf32> from [#moe.random<1, 0.1 : f32>]"
      "moe.weight @u : tensor<48x192xf32> from [#moe.random<2, 0.1 : f32>]"
      "moe.weight @d : tensor<192x48xf32> stored as #moe.code<\"q8\", planes, "
      "bits = 8, offset = 128> from [#moe.random<3, 0.1 : f32>]",
      "!rows {\n%y = moe.mlp %x gate @g up @u down @d silu : !rows\n"
      "return %y : !rows");
  std::vector<double> many = get<Matrix>(9).values;
  llvm::ThreadPoolStrategy before = llvm::parallel::strategy;
  llvm::parallel::strategy = llvm::hardware_concurrency(1);
  std::vector<double> one = get<Matrix>(9).values;
  llvm::parallel::strategy = before;
  EXPECT_EQ(one, many);
}

/// The file shrinks between two runs: only what was kept can be used again.
TEST_F(CodedWeightsTest, WeightsAreKeptIfWanted) {
  llvm::SmallString<64> place;
  int file;
  ASSERT_FALSE(
      llvm::sys::fs::createTemporaryFile("weights", "bin", file, place));
  for (bool keep : {true, false}) {
    ASSERT_FALSE(llvm::sys::fs::resize_file(file, 2 * columns * 4));
    std::string name = llvm::sys::path::filename(place).str();
    std::string folder = llvm::sys::path::parent_path(place).str();
    parse("moe.weight @w : tensor<2x192xf32> from [#moe.extent<\"" + name +
              "\", 0, 1536>]",
          "tensor<?x2xf32> {\n"
          "%y = moe.linear %x by @w : !rows -> tensor<?x2xf32>\n"
          "return %y : tensor<?x2xf32>");
    model.setDirectory(folder);
    EvaluatorOptions options;
    options.keepWeights = keep;
    Evaluator evaluator(model, nullptr, options);
    auto first = run(evaluator, 1);
    EXPECT_TRUE(bool(first));
    llvm::consumeError(first.takeError());
    ASSERT_FALSE(llvm::sys::fs::resize_file(file, 8));
    auto second = run(evaluator, 1);
    EXPECT_EQ(bool(second), keep);
    llvm::consumeError(second.takeError());
  }
  llvm::sys::fs::closeFile(file);
  llvm::sys::fs::remove(place);
}

} // namespace
