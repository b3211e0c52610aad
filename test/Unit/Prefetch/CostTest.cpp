//===- CostTest.cpp - guesses are kept where they pay, and only there -----===//
#include "moe/Prefetch/CostModel.h"

#include "ComputeCosts.h"
#include "GuessDecision.h"
#include "TraceBuilder.h"
#include "moe/Analysis/ModelFacts.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/Import.h"
#include "moe/Model/WeightData.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <numeric>

using namespace moe;
using testing::HasSubstr;

//===----------------------------------------------------------------------===//
// Guesses of given quality
//===----------------------------------------------------------------------===//

namespace {

/// A machine on which a layer computes and an expert is read for so long.
struct Machine {
  double layerSeconds, readSeconds;
};
constexpr Machine linkIdle{4e-3, 1e-3}, linkBound{10e-6, 1e-3};

class GuessDecisionTest : public testing::Test {
protected:
  GuessDecisionTest() {
    TraceOptions options;
    options.layers = 6;
    options.experts = 16;
    options.rows = 300;
    options.locality = 0.6;
    options.skew = 0.5;
    trace = makeTrace(options);
  }

  /// Guesses of which this share is right; the wrong ones are known to be so
  /// if `honest`.
  std::vector<TraceGuesses> guess(int64_t ahead, int64_t count, double share,
                                  bool honest) const {
    std::vector<TraceGuesses> all;
    for (int64_t layer = ahead; layer < int64_t(trace.layers.size()); ++layer) {
      TraceGuesses guesses;
      guesses.layer = layer;
      guesses.count = count;
      for (size_t row = 0; row < trace.rows.size(); ++row) {
        const int32_t *chosen = &trace.choices[layer][row * trace.chosen];
        llvm::SmallVector<int32_t> taken;
        for (int64_t j = 0; j < count; ++j) {
          uint64_t n = (layer * trace.rows.size() + row) * count + j;
          bool isRight = j < trace.chosen && std::abs(std::sin(n * 12.9898)) <
                                                 std::sin(share * 1.5707963);
          int32_t expert = isRight ? chosen[j] : n * 7919 % trace.experts;
          while (llvm::is_contained(taken, expert))
            expert = (expert + 1) % trace.experts;
          taken.push_back(expert);
          guesses.experts.push_back(expert);
          guesses.confidence.push_back(isRight || !honest ? 0.9f : 0.1f);
        }
      }
      all.push_back(std::move(guesses));
    }
    return all;
  }

  GuessDecision decide(Machine machine, double share, bool honest = false,
                       FixedLimits fixed = {}) {
    CacheSimulationOptions cache;
    cache.capacity = 36;
    cache.layerSeconds.assign(trace.layers.size(), machine.layerSeconds);
    cache.readSeconds = machine.readSeconds;
    auto demand = simulateCache(trace, cache);
    EXPECT_TRUE(bool(demand)) << llvm::toString(demand.takeError());
    before = *demand;
    GuessInput input{trace, cache, before, before.seconds / trace.rows.size(),
                     4096,  fixed};
    auto decision = decideGuesses(input, [&](int64_t ahead, int64_t count) {
      return llvm::Expected<std::vector<TraceGuesses>>(
          guess(ahead, count, share, honest));
    });
    EXPECT_TRUE(bool(decision)) << llvm::toString(decision.takeError());
    return std::move(*decision);
  }

  RoutingTrace trace;
  CacheSimulationResult before;
};

TEST_F(GuessDecisionTest, AnOracleIsHeardWhereTheLinkIdles) {
  GuessDecision decision = decide(linkIdle, 1);
  EXPECT_FALSE(decision.layers[0].guess);
  EXPECT_EQ(decision.layers[0].reason, "no layer with experts comes before");
  for (const LayerDecision &layer : llvm::drop_begin(decision.layers)) {
    EXPECT_TRUE(layer.guess) << layer.reason;
    EXPECT_NEAR(layer.recall, 1, 0.05);
    EXPECT_LT(layer.wastePerUseful, 0.05);
    EXPECT_LT(layer.stallAfter, 0.2 * layer.stallBefore);
    EXPECT_THAT(layer.reason, HasSubstr("hides "));
  }
  EXPECT_LT(decision.result.seconds, before.seconds);
}

TEST_F(GuessDecisionTest, AnOracleNeverCosts) {
  for (double read : {1e-5, 1e-4, 1e-3, 1e-2}) {
    GuessDecision decision = decide({1e-3, read}, 1);
    EXPECT_LE(decision.result.seconds, before.seconds) << read;
  }
}

TEST_F(GuessDecisionTest, NobodyGuessesOnABusyLink) {
  GuessDecision decision = decide(linkBound, 0.85);
  for (const LayerDecision &layer : llvm::drop_begin(decision.layers)) {
    EXPECT_FALSE(layer.guess);
    EXPECT_THAT(layer.reason, HasSubstr("the link is busy: "));
    EXPECT_EQ(layer.stallAfter, layer.stallBefore);
  }
  EXPECT_EQ(decision.result.seconds, before.seconds);
}

TEST_F(GuessDecisionTest, UselessGuessesAreDropped) {
  GuessDecision decision = decide(linkIdle, 0);
  for (const LayerDecision &layer : llvm::drop_begin(decision.layers)) {
    EXPECT_FALSE(layer.guess);
    EXPECT_LT(layer.recall, 0.5);
    EXPECT_THAT(layer.reason, HasSubstr("too many guesses are wrong: "));
  }
}

TEST_F(GuessDecisionTest, TheThresholdKeepsWhatIsSure) {
  // Half of the guesses are wrong, and said to be.
  GuessDecision decision = decide(linkIdle, 0.5, /*honest=*/true);
  for (const LayerDecision &layer : llvm::drop_begin(decision.layers)) {
    EXPECT_TRUE(layer.guess) << layer.reason;
    EXPECT_GT(layer.threshold, 0.1);
    EXPECT_LT(layer.wastePerUseful, 0.05);
  }
}

TEST_F(GuessDecisionTest, WhatIsFixedStays) {
  FixedLimits fixed;
  fixed.ahead = 2;
  fixed.count = 1;
  fixed.threshold = 0.25;
  GuessDecision decision = decide(linkIdle, 1, false, fixed);
  EXPECT_EQ(decision.layers[1].reason, "the predictor has no guess for it");
  for (const LayerDecision &layer : llvm::drop_begin(decision.layers, 2)) {
    EXPECT_TRUE(layer.guess) << layer.reason;
    EXPECT_EQ(layer.ahead, 2);
    EXPECT_EQ(layer.count, 1);
    EXPECT_EQ(layer.threshold, 0.25);
  }
}

TEST_F(GuessDecisionTest, TheRuleHolds) {
  for (Machine machine : {linkIdle, linkBound, Machine{1e-3, 1e-3}})
    for (double share : {0.3, 0.6, 0.9})
      for (const LayerDecision &layer : decide(machine, share).layers) {
        if (!layer.guess)
          continue;
        double misses = layer.missBytes / 4096 * machine.readSeconds;
        EXPECT_LT(layer.wastePerUseful * layer.recall * misses,
                  std::min(layer.computeSeconds, layer.recall * misses));
      }
}

//===----------------------------------------------------------------------===//
// Whole estimates
//===----------------------------------------------------------------------===//

class EstimateTest : public testing::Test {
protected:
  EstimateTest() : context(mlir::MLIRContext::Threading::DISABLED) {
    Registry registry;
    registerPlugins(registry);
    auto imported =
        importCheckpoint(MOE_SOURCE_DIR "/models/tiny-moe", registry, context);
    EXPECT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
    module = std::move(imported->module);
    model = *module->getOps<ModelOp>().begin();
    plan.emplace(model);

    TraceOptions options;
    options.layers = 6;
    options.rows = 400;
    options.locality = 0.5;
    options.skew = 0.5;
    trace = makeTrace(options);
    auto facts = ModelFacts::get(model);
    EXPECT_TRUE(bool(facts)) << llvm::toString(facts.takeError());
    trace.model = facts->getFingerprint(model);

    profile.name = "test";
    profile.linkKind = "disk";
    profile.memoryBandwidth = 10e9;
    profile.memoryBytes = 1e9;
    profile.operationsPerSecond = 1e15;
    profile.linkBandwidth = 1e9;
    profile.linkLatency = 1e-4;
  }

  llvm::Expected<ScheduleEstimate> tryEstimate(int64_t entries,
                                               llvm::StringRef policy) {
    return estimateSchedule(*plan, model, trace, profile, nullptr, policy,
                            entries * entryBytes);
  }
  ScheduleEstimate estimate(int64_t entries, llvm::StringRef policy = "lru") {
    auto result = tryEstimate(entries, policy);
    EXPECT_TRUE(bool(result)) << llvm::toString(result.takeError());
    return std::move(*result);
  }
  std::string getError(int64_t entries) {
    auto result = tryEstimate(entries, "lru");
    return result ? "no error" : llvm::toString(result.takeError());
  }

  /// 3 matrices of 256 x 128 bf16.
  static constexpr int64_t entryBytes = 3 * 256 * 128 * 2;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  std::optional<ParameterPlan> plan;
  RoutingTrace trace;
  DeviceProfile profile;
};

TEST_F(EstimateTest, ATokenReadsItsActiveBytes) {
  ComputeCosts costs = getComputeCosts(*plan, model, profile);
  EXPECT_NEAR(costs.getSeconds() * profile.memoryBandwidth,
              double(plan->getActiveBytes()), 1e-6 * plan->getActiveBytes());
  EXPECT_EQ(costs.layers, std::vector<int>({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(costs.entryBytes, uint64_t(entryBytes));
  EXPECT_EQ(costs.chosen, 2);
  EXPECT_EQ(costs.totalExperts, 48);
  // Where arithmetic is slow, it counts.
  profile.operationsPerSecond = 1e6;
  double head = 2048 * 256;
  EXPECT_NEAR(getComputeCosts(*plan, model, profile).getSeconds(),
              2 * (plan->getMacs() + head) / 1e6,
              0.01 * 2 * plan->getMacs() / 1e6);
}

TEST_F(EstimateTest, MoreMemoryNeverWaitsLonger) {
  for (const char *policy : {"lru", "belady"}) {
    double last = INFINITY;
    for (int64_t entries = 2; entries <= 48; ++entries) {
      ScheduleEstimate now = estimate(entries, policy);
      EXPECT_LE(now.stallSeconds, last * (1 + 1e-9))
          << policy << " with " << entries;
      last = now.stallSeconds;
    }
    EXPECT_EQ(last, 0);
  }
}

TEST_F(EstimateTest, NoTokenIsWorseThanTheWorst) {
  ScheduleEstimate now = estimate(12);
  ComputeCosts costs = getComputeCosts(*plan, model, profile);
  CacheSimulationOptions options;
  options.capacity = 12;
  options.layerSeconds = costs.layerSeconds;
  options.readSeconds =
      profile.linkLatency + entryBytes / profile.linkBandwidth;
  double longest = 0;
  for (size_t row = 0; row < trace.rows.size(); ++row) {
    auto result = simulateCache(trace.slice(row, row + 1), options);
    ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
    longest = std::max(longest, result->seconds + costs.tailSeconds);
  }
  EXPECT_LE(longest, now.worstTokenSeconds * (1 + 1e-9));
  // A cold token misses everything, and little of that hides behind computing.
  EXPECT_GT(longest, 0.8 * now.worstTokenSeconds);
  EXPECT_LE(now.tokenSeconds, now.worstTokenSeconds);
}

TEST_F(EstimateTest, NumbersFitTogether) {
  ScheduleEstimate now = estimate(8);
  EXPECT_EQ(now.capacity, 8);
  EXPECT_EQ(now.rows, 200);
  EXPECT_EQ(now.tokenBytes, uint64_t(12 * entryBytes));
  EXPECT_NEAR(now.tokenSeconds, now.computeSeconds + now.stallSeconds,
              1e-9 * now.tokenSeconds);
  EXPECT_GE(now.beladyHitRate, now.hitRate);
  EXPECT_GE(now.beladyHitRate, now.sharedLruHitRate);
  EXPECT_NEAR(now.missesPerToken, 12 * (1 - now.hitRate), 1e-9);
  double misses = 0, stall = 0;
  for (const LayerDecision &layer : now.layers) {
    misses += layer.missBytes / entryBytes;
    stall += layer.stallAfter;
    EXPECT_EQ(layer.reason, "nobody guesses");
  }
  EXPECT_NEAR(misses, now.missesPerToken, 1e-9);
  EXPECT_NEAR(stall, now.stallSeconds, 1e-9 * now.stallSeconds);
}

TEST_F(EstimateTest, NamesTheCliff) {
  std::string below = estimate(11).feasibility;
  EXPECT_THAT(
      below, testing::StartsWith("budget 2.1 MiB is below one token's cycle of "
                                 "2.2 MiB: a shared lru would hit "));
  for (const char *policy : {", arc ", ", lfu ", ", priority ", ", belady "})
    EXPECT_THAT(below, HasSubstr(policy));
  // A share holds what a row chooses: below the cycle there is no partition.
  EXPECT_THAT(below, testing::Not(HasSubstr("partitioned")));
  std::string above = estimate(24).feasibility;
  EXPECT_THAT(above, testing::StartsWith(
                         "budget 4.5 MiB is 2.0 of one token's cycle of "
                         "2.2 MiB: a shared lru would hit "));
  EXPECT_THAT(above, HasSubstr(", partitioned "));
  EXPECT_EQ(estimate(48).feasibility, "budget 9 MiB holds all 48 experts");
}

TEST_F(EstimateTest, SharesSaveWhatOneCacheLoses) {
  // Layer 0 wants the same two pairs in turn; what the others want in between
  // drives them out of one cache for all.
  for (size_t i = 0; i < trace.choices[0].size(); ++i)
    trace.choices[0][i] = i % 4;
  ScheduleEstimate now = estimate(14);
  EXPECT_FALSE(now.partition.empty());
  EXPECT_EQ(std::accumulate(now.partition.begin(), now.partition.end(), 0), 14);
  EXPECT_EQ(now.partition[0], 4);
  EXPECT_GT(now.hitRate, now.sharedLruHitRate + 0.05);
  EXPECT_EQ(*now.partitionedHitRate, now.hitRate);
}

TEST_F(EstimateTest, TooSmallABudgetNamesTheLeast) {
  EXPECT_EQ(getError(1), "memory budget of 196608 bytes is below the 2 experts "
                         "that one token needs at once, at least 393216 bytes");
  EXPECT_EQ(getError(2), "no error");
}

TEST_F(EstimateTest, UnknownPoliciesListTheKnown) {
  auto result = tryEstimate(12, "mru");
  ASSERT_FALSE(bool(result));
  EXPECT_THAT(
      llvm::toString(result.takeError()),
      testing::StartsWith("unknown cache policy 'mru', this build has: arc"));
}

TEST_F(EstimateTest, TracesAreOfThisModel) {
  trace.model ^= 1;
  EXPECT_THAT(getError(12), HasSubstr("fingerprint"));
  trace.model ^= 1;
  trace.layers = {0, 1, 2, 3, 4, 6};
  EXPECT_NE(getError(12), "no error");
  trace.layers = {0, 1, 2, 3, 5, 5};
  EXPECT_THAT(getError(12), HasSubstr("0, 1, 2, 3, 5, 5"));
}

TEST_F(EstimateTest, OneRowIsATrace) {
  trace = trace.slice(0, 1);
  EXPECT_EQ(estimate(12).rows, 1);
}

TEST_F(EstimateTest, ReportsSayThatTheyAreSimulated) {
  ScheduleEstimate now = estimate(12);
  std::string text;
  llvm::raw_string_ostream stream(text);
  printSchedule(now, stream);
  EXPECT_THAT(text, testing::StartsWith("simulated schedule of tiny-moe on "
                                        "test (disk), judged by 200 rows\n"));
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("moe-report", "json", path));
  llvm::Error error = writeScheduleReport(now, path);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  auto buffer = llvm::MemoryBuffer::getFile(path);
  llvm::sys::fs::remove(path);
  auto json = llvm::json::parse((*buffer)->getBuffer());
  ASSERT_TRUE(bool(json)) << llvm::toString(json.takeError());
  const llvm::json::Object &object = *json->getAsObject();
  EXPECT_EQ(object.getString("kind"), "simulated");
  EXPECT_EQ(object.getInteger("entries"), 12);
  EXPECT_EQ(object.getNumber("stall_seconds"), now.stallSeconds);
  EXPECT_EQ(object.getArray("layers")->size(), 6u);
}

TEST_F(EstimateTest, IsTheSameTwice) {
  std::string text[2];
  for (std::string &each : text) {
    llvm::raw_string_ostream stream(each);
    printSchedule(estimate(10), stream);
  }
  EXPECT_EQ(text[0], text[1]);
}

} // namespace
