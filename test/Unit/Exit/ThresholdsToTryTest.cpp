//===- ThresholdsToTryTest.cpp - what calibrations try, of every policy ---===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitPolicy.h"
#include <gmock/gmock.h>

using namespace moe;
using namespace testing;

namespace {
TEST(ThresholdsToTry, FallFromTheSurestScoreToTheLeast) {
  for (const auto &[name, make] : getRegistry().exitPolicies) {
    auto policy = make();
    auto [least, most] = policy->getRange();
    std::vector<double> thresholds = policy->getThresholdsToTry(5);
    ASSERT_GE(thresholds.size(), 2u) << name;
    for (size_t i = 1; i < thresholds.size(); ++i)
      EXPECT_LT(thresholds[i], thresholds[i - 1]) << name;
    EXPECT_LE(thresholds.front(), most) << name;
    // Last, all leave.
    EXPECT_EQ(thresholds.back(), least) << name;
    EXPECT_GT(thresholds.front(), policy->getDefaultThreshold()) << name;
    EXPECT_LT(thresholds.back(), policy->getDefaultThreshold()) << name;
  }
}

TEST(ThresholdsToTry, AreEasyToRead) {
  std::vector<double> thresholds =
      getRegistry().exitPolicies.at("top1")()->getThresholdsToTry(5);
  EXPECT_THAT(thresholds,
              ElementsAre(0.9961, 0.9945, 0.9922, 0.989, 0.9844, 0.9779, 0.9688,
                          0.9558, 0.9375, 0.9116, 0.875, 0.8232, 0.75, 0.6464,
                          0.5, 0.2929, 0));
}

TEST(ThresholdsToTry, OfPatienceAreStreaks) {
  auto patience = getRegistry().exitPolicies.at("patience")();
  EXPECT_THAT(patience->getThresholdsToTry(3), ElementsAre(3, 2, 1));
}
} // namespace
