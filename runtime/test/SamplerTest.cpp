//===- SamplerTest.cpp - what the sampler may and may not pick ------------===//
#include "sampler/Sampler.h"
#include "moert/moert.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <set>

using namespace moert;

namespace {

int32_t pick(Sampler &sampler, const std::vector<float> &logits) {
  int32_t token = -1;
  Status status = sampler.pick(logits.data(), int64_t(logits.size()), token);
  EXPECT_TRUE(status.ok()) << status.message();
  return token;
}

std::map<int32_t, int> histogram(const SamplerOptions &options,
                                 const std::vector<float> &logits, int draws) {
  Sampler sampler(options);
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i)
    ++counts[pick(sampler, logits)];
  return counts;
}

std::string failure(const std::vector<float> &logits) {
  Sampler sampler({});
  int32_t token = -1;
  Status status = sampler.pick(logits.data(), int64_t(logits.size()), token);
  EXPECT_EQ(token, -1);
  return status.message();
}

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Sampler, GreedyPicksLargestAndLowestOfEquals) {
  Sampler sampler({});
  EXPECT_EQ(pick(sampler, {0.5f, 2.0f, 1.0f}), 1);
  EXPECT_EQ(pick(sampler, {3.0f, -1.0f, 3.0f}), 0);
  EXPECT_EQ(pick(sampler, {-infinity, -5.0f}), 1);
  EXPECT_EQ(pick(sampler, {-7.0f}), 0);
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  EXPECT_EQ(failure({1, std::nanf(""), 3}),
            "the logit of token 1 of 3 is not a number");
  EXPECT_EQ(failure({1, infinity}),
            "the largest of 2 logits is infinite (token 1)");
  EXPECT_EQ(failure({-infinity, -infinity}),
            "the largest of 2 logits is infinite (token 0)");
  EXPECT_EQ(failure({}), "cannot pick one of 0 tokens");
}

TEST(Sampler, ExpAgreesWithTheLibrary) {
  for (double x = 0; x > -600; x -= 0.37)
    EXPECT_NEAR(portableExp(x) / std::exp(x), 1, 1e-14) << x;
  EXPECT_EQ(portableExp(0), 1);
  EXPECT_EQ(portableExp(-std::numeric_limits<double>::infinity()), 0);
}

// Fixed for ever: other numbers would change what users get for a seed.
TEST(Sampler, StreamIsSplitMix64) {
  RandomStream stream(1234567);
  EXPECT_EQ(stream.next(), 6457827717110365317u);
  EXPECT_EQ(stream.next(), 3203168211198807973u);
}

// Pearson's statistic of 40,000 draws; 7 degrees of freedom, so 24.3 has a
// chance of 0.001. The seed is fixed: the test passes always or never.
TEST(Sampler, DrawsFollowTheDistribution) {
  std::vector<float> logits = {0, 1, -1, 2, 0.5, -0.5, 1.5, -2};
  const double temperature = 0.8;
  const int draws = 40000;
  double total = 0, statistic = 0;
  for (float logit : logits)
    total += std::exp(logit / temperature);
  auto counts = histogram({temperature, 0, 1, 11}, logits, draws);
  for (size_t i = 0; i < logits.size(); ++i) {
    double expected = draws * std::exp(logits[i] / temperature) / total;
    double distance = counts[int32_t(i)] - expected;
    statistic += distance * distance / expected;
  }
  EXPECT_LT(statistic, 24.3);
  EXPECT_GT(statistic, 0.5); // too good is as suspicious
}

TEST(Sampler, LowTemperatureIsAlmostGreedy) {
  auto counts = histogram({1e-3, 0, 1, 3}, {0, 1, 0.9f}, 200);
  EXPECT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[1], 200);
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  std::vector<float> logits = {1, 3, 2, 3, 0};
  auto one = histogram({1, 1, 1, 5}, logits, 100);
  EXPECT_EQ(one[1], 100); // 1 and 3 tie: the lower id stays
  auto two = histogram({1, 2, 1, 5}, logits, 400);
  EXPECT_EQ(two.size(), 2u);
  EXPECT_GT(two[1], 100);
  EXPECT_GT(two[3], 100);
  EXPECT_EQ(histogram({5, 5, 1, 5}, logits, 2000).size(), 5u);
  EXPECT_EQ(histogram({5, 99, 1, 5}, logits, 2000).size(), 5u);
}

TEST(Sampler, TopPKeepsTheFewestThatHoldIt) {
  // Probabilities 0.5, 0.25, 0.125, 0.125.
  float step = float(std::log(2.0));
  std::vector<float> logits = {-2 * step, 0, -step, -2 * step};
  EXPECT_EQ(histogram({1, 0, 1e-9, 7}, logits, 100).size(), 1u);
  EXPECT_EQ(histogram({1, 0, 0.49, 7}, logits, 100).size(), 1u);
  auto two = histogram({1, 0, 0.74, 7}, logits, 400);
  EXPECT_EQ(two.size(), 2u);
  EXPECT_GT(two[1], two[2]);
  auto three = histogram({1, 0, 0.76, 7}, logits, 400);
  EXPECT_EQ(three.size(), 3u);
  EXPECT_EQ(three.count(3), 0u); // 0 and 3 tie: the lower id stays
  EXPECT_EQ(histogram({1, 0, 1, 7}, logits, 400).size(), 4u);
}

// Of the two that top-k leaves, the first holds 2/3: top-p counts within them.
TEST(Sampler, TopPFollowsTopK) {
  float step = float(std::log(2.0));
  std::vector<float> logits = {0, -step, -2 * step, -2 * step};
  EXPECT_EQ(histogram({1, 2, 0.6, 9}, logits, 200).size(), 1u);
  EXPECT_EQ(histogram({1, 0, 0.6, 9}, logits, 200).size(), 2u);
}

// Temperature comes first: at 4 the first holds 0.35, not 0.5.
TEST(Sampler, TopPFollowsTemperature) {
  float step = float(std::log(2.0));
  std::vector<float> logits = {0, -step, -2 * step, -2 * step};
  EXPECT_EQ(histogram({1, 0, 0.45, 9}, logits, 200).size(), 1u);
  EXPECT_EQ(histogram({4, 0, 0.45, 9}, logits, 200).size(), 2u);
}

TEST(Sampler, SameSeedSameTokens) {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(i % 7) * 0.3f;
  auto run = [&](uint64_t seed) {
    Sampler sampler({1, 40, 0.9, seed});
    std::vector<int32_t> tokens;
    for (int i = 0; i < 64; ++i)
      tokens.push_back(pick(sampler, logits));
    return tokens;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

// A pick is the same whenever it is made, and leaves the others as they are.
TEST(Sampler, PicksOutOfOrder) {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(i % 7) * 0.3f;
  auto pickAt = [&](Sampler &sampler, uint64_t draw) {
    int32_t token = -1;
    EXPECT_TRUE(sampler.pickAt(draw, logits.data(), 100, token).ok());
    return token;
  };
  Sampler inOrder({1, 40, 0.9, 17}), other({1, 40, 0.9, 17});
  std::vector<int32_t> tokens;
  for (uint64_t i = 0; i < 32; ++i) {
    tokens.push_back(pick(inOrder, logits));
    EXPECT_EQ(pickAt(other, 31 - i), pickAt(other, 31 - i));
    EXPECT_EQ(pick(other, logits), tokens.back());
  }
  EXPECT_GT(std::set<int32_t>(tokens.begin(), tokens.end()).size(), 8u);
  for (uint64_t i = 32; i-- > 0;)
    EXPECT_EQ(pickAt(other, i), tokens[i]);
}

std::string creationFailure(float temperature, int32_t topK, float topP) {
  moert_sampler_options_t options;
  moert_sampler_options_init(&options);
  options.temperature = temperature;
  options.top_k = topK;
  options.top_p = topP;
  moert_sampler_t *sampler = nullptr;
  Status status(moert_sampler_create(&options, &sampler));
  EXPECT_EQ(sampler, nullptr);
  EXPECT_EQ(status.code(), MOERT_INVALID_ARGUMENT);
  return status.message();
}

TEST(Sampler, RefusesImpossibleOptions) {
  EXPECT_EQ(creationFailure(-1, 0, 1),
            "temperature is -1 when it should be 0 (greedy) or above");
  EXPECT_EQ(creationFailure(std::nanf(""), 0, 1),
            "temperature is nan when it should be 0 (greedy) or above");
  EXPECT_EQ(creationFailure(1, -2, 1),
            "top-k is -2 when it should be 0 (all) or above");
  EXPECT_EQ(creationFailure(1, 0, 0),
            "top-p is 0 when it should be above 0 and at most 1");
  EXPECT_EQ(creationFailure(1, 0, 1.5f),
            "top-p is 1.5 when it should be above 0 and at most 1");
}

TEST(Sampler, CApiPicks) {
  moert_sampler_options_t options;
  moert_sampler_options_init(&options);
  moert_sampler_t *sampler = nullptr;
  ASSERT_TRUE(Status(moert_sampler_create(&options, &sampler)).ok());
  float logits[] = {0, 4, 4};
  int32_t token = -1;
  EXPECT_TRUE(Status(moert_sampler_pick(sampler, logits, 3, &token)).ok());
  EXPECT_EQ(token, 1);
  EXPECT_FALSE(Status(moert_sampler_pick(sampler, nullptr, 3, &token)).ok());
  token = -1;
  EXPECT_TRUE(
      Status(moert_sampler_pick_at(sampler, 9, logits, 3, &token)).ok());
  EXPECT_EQ(token, 1);
  moert_sampler_free(sampler);
}

} // namespace
