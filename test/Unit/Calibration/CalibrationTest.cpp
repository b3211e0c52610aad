//===- CalibrationTest.cpp - rows that weights meet, against the oracle ---===//
#include "moe/Calibration/Calibration.h"

#include "mlir/Parser/Parser.h"
#include "moe/Model/WeightData.h"
#include "moe/Reference/Evaluator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace moe;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A layer of everything. In `%s` the weights and operations that a marked
/// model writes in another way.
std::string getModel(bool isMarked) {
  std::string code =
      isMarked ? " stored as #moe.code<\"q8\", planes, bits = 8, offset = 128>"
                 " columns rotated 16"
               : "";
  std::string levels = "!moe.quantized<i8 rotated 16>";
  std::string rows = isMarked ? "tensor<?x16x" + levels + ">"
                              : "tensor<?x16xf32>";
  auto quantize = [&](std::string from, std::string to) {
    return isMarked ? "%" + to + " = moe.quantize %" + from +
                          " : tensor<?x16xf32> -> " + rows + "\n"
                    : "";
  };
  std::string h = isMarked ? "%hq" : "%h", a = isMarked ? "%aq" : "%a",
              m = isMarked ? "%mq" : "%m";
  return R"(
moe.model @m family "null" context 8 vocabulary 12 from "." {
  moe.weight @embed : tensor<12x16xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @norm : tensor<16xf16> from [#moe.random<2, 1.0 : f32>]
  moe.weight @q : tensor<16x16xbf16>)" + code + R"( from [#moe.random<3, 0.3 : f32>]
  moe.weight @k : tensor<8x16xbf16>)" + code + R"( from [#moe.random<4, 0.3 : f32>]
  moe.weight @v : tensor<8x16xf16>)" + code + R"( from [#moe.random<5, 0.3 : f32>]
  moe.weight @v_bias : tensor<8xf32> from [#moe.random<6, 0.3 : f32>]
  moe.weight @o : tensor<16x16xbf16>)" + code + R"( from [#moe.random<7, 0.3 : f32>]
  moe.weight @router : tensor<4x16xf32> from [#moe.random<8, 0.3 : f32>]
  moe.weight @gates : tensor<4x24x16xbf16>)" + code + R"( from [#moe.random<9, 0.3 : f32>]
  moe.weight @ups : tensor<4x24x16xbf16>)" + code + R"( from [#moe.random<10, 0.3 : f32>]
  moe.weight @downs : tensor<4x16x24xbf16> from [#moe.random<11, 0.3 : f32>]
  moe.weight @gate : tensor<20x16xbf16>)" + code + R"( from [#moe.random<12, 0.3 : f32>]
  moe.weight @up : tensor<20x16xbf16>)" + code + R"( from [#moe.random<13, 0.3 : f32>]
  moe.weight @down : tensor<16x20xbf16> from [#moe.random<14, 0.3 : f32>]
  moe.weight @shared : tensor<1x16xf32> from [#moe.random<15, 0.3 : f32>]
  moe.weight @unused : tensor<4x16xf32> from [#moe.random<16, 0.3 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.1] gain 1.25
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 2 x 4 x bf16>)
      -> (tensor<?x12xf32>, !moe.kv<1 x 2 x 4 x bf16>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %h = moe.norm rms %x by @norm epsilon 1.0e-05 groups 1 : tensor<?x16xf32>
    )" + quantize("h", "hq") + R"(
    %q = moe.linear )" + h + " by @q : " + rows + R"( -> tensor<?x16xf32>
    %k = moe.linear )" + h + " by @k : " + rows + R"( -> tensor<?x8xf32>
    %v0 = moe.linear )" + h + " by @v bias @v_bias : " + rows + R"( -> tensor<?x8xf32>
    %v = moe.clamp %v0 to 1.5 : tensor<?x8xf32>
    %q1 = moe.rope %q at %positions by @rope heads 4 : tensor<?x16xf32>, tensor<?xi32>
    %k1 = moe.rope %k at %positions by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %kv1 = moe.kv_append %k1, %v into %kv layer 0 at %sequences, %positions
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<1 x 2 x 4 x bf16>
    %a = moe.attention %q1 over %kv1 layer 0 at %sequences, %positions heads 4 scale 0.5 window 3
      : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 2 x 4 x bf16>
    )" + quantize("a", "aq") + R"(
    %o = moe.linear )" + a + " by @o : " + rows + R"( -> tensor<?x16xf32>
    %x1 = moe.add %x, %o : tensor<?x16xf32>
    %m = moe.norm layer %x1 by @norm epsilon 1.0e-05 groups 1 : tensor<?x16xf32>
    %logits = moe.linear %m by @router : tensor<?x16xf32> -> tensor<?x4xf32>
    %chosen, %weights = moe.route %logits top 2 sigmoid renormalize scale 1.5
      : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    )" + quantize("m", "mq") + R"(
    %e = moe.experts )" + m + R"( to %chosen, %weights gate @gates up @ups down @downs gelu_tanh
      : )" + rows + R"(, tensor<?x2xi32>, tensor<?x2xf32>
    %x2 = moe.add %x1, %e : tensor<?x16xf32>
    %s = moe.mlp )" + m + " gate @gate up @up down @down silu gated by @shared" +
         (isMarked ? " of %m : " + rows + ", tensor<?x16xf32>" : " : " + rows) + R"(
    %x3 = moe.add %x2, %s : tensor<?x16xf32>
    %last = moe.pick %x3 rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %y = moe.linear %last by @embed : tensor<?x16xf32> -> tensor<?x12xf32>
    return %y, %kv1 : tensor<?x12xf32>, !moe.kv<1 x 2 x 4 x bf16>
  }
})";
}

constexpr int64_t window = 6;
/// Two windows, and one token more.
const std::vector<int32_t> tokens = {1, 5, 3, 3, 11, 0, 7, 2, 9, 4, 8, 6, 10};

CalibrationOptions getOptions(int64_t threads = 1) {
  CalibrationOptions options;
  options.origin = "text.txt";
  options.window = window;
  options.threads = threads;
  options.weighRows = false;
  return options;
}

class CalibrationTest : public testing::Test {
protected:
  CalibrationTest() {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
    model = parse(getModel(/*isMarked=*/false));
  }

  ModelOp parse(const std::string &text) {
    modules.push_back(mlir::parseSourceString<mlir::ModuleOp>(text, &context));
    if (!modules.back()) {
      ADD_FAILURE() << "the model does not parse";
      return {};
    }
    return *modules.back()->getOps<ModelOp>().begin();
  }

  std::unique_ptr<Calibration> create(ModelOp of, int64_t threads = 1) {
    auto calibration = Calibration::create(of, tokens, getOptions(threads));
    if (calibration)
      return std::move(*calibration);
    ADD_FAILURE() << llvm::toString(calibration.takeError());
    return nullptr;
  }

  InputRows getInputs(Calibration &calibration, llvm::StringRef symbol,
                      int64_t matrix = 0) {
    auto rows = calibration.getInputs(model.lookupSymbol<WeightOp>(symbol),
                                      matrix);
    if (rows)
      return std::move(*rows);
    ADD_FAILURE() << symbol.str() << ": " << llvm::toString(rows.takeError());
    return {};
  }

  std::string getError(ModelOp of, llvm::ArrayRef<int32_t> text,
                       CalibrationOptions options = getOptions()) {
    auto calibration = Calibration::create(of, text, options);
    return calibration ? "" : llvm::toString(calibration.takeError());
  }

  mlir::MLIRContext context;
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  ModelOp model;
};

/// Results of the oracle for the same batch, by the name of the operation and
/// how many of that name came before.
class Oracle {
public:
  explicit Oracle(ModelOp model) : model(model), data(".") {
    reference::Evaluator evaluator(
        model, [&](mlir::OpResult result, const reference::Value &value) {
          std::string name =
              result.getOwner()->getName().stripDialect().str();
          if (result.getResultNumber() == 1)
            name += " weights";
          results[name].push_back(value);
        });
    int64_t count = 2 * window;
    reference::Integers ids{count, 1, {tokens.begin(), tokens.begin() + count}};
    reference::Integers sequences = ids, positions = ids, wanted = ids;
    for (int64_t r = 0; r < count; ++r) {
      sequences.values[r] = int32_t(r / window);
      positions.values[r] = int32_t(r % window);
      wanted.values[r] = int32_t(r);
    }
    auto logits =
        evaluator.evaluate(model.lookupSymbol<mlir::func::FuncOp>("forward"),
                           {ids, sequences, positions, wanted,
                            reference::KvState()});
    EXPECT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
  }

  const reference::Matrix &getRows(const std::string &name, size_t index = 0) {
    return std::get<reference::Matrix>(results[name].at(index));
  }
  /// Rows of `all` that chose the expert.
  reference::Matrix getRouted(const reference::Matrix &all, int32_t expert) {
    const auto &chosen = std::get<reference::Integers>(results["route"].at(0));
    reference::Matrix routed{0, all.columns, {}};
    for (int64_t r = 0; r < all.rows; ++r)
      for (int64_t j = 0; j < chosen.columns; ++j)
        if (chosen.values[r * chosen.columns + j] == expert) {
          routed.values.insert(routed.values.end(), all.row(r),
                               all.row(r) + all.columns);
          ++routed.rows;
        }
    return routed;
  }
  /// Weights with which the expert was chosen.
  reference::Matrix getRouteWeights(int32_t expert) {
    const auto &chosen = std::get<reference::Integers>(results["route"].at(0));
    const reference::Matrix &weights = getRows("route weights");
    reference::Matrix result{0, 1, {}};
    for (size_t i = 0; i < chosen.values.size(); ++i)
      if (chosen.values[i] == expert) {
        result.values.push_back(weights.values[i]);
        ++result.rows;
      }
    return result;
  }
  reference::Matrix multiply(const reference::Matrix &in,
                             llvm::StringRef symbol, int64_t matrix) {
    auto weight = model.lookupSymbol<WeightOp>(symbol);
    auto values = llvm::cantFail(data.readAll(weight));
    auto out = reference::Matrix::zeros(in.rows, weight.getRows());
    for (int64_t r = 0; r < in.rows; ++r)
      for (int64_t n = 0; n < out.columns; ++n)
        for (int64_t k = 0; k < in.columns; ++k)
          out.at(r, n) +=
              in.at(r, k) *
              values[(matrix * out.columns + n) * in.columns + k];
    return out;
  }

private:
  ModelOp model;
  WeightData data;
  std::map<std::string, std::vector<reference::Value>> results;
};

void expectNear(const InputRows &actual, const reference::Matrix &expected,
                const std::string &what) {
  ASSERT_EQ(actual.rows, expected.rows) << what;
  ASSERT_EQ(actual.columns, expected.columns) << what;
  for (size_t i = 0; i < actual.values.size(); ++i)
    ASSERT_NEAR(actual.values[i], expected.values[i], 1e-5)
        << what << ", element " << i;
}

TEST_F(CalibrationTest, RowsAreThoseOfTheOracle) {
  Oracle oracle(model);
  auto calibration = create(model);
  ASSERT_TRUE(calibration);
  EXPECT_EQ(calibration->getTokens(), 2 * window);
  for (const char *symbol : {"q", "k", "v"})
    expectNear(getInputs(*calibration, symbol), oracle.getRows("norm"), symbol);
  expectNear(getInputs(*calibration, "o"), oracle.getRows("attention"), "o");
  const reference::Matrix &m = oracle.getRows("norm", 1);
  expectNear(getInputs(*calibration, "router"), m, "router");
  for (int32_t e = 0; e < 4; ++e) {
    reference::Matrix routed = oracle.getRouted(m, e);
    expectNear(getInputs(*calibration, "gates", e), routed, "gates");
    expectNear(getInputs(*calibration, "ups", e), routed, "ups");
    reference::Matrix hidden = oracle.multiply(routed, "gates", e);
    reference::Matrix up = oracle.multiply(routed, "ups", e);
    for (auto [x, u] : llvm::zip_equal(hidden.values, up.values))
      x = 0.5 * x * u *
          (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    expectNear(getInputs(*calibration, "downs", e), hidden, "downs");
  }
  expectNear(getInputs(*calibration, "gate"), m, "gate");
  expectNear(getInputs(*calibration, "shared"), m, "shared");
  reference::Matrix hidden = oracle.multiply(m, "gate", 0);
  reference::Matrix up = oracle.multiply(m, "up", 0);
  for (auto [x, u] : llvm::zip_equal(hidden.values, up.values))
    x *= u / (1 + std::exp(-x));
  expectNear(getInputs(*calibration, "down"), hidden, "down");
  // The head: the last sum, which all others are part of.
  expectNear(getInputs(*calibration, "embed"), oracle.getRows("pick"), "embed");
}

TEST_F(CalibrationTest, ThreadsChangeNoBit) {
  auto one = create(model, 1), three = create(model, 3);
  for (const char *symbol : {"o", "downs", "down", "embed"})
    EXPECT_EQ(getInputs(*one, symbol).values, getInputs(*three, symbol).values)
        << symbol;
}

TEST_F(CalibrationTest, AskingBackGivesTheSameRows) {
  auto calibration = create(model);
  std::vector<float> before = getInputs(*calibration, "o").values;
  getInputs(*calibration, "embed");
  EXPECT_EQ(getInputs(*calibration, "o").values, before);
}

TEST_F(CalibrationTest, MarksAreLookedThrough) {
  ModelOp marked = parse(getModel(/*isMarked=*/true));
  auto plain = create(model), looked = create(marked);
  ASSERT_TRUE(looked);
  for (const char *symbol : {"k", "o", "gates", "downs", "down", "embed"})
    EXPECT_EQ(getInputs(*plain, symbol, 0).values,
              getInputs(*looked, symbol, 0).values)
        << symbol;
}

TEST_F(CalibrationTest, ModelMayChangeAfterwards) {
  auto expected = create(model), calibration = create(model);
  std::vector<float> rows = getInputs(*expected, "embed").values;
  auto weight = model.lookupSymbol<WeightOp>("embed");
  auto clone = llvm::cast<WeightOp>(
      mlir::OpBuilder(weight).clone(*weight.getOperation()));
  clone.setSymName("head");
  model.lookupSymbol("forward")->erase();
  EXPECT_EQ(getInputs(*calibration, "head").values, rows);
}

TEST_F(CalibrationTest, WindowsAreSpreadOverTheText) {
  CalibrationOptions options = getOptions();
  options.window = 2;
  options.windows = 3;
  auto calibration = Calibration::create(model, tokens, options);
  ASSERT_TRUE(bool(calibration));
  EXPECT_EQ((*calibration)->getTokens(), 6);
  // Windows 0, 2 and 4 of 6: tokens 1, 5, 11, 0, 9, 4.
  auto again = Calibration::create(model, {1, 5, 11, 0, 9, 4}, options);
  EXPECT_EQ(getInputs(**calibration, "o").values,
            getInputs(**again, "o").values);
}

TEST_F(CalibrationTest, WindowIsNoLongerThanTheContext) {
  CalibrationOptions options = getOptions();
  options.window = 512;
  auto calibration = Calibration::create(model, tokens, options);
  ASSERT_TRUE(bool(calibration));
  EXPECT_EQ((*calibration)->getWindow(), 8);
}

/// Root mean square of the quotients of two rows, and that all are alike.
float getFactor(const InputRows &scaled, const InputRows &plain, int64_t r) {
  float factor = 0;
  for (int64_t c = 0; c < plain.columns; ++c) {
    float x = plain.values[r * plain.columns + c];
    float y = scaled.values[r * plain.columns + c];
    if (factor == 0)
      factor = y / x;
    EXPECT_NEAR(y, factor * x, 1e-5 * std::abs(y)) << r << ", " << c;
  }
  return factor;
}

TEST_F(CalibrationTest, RowsAreWeighedByUncertaintyAndRoute) {
  CalibrationOptions options = getOptions();
  options.weighRows = true;
  auto weighed = Calibration::create(model, tokens, options);
  ASSERT_TRUE(bool(weighed));
  auto plain = create(model);
  Oracle oracle(model);
  // The last linear's rows are logits.
  const reference::Matrix &logits = oracle.getRows("linear", 5);
  std::vector<double> importance;
  double sum = 0;
  for (int64_t r = 0; r < logits.rows; ++r) {
    double exps = 0, squares = 0;
    for (int64_t c = 0; c < logits.columns; ++c) {
      exps += std::exp(logits.at(r, c));
      squares += std::exp(2 * logits.at(r, c));
    }
    importance.push_back(0.03 + 1 - squares / (exps * exps));
    sum += importance.back() / double(logits.rows);
  }
  InputRows plainRows = getInputs(*plain, "o");
  InputRows rows = getInputs(**weighed, "o");
  ASSERT_EQ(rows.rows, logits.rows);
  for (int64_t r = 0; r < rows.rows; ++r)
    EXPECT_NEAR(getFactor(rows, plainRows, r), std::sqrt(importance[r] / sum),
                1e-4);
  // An expert's rows are scaled by its weight, too.
  plainRows = getInputs(*plain, "downs", 2);
  rows = getInputs(**weighed, "downs", 2);
  reference::Matrix numbers = reference::Matrix::zeros(logits.rows, 1);
  for (int64_t r = 0; r < logits.rows; ++r)
    numbers.at(r, 0) = double(r);
  reference::Matrix routed = oracle.getRouted(numbers, 2);
  reference::Matrix weights = oracle.getRouteWeights(2);
  ASSERT_EQ(rows.rows, routed.rows);
  for (int64_t i = 0; i < rows.rows; ++i)
    EXPECT_NEAR(getFactor(rows, plainRows, i),
                weights.at(i, 0) *
                    std::sqrt(importance[int64_t(routed.at(i, 0))] / sum),
                1e-4);
}

//===----------------------------------------------------------------------===//
// Experts that a text does not reach
//===----------------------------------------------------------------------===//

/// All logits are equal, so that the first two experts are chosen.
std::string withoutPreference(std::string text) {
  std::string from = "[#moe.random<8, 0.3 : f32>]";
  return text.replace(text.find(from), from.size(), "[#moe.splat<0.0 : f32>]");
}

TEST_F(CalibrationTest, UnreachedExpertsAreListed) {
  ModelOp uniform = parse(withoutPreference(getModel(false)));
  auto calibration = create(uniform);
  auto unreached = calibration->findUnreachedExperts();
  ASSERT_TRUE(bool(unreached));
  std::vector<int64_t> numbers;
  for (const UnreachedExpert &expert : *unreached) {
    EXPECT_EQ(expert.gate, "gates");
    EXPECT_EQ(expert.layer, 0);
    numbers.push_back(expert.expert);
  }
  EXPECT_THAT(numbers, ElementsAre(2, 3));
  EXPECT_EQ(describeUnreached(*unreached, 4),
            "2 of 4 experts were never reached by the calibration text: "
            "gates 2, gates 3");
  EXPECT_EQ(getInputs(*calibration, "gates", 1).rows, 2 * window);
  EXPECT_EQ(getInputs(*calibration, "gates", 2).rows, 0);
  EXPECT_EQ(getInputs(*calibration, "downs", 3).rows, 0);
}

TEST_F(CalibrationTest, ReachedExpertsAreNotListed) {
  auto unreached = create(model)->findUnreachedExperts();
  ASSERT_TRUE(bool(unreached));
  EXPECT_TRUE(unreached->empty());
}

TEST(DescribeUnreached, NamesTheFirstFew) {
  std::vector<UnreachedExpert> experts(9, {"g", 0, 7});
  EXPECT_THAT(describeUnreached(experts, 20),
              testing::EndsWith("g 7, g 7, ..."));
}

//===----------------------------------------------------------------------===//
// Sensitivities
//===----------------------------------------------------------------------===//

TEST_F(CalibrationTest, SensitivityIsTheCostOfAnError) {
  // Nothing that this expert bank computes is used.
  std::string text = getModel(false), from = "[#moe.random<11, 0.3 : f32>]";
  text.replace(text.find(from), from.size(), "[#moe.splat<0.0 : f32>]");
  auto calibration = create(parse(text));
  auto costs = calibration->measureSensitivities({"embed", "gates", "o", "q"});
  ASSERT_TRUE(bool(costs)) << llvm::toString(costs.takeError());
  EXPECT_EQ(costs->lookup("gates"), 0.0);
  EXPECT_GT(costs->lookup("q"), 0.0);
  EXPECT_GT(costs->lookup("o"), 0.0);
  // The head's own error meets every logit.
  EXPECT_GT(costs->lookup("embed"), costs->lookup("q"));
  auto again = create(parse(text), 3)->measureSensitivities({"o"});
  ASSERT_TRUE(bool(again));
  EXPECT_EQ(again->lookup("o"), costs->lookup("o"));
}

TEST_F(CalibrationTest, SensitivityNeedsAUse) {
  auto costs = create(model)->measureSensitivities({"unused"});
  ASSERT_FALSE(bool(costs));
  EXPECT_EQ(llvm::toString(costs.takeError()),
            "weight @unused multiplies no rows of the text");
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

TEST_F(CalibrationTest, TextNeedsOneWindow) {
  EXPECT_EQ(getError(model, llvm::ArrayRef(tokens).take_front(5)),
            "text.txt: has 5 tokens, calibration needs 6");
  EXPECT_EQ(getError(model, {}), "text.txt: has 0 tokens, calibration needs 6");
}

TEST_F(CalibrationTest, WindowNeedsATokens) {
  CalibrationOptions options = getOptions();
  options.window = 0;
  EXPECT_EQ(getError(model, tokens, options),
            "a window of 0 tokens, when it should have at least 1");
}

TEST_F(CalibrationTest, TokensLieInTheVocabulary) {
  EXPECT_EQ(getError(model, {1, 2, 3, 12, 4, 5}),
            "text.txt: token 12, the vocabulary has 12");
}

TEST_F(CalibrationTest, TextNeedsATokenizer) {
  auto calibration = Calibration::create(model, "", "words", getOptions());
  ASSERT_FALSE(bool(calibration));
  EXPECT_EQ(
      llvm::toString(calibration.takeError()),
      "text.txt: is text, which needs a tokenizer, and the model has none");
}

TEST_F(CalibrationTest, WeightNeedsAUse) {
  auto rows = create(model)->getInputs(model.lookupSymbol<WeightOp>("unused"), 0);
  ASSERT_FALSE(bool(rows));
  EXPECT_EQ(llvm::toString(rows.takeError()),
            "weight @unused multiplies no rows of the text");
}

TEST_F(CalibrationTest, RowsAreFinite) {
  std::string text = getModel(false), from = "[#moe.random<2, 1.0 : f32>]";
  text.replace(text.find(from), from.size(), "[#moe.splat<0x7F800000 : f32>]");
  ModelOp infinite = parse(text);
  auto calibration = create(infinite);
  auto rows = calibration->getInputs(infinite.lookupSymbol<WeightOp>("q"), 0);
  ASSERT_FALSE(bool(rows));
  EXPECT_EQ(llvm::toString(rows.takeError()),
            "text.txt: weight @q meets rows that are not finite");
  auto routed =
      calibration->getInputs(infinite.lookupSymbol<WeightOp>("gates"), 0);
  ASSERT_FALSE(bool(routed));
  EXPECT_EQ(llvm::toString(routed.takeError()),
            "moe.route: row 0 has a logit that is not finite");
}

TEST_F(CalibrationTest, OtherRowsThanTheBatchAreRefused) {
  std::string text = getModel(false), from = "%q at %positions";
  text.replace(text.find(from), from.size(), "%q at %sequences");
  EXPECT_EQ(getError(parse(text), tokens),
            "moe.rope: works on other rows than the batch's, which cannot be "
            "calibrated");
}

TEST_F(CalibrationTest, ModelNeedsForward) {
  model.lookupSymbol("forward")->erase();
  EXPECT_EQ(getError(model, tokens), "model @m has no function @forward");
}

} // namespace
