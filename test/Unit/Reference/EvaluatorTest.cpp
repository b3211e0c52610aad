//===- EvaluatorTest.cpp - what IR tests of the evaluator cannot show -----===//
#include "moe/Reference/Evaluator.h"

#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using namespace moe::reference;
using testing::ElementsAre;

namespace {

/// A layer of attention with one head of one feature, and what it takes.
constexpr const char *attentionModel = R"(
moe.model @m family "null" context 8 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x1xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 1 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 1 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x1xf32>
    %kv1 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions
      : tensor<?x1xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 1 x f32>
    %a = moe.attention %x over %kv1 layer 0 at %sequences, %positions heads 1 scale 1.0
      : tensor<?x1xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 1 x f32>
    %last = moe.pick %a rows %wanted : tensor<?x1xf32>, tensor<?xi32> -> tensor<?x1xf32>
    %logits = moe.linear %last by @embed : tensor<?x1xf32> -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !moe.kv<1 x 1 x 1 x f32>
  }
})";

class EvaluatorTest : public testing::Test {
protected:
  EvaluatorTest() {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(attentionModel, &context);
    model = *module->getOps<ModelOp>().begin();
    forward = model.lookupSymbol<mlir::func::FuncOp>("forward");
  }
  static Integers column(std::vector<int32_t> values) {
    return {int64_t(values.size()), 1, std::move(values)};
  }
  std::vector<Value> run(Evaluator &evaluator, std::vector<Value> arguments) {
    auto results = evaluator.evaluate(forward, std::move(arguments));
    if (results)
      return std::move(*results);
    ADD_FAILURE() << llvm::toString(results.takeError());
    return {Matrix(), KvState()};
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  mlir::func::FuncOp forward;
};

TEST_F(EvaluatorTest, ObserverSeesEveryResultInOrder) {
  std::vector<std::string> seen;
  int64_t rows = 0;
  Evaluator evaluator(model, [&](mlir::OpResult result, const Value &value) {
    seen.push_back(result.getOwner()->getName().stripDialect().str());
    if (auto *matrix = std::get_if<Matrix>(&value))
      rows += matrix->rows;
  });
  auto logits = evaluator.evaluateTokens({1, 2});
  ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
  EXPECT_THAT(seen,
              ElementsAre("embed", "kv_append", "attention", "pick", "linear"));
  EXPECT_EQ(rows, 4 * 2);
}

TEST_F(EvaluatorTest, StateIsAValue) {
  Evaluator evaluator(model);
  Integers zero = column({0});
  auto first = run(evaluator, {zero, zero, zero, zero, KvState()});
  // Kept here, so what is appended later must not reach it.
  KvState kept = std::get<KvState>(first[1]);
  auto second =
      run(evaluator, {zero, zero, column({1}), zero, std::move(first[1])});
  EXPECT_EQ(kept.table->size(), 1u);
  EXPECT_EQ(std::get<KvState>(second[1]).table->size(), 2u);
}

TEST_F(EvaluatorTest, OnlyOwnerAppendsInPlace) {
  Evaluator evaluator(model);
  Integers zero = column({0});
  auto first = run(evaluator, {zero, zero, zero, zero, KvState()});
  const KvState::Table *before = std::get<KvState>(first[1]).table.get();
  std::vector<Value> arguments = {zero, zero, column({1}), zero};
  arguments.push_back(std::move(first[1])); // An initialiser list would copy.
  auto second = run(evaluator, std::move(arguments));
  EXPECT_EQ(std::get<KvState>(second[1]).table.get(), before);
}

TEST_F(EvaluatorTest, RaggedBatchIsItsSequencesOneByOne) {
  Evaluator evaluator(model);
  auto alone = run(evaluator, {column({3, 4}), column({0, 0}), column({0, 1}),
                               column({1}), KvState()});
  auto other = run(evaluator, {column({5, 6}), column({9, 9}), column({0, 1}),
                               column({1}), KvState()});
  auto both = run(evaluator, {column({5, 3, 4, 6}), column({9, 0, 0, 9}),
                              column({0, 0, 1, 1}), column({2, 3}), KvState()});
  std::vector<double> expected = std::get<Matrix>(alone[0]).values;
  for (double value : std::get<Matrix>(other[0]).values)
    expected.push_back(value);
  EXPECT_EQ(std::get<Matrix>(both[0]).values, expected);
}

TEST_F(EvaluatorTest, CallsNeedTheRightArguments) {
  auto results = Evaluator(model).evaluate(forward, {KvState()});
  ASSERT_FALSE(bool(results));
  EXPECT_EQ(llvm::toString(results.takeError()),
            "function @forward takes 5 arguments, 1 given");
}

TEST_F(EvaluatorTest, ContextLimitsTokens) {
  auto logits =
      evaluateTokens(model, std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 0});
  ASSERT_FALSE(bool(logits));
  EXPECT_EQ(llvm::toString(logits.takeError()),
            "9 tokens given, the context is 8");
}

} // namespace
