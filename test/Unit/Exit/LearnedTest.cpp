//===- LearnedTest.cpp - the exit policy that learns ----------------------===//
#include "LogisticFit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitPolicy.h"
#include "moe/Exit/Transforms/Passes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace moe;
using testing::SizeIs;

namespace {

double getLikelihood(const LogisticModel &model,
                     const std::vector<double> &features) {
  double sum = model.bias;
  for (size_t i = 0; i < features.size(); ++i)
    sum += model.weights[i] * features[i];
  return 1 / (1 + std::exp(-sum));
}

double draw(std::mt19937 &generator) {
  return double(generator()) / generator.max();
}

TEST(LogisticFitTest, FindsWhatSamplesWereDrawnFrom) {
  LogisticModel truth{{4, -2}, -1};
  std::mt19937 generator(1);
  std::vector<LogisticSample> samples;
  for (int i = 0; i < 20000; ++i) {
    std::vector<double> features = {draw(generator), 3 * draw(generator)};
    bool happened = draw(generator) < getLikelihood(truth, features);
    samples.push_back({features, happened});
  }
  LogisticModel found = fitLogistic(samples);
  EXPECT_NEAR(found.weights[0], 4, 0.25);
  EXPECT_NEAR(found.weights[1], -2, 0.1);
  EXPECT_NEAR(found.bias, -1, 0.15);
}

TEST(LogisticFitTest, IsFiniteWhereSamplesCanBeToldApart) {
  std::vector<LogisticSample> samples;
  for (int i = 0; i < 100; ++i)
    samples.push_back({{i / 100.0, 7}, i >= 50});
  LogisticModel found = fitLogistic(samples);
  EXPECT_GT(getLikelihood(found, {0.6, 7}), 0.75);
  EXPECT_LT(getLikelihood(found, {0.4, 7}), 0.25);
  // What never changes says nothing.
  EXPECT_NEAR(found.weights[1], 0, 1e-9);
}

TEST(LogisticFitTest, IsSureOfWhatAlwaysHappens) {
  std::vector<LogisticSample> samples(50, {{0.5}, true});
  double likelihood = getLikelihood(fitLogistic(samples), {0.5});
  EXPECT_GT(likelihood, 0.9);
  EXPECT_LT(likelihood, 1);
}

class LearnedTest : public testing::Test {
protected:
  std::unique_ptr<ExitPolicy> create() {
    return getRegistry().exitPolicies.at("learned")();
  }
  /// At the second exit more agree.
  std::vector<ExitSample> draw(unsigned seed) {
    std::mt19937 generator(seed);
    std::vector<ExitSample> samples(500);
    for (ExitSample &sample : samples)
      for (double least : {0.7, 0.4}) {
        std::vector<double> watched;
        for (int i = 0; i < 4; ++i)
          watched.push_back(::draw(generator));
        sample.exits.push_back({0, watched, watched[1] > least});
      }
    return samples;
  }
  std::string fail(const std::vector<ExitSample> &samples) {
    return llvm::toString(create()->fit(samples));
  }
};

TEST_F(LearnedTest, EachExitLearnsWhatCounts) {
  std::unique_ptr<ExitPolicy> policy = create();
  ASSERT_FALSE(policy->fit(draw(1)));
  std::vector<double> fit = policy->getFit();
  ASSERT_THAT(fit, SizeIs(10));
  for (size_t exit : {0, 5}) {
    EXPECT_GT(fit[exit + 1], 8);
    for (size_t other : {0, 2, 3})
      EXPECT_LT(std::abs(fit[exit + other]), 3);
  }
  // Margins where an exit is as likely right as wrong.
  auto getMiddle = [&](size_t exit) {
    double others = 0.5 * (fit[exit] + fit[exit + 2] + fit[exit + 3]);
    return -(fit[exit + 4] + others) / fit[exit + 1];
  };
  EXPECT_NEAR(getMiddle(0), 0.7, 0.05);
  EXPECT_NEAR(getMiddle(5), 0.4, 0.05);
}

/// A pass may be given a policy that was fitted before.
TEST_F(LearnedTest, FitGoesIntoTheModel) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(
      MOE_SOURCE_DIR "/test/Exit/Inputs/decoder.mlir", &context);
  ASSERT_TRUE(bool(module));
  std::shared_ptr<ExitPolicy> policy = create();
  ASSERT_FALSE(policy->fit(draw(1)));
  InsertExitsPassOptions options;
  options.layers = {1, 2, 3};
  mlir::PassManager manager(&context);
  manager.addNestedPass<ModelOp>(createInsertExitsPass(policy, options));
  ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
  std::vector<double> found;
  module->walk([&](LogisticOp op) {
    for (llvm::APFloat weight :
         op.getWeights().getAsValueRange<mlir::FloatAttr>())
      found.push_back(weight.convertToDouble());
    found.push_back(op.getBias().convertToDouble());
  });
  // An exit that nothing was learned of is judged as before.
  std::vector<double> expected = policy->getFit();
  for (double number : {10.0, 0.0, 0.0, 0.0, -6.8})
    expected.push_back(number);
  EXPECT_EQ(found, expected);
}

TEST_F(LearnedTest, SameSamplesMakeTheSameFit) {
  std::unique_ptr<ExitPolicy> one = create(), other = create();
  ASSERT_FALSE(one->fit(draw(2)));
  ASSERT_FALSE(other->fit(draw(3)));
  EXPECT_NE(one->getFit(), other->getFit());
  ASSERT_FALSE(other->fit(draw(2)));
  EXPECT_EQ(one->getFit(), other->getFit());
}

TEST_F(LearnedTest, SamplesThatDoNotFitAreRefused) {
  EXPECT_EQ(fail({}), "no tokens to learn from, expected 1 or more");
  std::vector<ExitSample> samples = draw(4);
  samples[7].exits.pop_back();
  EXPECT_EQ(fail(samples), "a token passed 1 exits, the first one 2");
  samples = draw(4);
  samples[7].exits[1].watched.pop_back();
  EXPECT_EQ(fail(samples), "a token has 3 numbers at an exit, expected 4");
  samples = draw(4);
  samples[7].exits[1].watched[2] = NAN;
  EXPECT_EQ(fail(samples),
            "a token has a number at an exit that is not finite");
}

TEST_F(LearnedTest, NumbersThatAreNoFitAreRefused) {
  EXPECT_EQ(llvm::toString(create()->setFit(std::vector<double>(7), 1)),
            "7 numbers of a policy that has 5 for each of 1 exits");
  EXPECT_EQ(llvm::toString(create()->setFit({}, 1)),
            "0 numbers of a policy that has 5 for each of 1 exits");
  EXPECT_EQ(llvm::toString(create()->setFit(std::vector<double>(5, INFINITY), 1)),
            "a number of a policy is not finite");
  EXPECT_EQ(
      llvm::toString(getRegistry().exitPolicies.at("top1")()->setFit({1}, 1)),
      "exit policy 'top1' is given 1 fitted numbers, it has 0");
}

} // namespace
