//===- LearnThenTestTest.cpp - p-values against exact ones, and the order -===//
#include "moe/Exit/LearnThenTest.h"
#include "llvm/Support/Error.h"
#include <cmath>
#include <gmock/gmock.h>

using namespace moe;
using namespace testing;

namespace {
struct ExactCase {
  int64_t prompts, losses;
  double delta, pValue;
};

/// Inputs/p_values.py prints it.
const ExactCase exactCases[] = {
    {59, 0, 0.05, 0.048494525249423236},
    {58, 0, 0.05, 0.051046868683603405},
    {100, 1, 0.05, 0.084279638238095714},
    {100, 2, 0.05, 0.29691895116700523},
    {100, 5, 0.05, 1},
    {100, 50, 0.05, 1},
    {100, 100, 0.05, 1},
    {472, 9, 0.05, 0.001172764247754103},
    {472, 1, 0.02, 0.0018892426635520984},
    {899, 8, 0.02, 0.018281758306185787},
    {1, 0, 0.5, 0.5},
    {1, 1, 0.5, 1},
    {10, 3, 0.9, 2.4795079526472026e-05},
    {20000, 100, 0.01, 7.847440048715611e-15},
    {20000, 900, 0.05, 0.0014299080666736147},
    {5000, 0, 0.2, 0},
};

TEST(LearnThenTest, PValuesAreExact) {
  for (const ExactCase &each : exactCases) {
    double mean = double(each.losses) / double(each.prompts);
    double pValue = getHoeffdingBentkusPValue(mean, each.prompts, each.delta);
    EXPECT_NEAR(pValue, each.pValue, 1e-9 * each.pValue)
        << each.losses << " of " << each.prompts << " at " << each.delta;
  }
}

TEST(LearnThenTest, PValuesRiseWithTheRisk) {
  double last = 0;
  for (int i = 0; i <= 400; ++i) {
    double pValue = getHoeffdingBentkusPValue(i / 400.0, 130, 0.1);
    EXPECT_GE(pValue, last) << i;
    last = pValue;
  }
  EXPECT_EQ(last, 1);
}

/// A mean loss between two counts is taken for the greater in Bentkus' bound,
/// where that is the lesser p-value.
TEST(LearnThenTest, LossesMayBeFractions) {
  double between = getHoeffdingBentkusPValue(0.5 / 472, 472, 0.02);
  EXPECT_LE(between, getHoeffdingBentkusPValue(1.0 / 472, 472, 0.02));
  EXPECT_GT(between, getHoeffdingBentkusPValue(0, 472, 0.02));
}

TEST(LearnThenTest, LeastPromptsAreLeast) {
  EXPECT_EQ(getLeastPrompts({0.05, 0.05}), 59);
  for (double delta : {0.001, 0.02, 0.05, 0.3, 0.9})
    for (double epsilon : {0.001, 0.05, 0.1, 0.5}) {
      int64_t least = getLeastPrompts({delta, epsilon});
      EXPECT_LE(std::pow(1 - delta, double(least)), epsilon * (1 + 1e-9));
      if (least > 1)
        EXPECT_GT(std::pow(1 - delta, double(least - 1)),
                  epsilon * (1 - 1e-9));
    }
}

/// `count` prompts of which `lost` lost.
std::vector<double> getLosses(int64_t count, int64_t lost) {
  std::vector<double> losses(count, 0.0);
  std::fill_n(losses.begin(), lost, 1.0);
  return losses;
}

std::string getMessage(llvm::Error error) {
  return llvm::toString(std::move(error));
}

TEST(LearnThenTest, TheFirstThatIsNotRejectedEndsTheTest) {
  // The third loses too much; the fourth, which loses nothing, is not tried.
  const int64_t lost[] = {0, 1, 9, 0};
  std::vector<int64_t> tried;
  auto outcome =
      testInSequence(4, {0.05, 0.05},
                     [&](int64_t i) -> llvm::Expected<std::vector<double>> {
                       tried.push_back(i);
                       return getLosses(200, lost[i]);
                     });
  ASSERT_TRUE(bool(outcome)) << getMessage(outcome.takeError());
  EXPECT_EQ(outcome->accepted, 2);
  EXPECT_THAT(tried, ElementsAre(0, 1, 2));
  ASSERT_EQ(outcome->tested.size(), 3u);
  EXPECT_DOUBLE_EQ(outcome->tested[2].risk, 0.045);
  EXPECT_LE(outcome->tested[1].pValue, 0.05);
  EXPECT_GT(outcome->tested[2].pValue, 0.05);
}

TEST(LearnThenTest, AllMayHold) {
  auto outcome =
      testInSequence(3, {0.05, 0.05},
                     [](int64_t) -> llvm::Expected<std::vector<double>> {
                       return getLosses(100, 0);
                     });
  ASSERT_TRUE(bool(outcome)) << getMessage(outcome.takeError());
  EXPECT_EQ(outcome->accepted, 3);
}

TEST(LearnThenTest, RisksMayBeTiny) {
  // ln(1e-9) / ln(1 - 1e-9) is a bit above 20723265826.
  EXPECT_NEAR(double(getLeastPrompts({1e-9, 1e-9})), 20723265827.0, 2);
  EXPECT_NEAR(getHoeffdingBentkusPValue(0, 1000000, 1e-17), 1, 1e-9);
  // Where 1 - delta is 1, delta counts nevertheless.
  EXPECT_NEAR(getHoeffdingBentkusPValue(0, int64_t(1e18), 1e-17),
              std::exp(-10.0), 1e-12);
}

TEST(LearnThenTest, TooFewPromptsSayHowManyAreNeeded) {
  EXPECT_EQ(getMessage(verifyPromptCount(58, {0.05, 0.05})),
            "58 prompts to test with, 59 are needed for a risk of 0.05 with an "
            "error of 0.05");
  EXPECT_EQ(getMessage(verifyPromptCount(59, {0.05, 0.05})), "");
  auto outcome =
      testInSequence(3, {0.01, 0.1},
                     [](int64_t) -> llvm::Expected<std::vector<double>> {
                       return getLosses(12, 0);
                     });
  EXPECT_EQ(getMessage(outcome.takeError()),
            "12 prompts to test with, 230 are needed for a risk of 0.01 with "
            "an error of 0.1");
}

TEST(LearnThenTest, WhatGoesWrongInARunIsPassedOn) {
  auto outcome =
      testInSequence(3, {0.05, 0.05},
                     [](int64_t) -> llvm::Expected<std::vector<double>> {
                       return llvm::createStringError("the disk is gone");
                     });
  EXPECT_EQ(getMessage(outcome.takeError()), "the disk is gone");
}
} // namespace
