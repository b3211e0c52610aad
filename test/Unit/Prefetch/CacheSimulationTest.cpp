//===- CacheSimulationTest.cpp - laws that simulations must obey ----------===//
#include "moe/Prefetch/CacheSimulation.h"

#include "TraceBuilder.h"
#include "cache/CachePolicy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>
#include <set>

using namespace moe;

namespace {

CacheSimulationResult simulate(const RoutingTrace &trace,
                               const CacheSimulationOptions &options) {
  llvm::Expected<CacheSimulationResult> result = simulateCache(trace, options);
  if (result)
    return *result;
  ADD_FAILURE() << llvm::toString(result.takeError());
  return {};
}

std::string getError(const RoutingTrace &trace,
                     const CacheSimulationOptions &options) {
  llvm::Expected<CacheSimulationResult> result = simulateCache(trace, options);
  return result ? "" : llvm::toString(result.takeError());
}

CacheSimulationOptions with(const std::string &policy, int64_t capacity) {
  CacheSimulationOptions options;
  options.policy = policy;
  options.capacity = capacity;
  return options;
}

/// A trace of which only the choices count: choose(row, layer) gives them.
template <typename Choose>
RoutingTrace makeChoices(int64_t layers, int64_t experts, int64_t chosen,
                         int64_t rows, int64_t rowsPerForward,
                         const Choose &choose) {
  RoutingTrace trace;
  trace.experts = experts;
  trace.chosen = chosen;
  trace.choices.resize(layers);
  for (int64_t layer = 0; layer < layers; ++layer)
    trace.layers.push_back(int(layer));
  for (int64_t row = 0; row < rows; ++row) {
    trace.rows.push_back({0, 0, int32_t(row), int32_t(row / rowsPerForward)});
    for (int64_t layer = 0; layer < layers; ++layer) {
      std::vector<int32_t> choice = choose(row, layer);
      trace.choices[layer].insert(trace.choices[layer].end(), choice.begin(),
                                  choice.end());
    }
  }
  return trace;
}

/// Right guesses for all layers but the first ones.
std::vector<TraceGuesses> guessRight(const RoutingTrace &trace, int64_t ahead) {
  std::vector<TraceGuesses> result;
  for (size_t layer = ahead; layer < trace.layers.size(); ++layer) {
    TraceGuesses guesses;
    guesses.layer = layer;
    guesses.count = trace.chosen;
    guesses.experts = trace.choices[layer];
    guesses.confidence.assign(guesses.experts.size(), 1);
    result.push_back(guesses);
  }
  return result;
}

/// What a layer of a forward wants, as keys.
std::vector<std::set<moert::ExpertKey>> getPasses(const RoutingTrace &trace) {
  std::vector<std::set<moert::ExpertKey>> passes;
  int64_t forwards = trace.rows.back().forward + 1;
  for (int64_t forward = 0; forward < forwards; ++forward)
    for (size_t layer = 0; layer < trace.layers.size(); ++layer) {
      passes.emplace_back();
      for (size_t row = 0; row < trace.rows.size(); ++row)
        for (int64_t j = 0; j < trace.chosen; ++j)
          if (trace.rows[row].forward == forward)
            passes.back().insert(layer * trace.experts +
                                 trace.choices[layer][row * trace.chosen + j]);
    }
  return passes;
}

/// Hits of a policy that is driven by hand.
int64_t driveByHand(const RoutingTrace &trace, const std::string &name,
                    int64_t capacity) {
  std::vector<std::set<moert::ExpertKey>> passes = getPasses(trace);
  moert::CachePolicyOptions options;
  options.keys = trace.layers.size() * trace.experts;
  options.capacity = capacity;
  options.experts = trace.experts;
  for (const auto &pass : passes)
    options.future.insert(options.future.end(), pass.begin(), pass.end());
  auto policy = moert::findCachePolicy(name.c_str())->create(options);
  std::set<moert::ExpertKey> in;
  int64_t hits = 0;
  for (const auto &pass : passes) {
    for (moert::ExpertKey key : pass) {
      hits += in.count(key);
      policy->use(key);
    }
    for (moert::ExpertKey key : pass) {
      if (in.count(key))
        continue;
      if (int64_t(in.size()) == capacity) {
        moert::ExpertKey victim = policy->victim(
            [&](moert::ExpertKey other) { return !pass.count(other); });
        policy->remove(victim);
        EXPECT_EQ(in.erase(victim), 1u);
      }
      policy->insert(key, false);
      in.insert(key);
    }
  }
  return hits;
}

const char *const allPolicies[] = {"arc", "belady", "lfu", "lru", "priority"};

} // namespace

//===----------------------------------------------------------------------===//
// Hits
//===----------------------------------------------------------------------===//

TEST(CacheSimulation, HitsAsPoliciesThatAreDrivenByHand) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    TraceOptions options;
    options.seed = seed;
    options.layers = 1 + seed % 4;
    options.rows = 90;
    options.rowsPerForward = 1 + seed % 3;
    options.skew = 0.5;
    options.locality = seed % 2 ? 0.8 : 0;
    RoutingTrace trace = makeTrace(options);
    for (const char *policy : allPolicies)
      for (int64_t capacity : {6, 9, 20}) {
        CacheSimulationResult result = simulate(trace, with(policy, capacity));
        EXPECT_EQ(result.hits, driveByHand(trace, policy, capacity))
            << policy << ", seed " << seed << ", capacity " << capacity;
        EXPECT_EQ(result.hits + result.misses, result.uses);
        EXPECT_EQ(result.reads, result.misses);
      }
  }
}

TEST(CacheSimulation, NobodyHitsMoreThanBelady) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    TraceOptions options;
    options.seed = seed;
    options.rows = 120;
    options.rowsPerForward = 1 + seed % 2;
    options.skew = 0.3 * double(seed % 4);
    RoutingTrace trace = makeTrace(options);
    for (int64_t capacity : {4, 8, 14, 24}) {
      int64_t bound = simulate(trace, with("belady", capacity)).hits;
      for (const char *policy : allPolicies)
        EXPECT_LE(simulate(trace, with(policy, capacity)).hits, bound)
            << policy << ", seed " << seed << ", capacity " << capacity;
    }
  }
}

/// Rows of one forward read an expert once. Of uniform routing the saving is
/// known, and so is its variance: an expert stays out with probability
/// q = (1 - k/E)^B, two of them with ((E-k)(E-k-1) / (E(E-1)))^B.
TEST(CacheSimulation, RowsOfAForwardShareReads) {
  struct Case {
    double rows, chosen, experts;
  };
  for (auto [B, k, E] : {Case{1, 2, 8},
                         {2, 2, 8},
                         {8, 2, 8},
                         {4, 2, 64},
                         {16, 8, 128},
                         {32, 1, 16},
                         {64, 16, 128}}) {
    std::mt19937_64 random(7);
    constexpr int64_t forwards = 200;
    auto choose = [&, k = k, E = E](int64_t, int64_t) {
      std::vector<int32_t> all(static_cast<size_t>(E));
      for (size_t i = 0; i < all.size(); ++i)
        all[i] = int32_t(i);
      for (size_t i = 0; i < size_t(k); ++i)
        std::swap(all[i], all[i + random() % (all.size() - i)]);
      all.resize(size_t(k));
      return all;
    };
    RoutingTrace trace = makeChoices(1, int64_t(E), int64_t(k),
                                     int64_t(B) * forwards, int64_t(B), choose);
    double uses = double(simulate(trace, with("lru", int64_t(E))).uses);
    double saving = 1 - uses / (B * k * forwards);
    double q = std::pow(1 - k / E, B);
    double two = std::pow((E - k) * (E - k - 1) / (E * (E - 1)), B);
    double variance = E * q * (1 - q) + E * (E - 1) * (two - q * q);
    double sigma = std::sqrt(std::max(variance, 0.0) / forwards) / (k * B);
    double expected = 1 - E * (1 - q) / (k * B);
    EXPECT_NEAR(saving, expected, 3 * sigma + 1e-12)
        << "B " << B << ", k " << k << ", E " << E;
    if (B == 64)
      EXPECT_NEAR(saving, 0.875, 0.0005);
  }
}

/// Every token wants the same: one layer's experts less than its cycle, and LRU
/// always evicts what comes next. (A layer uses all its experts before the
/// first of them enters, so entries between save a part of each layer.)
TEST(CacheSimulation, LruFallsOffTheCliff) {
  RoutingTrace trace = makeChoices(6, 8, 2, 50, 1, [](int64_t, int64_t) {
    return std::vector{3, 5};
  });
  constexpr int64_t cycle = 6 * 2;
  EXPECT_EQ(simulate(trace, with("lru", cycle - 2)).hits, 0);
  EXPECT_EQ(simulate(trace, with("lru", cycle - 1)).hits, 49 * 6);
  EXPECT_GT(simulate(trace, with("belady", cycle - 2)).getHitRate(), 0.7);
  EXPECT_EQ(simulate(trace, with("lru", cycle)).misses, cycle);
}

TEST(CacheSimulation, APartitionHitsWhereASharedCacheDoesNot) {
  // Two tokens take turns: a cycle of 24 experts through 18 entries.
  RoutingTrace trace = makeChoices(6, 8, 2, 50, 1, [](int64_t row, int64_t) {
    return row % 2 ? std::vector{0, 1} : std::vector{2, 3};
  });
  CacheSimulationOptions options = with("lru", 18);
  EXPECT_EQ(simulate(trace, options).hits, 0);
  EXPECT_GT(simulate(trace, with("belady", 18)).getHitRate(), 0.5);
  options.partition = choosePartition(trace, 18);
  EXPECT_THAT(options.partition,
              testing::UnorderedElementsAre(2, 2, 2, 4, 4, 4));
  CacheSimulationResult result = simulate(trace, options);
  EXPECT_EQ(result.hits,
            3 * 2 * 48); // all but the first of each, in three layers
}

/// A layer that wants more than fits computes in several goes.
TEST(CacheSimulation, WantsMoreThanFits) {
  RoutingTrace trace = makeChoices(2, 8, 2, 40, 4, [](int64_t row, int64_t) {
    return std::vector<int32_t>{int32_t(row % 4 * 2), int32_t(row % 4 * 2 + 1)};
  });
  for (const char *policy : allPolicies) {
    CacheSimulationResult result = simulate(trace, with(policy, 3));
    EXPECT_EQ(result.uses, 10 * 2 * 8) << policy;
    EXPECT_LE(result.hits, 10 * 2 * 3) << policy;
    CacheSimulationOptions partitioned = with(policy, 5);
    partitioned.partition = {3, 2};
    EXPECT_EQ(simulate(trace, partitioned).uses, 10 * 2 * 8) << policy;
  }
}

//===----------------------------------------------------------------------===//
// Guesses
//===----------------------------------------------------------------------===//

/// Nothing is ever wanted twice, and all guesses are right: hits are the
/// guesses that fit beside what the layer before uses.
TEST(CacheSimulation, GuessesRespectTheCapacity) {
  RoutingTrace trace = makeChoices(4, 120, 3, 40, 1, [](int64_t row, int64_t) {
    return std::vector<int32_t>{int32_t(3 * row), int32_t(3 * row + 1),
                                int32_t(3 * row + 2)};
  });
  std::vector<TraceGuesses> guesses = guessRight(trace, 1);
  for (int64_t capacity = 3; capacity <= 9; ++capacity)
    for (const char *policy : allPolicies) {
      CacheSimulationOptions options = with(policy, capacity);
      EXPECT_EQ(simulate(trace, options).hits, 0);
      options.guesses = &guesses;
      options.count = 3;
      CacheSimulationResult result = simulate(trace, options);
      EXPECT_EQ(result.hits, 40 * 3 * std::min<int64_t>(3, capacity - 3))
          << policy << ", capacity " << capacity;
      EXPECT_EQ(result.guessesRead, result.hits);
      EXPECT_EQ(result.guessesUseful, result.hits);
      EXPECT_EQ(result.reads, result.uses);
    }
}

/// Nor do they evict what the layer uses, or what is expected.
TEST(CacheSimulation, UselessGuessesOnlyCostReads) {
  RoutingTrace trace =
      makeChoices(3, 16, 2, 60, 1, [](int64_t row, int64_t layer) {
        return std::vector<int32_t>{int32_t((row / 7 + layer) % 8),
                                    int32_t((row / 5) % 8 + 8)};
      });
  std::vector<TraceGuesses> guesses = guessRight(trace, 1);
  for (TraceGuesses &wrong : guesses)
    for (int32_t &expert : wrong.experts)
      expert = (expert + 4) % 8 + expert / 8 * 8;
  for (const char *policy : allPolicies) {
    CacheSimulationOptions options = with(policy, 12);
    CacheSimulationResult before = simulate(trace, options);
    options.guesses = &guesses;
    options.count = 2;
    CacheSimulationResult after = simulate(trace, options);
    EXPECT_GT(after.guessesRead, after.guessesUseful) << policy;
    EXPECT_EQ(after.reads, after.misses + after.guessesRead) << policy;
    EXPECT_LE(after.hits, before.hits + after.guessesUseful) << policy;
    // Of the limits each has an effect.
    options.count = 0;
    EXPECT_EQ(simulate(trace, options).guessesRead, 0);
    options.count = 2;
    options.threshold = 1.01;
    EXPECT_EQ(simulate(trace, options).guessesRead, 0);
    options.limits = {{1, 0, 0}, {1, 2, 0}};
    CacheSimulationResult limited = simulate(trace, options);
    EXPECT_THAT(limited.layerGuessesRead,
                testing::ElementsAre(0, 0, testing::Gt(0)));
  }
}

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

TEST(CacheSimulation, ObeysTheLawOfOneLayer) {
  constexpr double computing = 1, reading = 3;
  constexpr int64_t rows = 400;
  int64_t step = 0;
  std::mt19937_64 random(3);
  RoutingTrace trace = makeChoices(1, 16, 1, rows, 1, [&](int64_t, int64_t) {
    step += 1 + random() % 15; // never the same twice
    return std::vector<int32_t>{int32_t(step % 16)};
  });
  CacheSimulationOptions options = with("lru", 1);
  options.layerSeconds = {computing};
  options.readSeconds = reading;
  CacheSimulationResult base = simulate(trace, options);
  EXPECT_EQ(base.hits, 0);
  double last = 0;
  for (int64_t capacity : {2, 4, 8, 12, 16}) {
    options.capacity = capacity;
    CacheSimulationResult result = simulate(trace, options);
    double missing = double(result.misses) / double(result.uses);
    double gain = base.seconds / result.seconds;
    EXPECT_NEAR(gain, (computing + reading) / (computing + missing * reading),
                1e-9);
    EXPECT_LE(gain, (computing + reading) / computing);
    EXPECT_GT(gain, last);
    EXPECT_NEAR(result.seconds, rows * computing + result.stallSeconds, 1e-9);
    EXPECT_NEAR(result.linkSeconds, result.stallSeconds, 1e-9);
    last = gain;
  }
}

TEST(CacheSimulation, GuessesAreReadWhileLayersCompute) {
  auto choose = [](int64_t row, int64_t) {
    return std::vector<int32_t>{int32_t(row)};
  };
  RoutingTrace trace = makeChoices(2, 8, 1, 1, 1, choose);
  std::vector<TraceGuesses> guesses = guessRight(trace, 1);
  CacheSimulationOptions options = with("lru", 2);
  options.layerSeconds = {1, 1};
  options.readSeconds = 3;
  options.guesses = &guesses;
  options.count = 1;
  // 3 for layer 0; of layer 1, a third was read while layer 0 computed.
  CacheSimulationResult right = simulate(trace, options);
  EXPECT_THAT(right.layerStallSeconds, testing::ElementsAre(3, 2));
  EXPECT_EQ(right.seconds, 7);
  EXPECT_EQ(right.linkSeconds, 6);
  EXPECT_EQ(right.misses, 2); // it had not arrived
  EXPECT_EQ(right.guessesUseful, 1);
  EXPECT_EQ(right.reads, 2);
  // A wrong one is given up half read.
  guesses[0].experts = {5};
  CacheSimulationResult wrong = simulate(trace, options);
  EXPECT_THAT(wrong.layerStallSeconds, testing::ElementsAre(3, 3));
  EXPECT_EQ(wrong.linkSeconds, 7);
  EXPECT_EQ(wrong.guessesUseful, 0);
  // With time enough nobody waits for it.
  guesses[0].experts = {0};
  options.layerSeconds = {4, 1};
  CacheSimulationResult early = simulate(trace, options);
  EXPECT_THAT(early.layerStallSeconds, testing::ElementsAre(3, 0));
  EXPECT_EQ(early.hits, 1);
}

/// However good the guesses, computing and the link bound the time from below.
TEST(CacheSimulation, NoGuessBeatsComputingOrTheLink) {
  TraceOptions traceOptions;
  traceOptions.rows = 100;
  RoutingTrace trace = makeTrace(traceOptions);
  std::vector<TraceGuesses> guesses = guessRight(trace, 2);
  for (double reading : {0.01, 0.3, 1.0, 5.0}) {
    CacheSimulationOptions options = with("lru", 12);
    options.layerSeconds.assign(4, 1);
    options.readSeconds = reading;
    CacheSimulationResult onDemand = simulate(trace, options);
    options.guesses = &guesses;
    options.count = 2;
    options.ahead = 2;
    CacheSimulationResult result = simulate(trace, options);
    EXPECT_LE(result.seconds, onDemand.seconds);
    EXPECT_GE(result.seconds, 100 * 4);
    EXPECT_GE(result.seconds, result.linkSeconds);
    double all = double(onDemand.uses) * reading;
    EXPECT_LE((100 * 4 + all) / result.seconds, (100 * 4 + all) / (100 * 4));
  }
}

//===----------------------------------------------------------------------===//
// Curves and partitions
//===----------------------------------------------------------------------===//

TEST(HitCurves, AreThoseOfLru) {
  for (int64_t rowsPerForward : {1, 3}) {
    TraceOptions options;
    options.rows = 120;
    options.skew = 0.6;
    options.locality = 0.5;
    options.rowsPerForward = rowsPerForward;
    RoutingTrace trace = makeTrace(options);
    std::vector<std::vector<int64_t>> curves = getHitCurves(trace);
    ASSERT_EQ(curves.size(), 4u);
    for (int64_t entries = 6; entries <= 8; ++entries) { // 3 rows want up to 6
      CacheSimulationOptions simulation = with("lru", 4 * entries);
      simulation.partition.assign(4, entries);
      CacheSimulationResult result = simulate(trace, simulation);
      for (size_t layer = 0; layer < 4; ++layer) {
        ASSERT_EQ(curves[layer].size(), 9u);
        EXPECT_EQ(curves[layer][entries],
                  result.layerUses[layer] - result.layerMisses[layer]);
      }
    }
    EXPECT_EQ(curves[0][0], 0);
  }
}

TEST(Partition, HitsMost) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    TraceOptions options;
    options.seed = seed;
    options.layers = 3;
    options.rows = 100;
    options.skew = double(seed % 3);
    options.locality = 0.6;
    RoutingTrace trace = makeTrace(options);
    std::vector<std::vector<int64_t>> curves = getHitCurves(trace);
    for (int64_t capacity : {6, 7, 11, 16, 23}) {
      int64_t best = 0;
      for (int64_t a = 2; a <= 8; ++a)
        for (int64_t b = 2; b <= 8; ++b)
          for (int64_t c = 2; c <= 8 && a + b + c <= capacity; ++c)
            best = std::max(best, curves[0][a] + curves[1][b] + curves[2][c]);
      CacheSimulationOptions simulation = with("lru", capacity);
      simulation.partition = choosePartition(trace, capacity);
      ASSERT_EQ(simulation.partition.size(), 3u);
      int64_t sum = 0;
      for (int64_t share : simulation.partition) {
        EXPECT_TRUE(share >= 2 && share <= 8) << share;
        sum += share;
      }
      EXPECT_EQ(sum, capacity);
      EXPECT_EQ(simulate(trace, simulation).hits, best);
    }
    EXPECT_THAT(choosePartition(trace, 5), testing::IsEmpty());
    EXPECT_THAT(choosePartition(trace, 99), testing::ElementsAre(8, 8, 8));
  }
}

//===----------------------------------------------------------------------===//
// Rejections
//===----------------------------------------------------------------------===//

TEST(CacheSimulation, RefusesWhatCannotBe) {
  RoutingTrace trace = makeTrace(TraceOptions());
  EXPECT_EQ(getError(trace, with("mru", 8)),
            "unknown cache policy 'mru', this build has: arc, belady, lfu, "
            "lrfu, lru, priority");
  EXPECT_EQ(getError(trace, with("lru", 1)),
            "a cache of 1 entries, a row chooses 2 experts");

  CacheSimulationOptions options = with("lru", 8);
  options.partition = {2, 2, 2};
  EXPECT_EQ(getError(trace, options),
            "a partition of 3 shares, the trace has 4 layers with experts");
  options.partition = {2, 1, 2, 2};
  EXPECT_EQ(getError(trace, options),
            "layer 1 has a share of 1 entries, must be between 2 and 8");
  options.partition = {2, 3, 2, 2};
  EXPECT_EQ(getError(trace, options), "the shares of the partition are 9 "
                                      "entries together, the cache has 8");

  options = with("lru", 8);
  options.layerSeconds = {1, 1};
  EXPECT_EQ(getError(trace, options),
            "times of 2 layers, the trace has 4 layers with experts");
  options.layerSeconds = {1, 1, -1, 1};
  EXPECT_EQ(getError(trace, options), "a time is negative or not finite");
  options.layerSeconds.clear();
  options.readSeconds = std::nan("");
  EXPECT_EQ(getError(trace, options), "a time is negative or not finite");

  options = with("lru", 8);
  std::vector<TraceGuesses> guesses = guessRight(trace, 1);
  options.guesses = &guesses;
  options.ahead = 2;
  EXPECT_EQ(getError(trace, options),
            "guesses for layer with experts 1 are made "
            "2 layers ahead, must be between 1 and 1");
  options.limits = {{1, 1, 0}};
  EXPECT_EQ(getError(trace, options), "limits of 1 guesses, there are 3");
  options.limits.clear();
  options.ahead = 1;
  guesses[1].layer = 4;
  EXPECT_EQ(getError(trace, options),
            "guesses for layer with experts 4, the trace has 4");
  guesses[1].layer = 2;
  guesses[1].experts.pop_back();
  EXPECT_EQ(getError(trace, options),
            "127 guesses for layer with experts 2, the "
            "trace's 64 rows need 128");
}
