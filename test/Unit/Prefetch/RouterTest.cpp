//===- RouterTest.cpp - later routers on the rows of earlier layers -------===//
#include "TraceBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using testing::HasSubstr;
using testing::Not;

namespace {

/// Two layers with routers; the pieces that differ are put in by the tests.
class RouterTest : public testing::Test {
protected:
  RouterTest() {
    context.loadDialect<MoeDialect, sched::SchedDialect,
                        mlir::func::FuncDialect>();
  }

  /// `first` and `second` make %r0 and %r1 of the residual streams %x and %y.
  void parse(const std::string &first, const std::string &second) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        R"mlir(
          moe.model @m family "null" context 32 vocabulary 8 from "." {
            moe.weight @n0 : tensor<64xf32> from [#moe.splat<1.0 : f32>]
            moe.weight @n1 : tensor<64xf32> from [#moe.splat<2.0 : f32>]
            moe.weight @w0 : tensor<8x64xf32> from [#moe.random<1, 1.0 : f32>]
            moe.weight @w1 : tensor<8x64xf32> from [#moe.random<2, 1.0 : f32>]
            moe.weight @half : tensor<8x32xf32> from [#moe.random<2, 1.0 : f32>]
            moe.weight @b1 : tensor<8xf32> from [#moe.splat<1.0 : f32>]
            moe.weight @q1 : tensor<8x64xf32>
              stored as #moe.code<"q8", planes, bits = 8, offset = 128>
              columns rotated 64 from [#moe.random<2, 1.0 : f32>]
            func.func @f(%p: tensor<?xi32>, %x: tensor<?x64xf32>,
                %y: tensor<?x64xf32>, %z: tensor<?x32xf32>)
                -> (tensor<?x8xf32>, tensor<?x8xf32>) {
        )mlir" +
            first + second +
            "return %r0, %r1 : tensor<?x8xf32>, tensor<?x8xf32>\n}\n}",
        &context);
    ASSERT_TRUE(module);
    model = *module->getOps<ModelOp>().begin();
    function = model.lookupSymbol<mlir::func::FuncOp>("f");
    mlir::Operation *back = function.getBody().front().getTerminator();
    layers.clear();
    for (int64_t i : {0, 1}) {
      RoutedLayer layer;
      layer.layer = 2 * i;
      layer.experts = 8;
      layer.chosen = 2;
      layer.logits = back->getOperand(i);
      layer.router = layer.logits.getDefiningOp<LinearOp>();
      layer.input = layer.router.getInput();
      layer.output = function.getArgument(2);
      layers.push_back(layer);
    }
  }

  /// What the predictor adds to the function, as text; empty: nothing.
  std::string build(const Predictor &predictor) {
    mlir::ImplicitLocOpBuilder builder(model.getLoc(), &context);
    builder.setInsertionPoint(function.getBody().front().getTerminator());
    PredictionSite site;
    site.model = model;
    site.layers = layers;
    site.from = 0;
    site.to = 1;
    site.positions = function.getArgument(0);
    mlir::Value scores = predictor.buildScores(builder, site);
    if (!scores)
      return "";
    EXPECT_TRUE(succeeded(mlir::verify(*module)));
    EXPECT_EQ(scores.getType(), layers[1].logits.getType());
    std::string text;
    llvm::raw_string_ostream os(text);
    for (mlir::Operation *op = layers[1].logits.getDefiningOp()->getNextNode();
         op != function.getBody().front().getTerminator();
         op = op->getNextNode())
      os << *op << '\n';
    return text;
  }
  std::string build(const std::string &name) {
    return build(*getRegistry().predictors.at(name)());
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  mlir::func::FuncOp function;
  std::vector<RoutedLayer> layers;
};

const std::string normed0 =
    "%h0 = moe.norm rms %x by @n0 epsilon 1.0e-06 groups 1 : tensor<?x64xf32>\n"
    "%r0 = moe.linear %h0 by @w0 : tensor<?x64xf32> -> tensor<?x8xf32>\n";
const std::string normed1 =
    "%h1 = moe.norm rms %y by @n1 epsilon 1.0e-05 groups 1 : tensor<?x64xf32>\n"
    "%r1 = moe.linear %h1 by @w1 bias @b1 : tensor<?x64xf32> -> "
    "tensor<?x8xf32>\n";
const std::string plain0 =
    "%r0 = moe.linear %x by @w0 : tensor<?x64xf32> -> tensor<?x8xf32>\n";
const std::string plain1 =
    "%r1 = moe.linear %y by @w1 : tensor<?x64xf32> -> tensor<?x8xf32>\n";
const std::string levels =
    "tensor<?x64x!moe.quantized<i8 rotated 64>> -> tensor<?x8xf32>\n";
const std::string coded1 =
    "%h1 = moe.norm rms %y by @n1 epsilon 1.0e-05 groups 1 : tensor<?x64xf32>\n"
    "%l1 = moe.quantize %h1 : tensor<?x64xf32> -> "
    "tensor<?x64x!moe.quantized<i8 rotated 64>>\n"
    "%r1 = moe.linear %l1 by @q1 : " +
    levels;

TEST_F(RouterTest, NormalisesAsTheLaterLayerDoes) {
  parse(normed0, normed1);
  std::string text = build("cross-layer-gate");
  EXPECT_THAT(text, HasSubstr("moe.norm rms %arg1 by @n1 epsilon 1.0e-05"));
  EXPECT_THAT(text, HasSubstr(" by @w1 bias @b1 "));
}

TEST_F(RouterTest, TakesTheResidualStreamBehindALayer) {
  parse(normed0, normed1);
  std::string text = build("cross-layer-gate-output");
  EXPECT_THAT(text, HasSubstr("moe.norm rms %arg2 by @n1 epsilon 1.0e-05"));
  EXPECT_THAT(text, HasSubstr(" by @w1 bias @b1 "));
}

TEST_F(RouterTest, TakesRowsAsTheyAreWithoutANorm) {
  parse(normed0, plain1);
  std::string text = build("cross-layer-gate");
  EXPECT_THAT(text, Not(HasSubstr("moe.norm")));
  EXPECT_THAT(text, HasSubstr("moe.linear %n0 by @w1"));
  parse(plain0, normed1);
  EXPECT_THAT(build("cross-layer-gate"),
              HasSubstr("moe.norm rms %arg1 by @n1"));
}

TEST_F(RouterTest, QuantisesForARouterThatIsStoredAsACode) {
  parse(normed0, coded1);
  std::string text = build("cross-layer-gate");
  EXPECT_THAT(text, HasSubstr("moe.norm rms %arg1 by @n1"));
  EXPECT_THAT(text, HasSubstr("moe.quantize"));
  EXPECT_THAT(text, HasSubstr(" by @q1 : tensor<?x64x!moe.quantized"));
}

/// Levels of an earlier router are no rows for a later one: what they were made
/// of is.
TEST_F(RouterTest, LooksBehindLevels) {
  std::string coded0 = coded1;
  for (auto [from, to] : {std::pair("%h1", "%h0"), std::pair("%l1", "%l0"),
                          std::pair("%r1", "%r0"), std::pair("%y", "%x")})
    for (size_t at; (at = coded0.find(from)) != coded0.npos;)
      coded0.replace(at, std::string(from).size(), to);
  parse(coded0, normed1);
  std::string text = build("cross-layer-gate");
  EXPECT_THAT(text, HasSubstr("moe.norm rms %arg1 by @n1 epsilon 1.0e-05"));
  EXPECT_THAT(text, Not(HasSubstr("moe.quantize ")));
}

TEST_F(RouterTest, DeclinesWhatDoesNotFit) {
  parse(normed0, "%r1 = moe.linear %z by @half : tensor<?x32xf32> -> "
                 "tensor<?x8xf32>\n");
  EXPECT_EQ(build("cross-layer-gate"), "");
  EXPECT_EQ(build("cross-layer-gate-output"), "");
  parse(normed0, normed1);
  layers[1].router = {};
  EXPECT_EQ(build("cross-layer-gate"), "");
  parse(normed0, normed1);
  layers[0].input = layers[0].output = {};
  EXPECT_EQ(build("cross-layer-gate"), "");
  EXPECT_EQ(build("cross-layer-gate-output"), "");
  // Rows that arrive rotated are of no basis that another layer knows.
  parse(normed0, "%l1 = moe.quantize %y arrived rotated : tensor<?x64xf32> -> "
                 "tensor<?x64x!moe.quantized<i8 rotated 64>>\n"
                 "%r1 = moe.linear %l1 by @q1 : " +
                     levels);
  EXPECT_EQ(build("cross-layer-gate"), "");
}

//===----------------------------------------------------------------------===//
// Weights of predictors' own
//===----------------------------------------------------------------------===//

RoutingTrace makeTwoLayers() {
  TraceOptions options;
  options.layers = 2;
  options.rows = 40;
  return makeTrace(options);
}

TEST_F(RouterTest, WeightsAreNamedByTheirLayerOnce) {
  parse(normed0, normed1);
  auto pattern = getRegistry().predictors.at("pattern")();
  llvm::cantFail(pattern->fit(makeTwoLayers()));
  EXPECT_THAT(build(*pattern), HasSubstr("by @predictor.2.transitions :"));
  EXPECT_THAT(build(*pattern), HasSubstr("by @predictor.2.transitions.1 :"));
  auto weight = model.lookupSymbol<WeightOp>("predictor.2.transitions");
  ASSERT_TRUE(weight);
  EXPECT_TRUE(weight.getTensorType().getElementType().isF32());
  // Declarations stand before functions.
  EXPECT_TRUE(weight->isBeforeInBlock(function));
}

/// Values have as many digits as text of them.
TEST_F(RouterTest, WeightsMeanTheSameAsTheirText) {
  parse(normed0, normed1);
  auto learned = getRegistry().predictors.at("learned")();
  llvm::cantFail(learned->fit(makeTwoLayers()));
  EXPECT_THAT(build(*learned), HasSubstr("by @predictor.2.linear"));
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  auto again = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(again);
  auto read = *again->getOps<ModelOp>().begin();
  int64_t weights = 0;
  for (auto weight : model.getOps<WeightOp>()) {
    auto other = read.lookupSymbol<WeightOp>(weight.getSymName());
    EXPECT_EQ(weight.getSources(), other.getSources())
        << weight.getSymName().str();
    weights += weight.getSymName().starts_with("predictor.");
  }
  EXPECT_EQ(weights, 7);
}

/// In a model, rows of the table are positions; as many as there may be.
TEST_F(RouterTest, OracleLooksUpPositions) {
  parse(normed0, normed1);
  RoutingTrace trace = makeTwoLayers();
  trace.rows[1].position = 5;
  auto oracle = getRegistry().predictors.at("oracle")();
  llvm::cantFail(oracle->fit(trace));
  EXPECT_THAT(build(*oracle),
              HasSubstr("moe.embed %arg0 by @predictor.2.choices"));
  auto weight = model.lookupSymbol<WeightOp>("predictor.2.choices");
  EXPECT_EQ(weight.getTensorType().getShape(),
            (llvm::ArrayRef<int64_t>{32, 8}));
  auto values = llvm::cast<ValuesAttr>(weight.getSources()[0]).getElements();
  for (int64_t e = 0; e < 8; ++e) {
    auto chose = [&](int64_t row) {
      return trace.choices[1][row * 2] == e ||
             trace.choices[1][row * 2 + 1] == e;
    };
    EXPECT_EQ(values[0 * 8 + e], chose(0));
    EXPECT_EQ(values[1 * 8 + e], 0);        // no row has this position
    EXPECT_EQ(values[5 * 8 + e], chose(1)); // row 5 comes second
    EXPECT_EQ(values[31 * 8 + e], chose(31));
  }
}

TEST_F(RouterTest, DeclinesOtherNumbersOfExperts) {
  TraceOptions options;
  options.layers = 2;
  options.experts = 4;
  options.rows = 40;
  for (std::string name : {"pattern", "adaptive", "learned", "oracle"}) {
    parse(normed0, normed1);
    auto predictor = getRegistry().predictors.at(name)();
    llvm::cantFail(predictor->fit(makeTrace(options)));
    EXPECT_EQ(build(*predictor), "") << name;
  }
  for (std::string name : {"previous-layer", "multi-layer"}) {
    parse(normed0, normed1);
    layers[1].experts = 4;
    EXPECT_EQ(build(name), "") << name;
  }
}

} // namespace
