//===- CachePolicyTest.cpp - policies against obvious ones ----------------===//
//
// Each policy is compared with one that decides from all that ever happened, by
// its definition, slowly. Traces are random: passes of layers over what they
// want, guesses in between, and experts that may not leave.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace moert;

namespace {
using Keys = std::vector<ExpertKey>;

struct Event {
  enum Kind { Use, Insert, Remove, Expect } kind;
  ExpertKey key;
  bool guessed = false;
  double confidence = 0;
};

/// What is known when somebody has to leave.
struct Situation {
  const CachePolicyOptions &options;
  const std::vector<Event> &history;
  const Keys &candidates;
};

/// Of each key, how many events ago its last use was, or its insert as a guess.
int64_t lastTime(const Situation &now, ExpertKey key) {
  for (int64_t i = int64_t(now.history.size()) - 1; i >= 0; --i) {
    const Event &event = now.history[i];
    bool counts = event.kind == Event::Use ||
                  (event.kind == Event::Insert && event.guessed);
    if (event.key == key && counts)
      return i;
  }
  return -1;
}

/// The candidate with the least value, then the least recent.
template <typename Value>
ExpertKey least(const Situation &now, const Value &value) {
  return *std::min_element(
      now.candidates.begin(), now.candidates.end(), [&](auto a, auto b) {
        auto va = value(a), vb = value(b);
        return va != vb ? va < vb : lastTime(now, a) < lastTime(now, b);
      });
}

//===-- Obvious policies --------------------------------------------------===//

ExpertKey chooseLru(const Situation &now) {
  return least(now, [](ExpertKey) { return 0; });
}

ExpertKey chooseLfu(const Situation &now) {
  return least(now, [&](ExpertKey key) {
    return std::count_if(now.history.begin(), now.history.end(),
                         [&](const Event &event) {
                           return event.kind == Event::Use && event.key == key;
                         });
  });
}

Keys usesOf(const std::vector<Event> &history) {
  Keys uses;
  for (const Event &event : history)
    if (event.kind == Event::Use)
      uses.push_back(event.key);
  return uses;
}

ExpertKey chooseBelady(const Situation &now) {
  Keys uses = usesOf(now.history);
  const Keys &future = now.options.future;
  if (uses.size() > future.size() ||
      !std::equal(uses.begin(), uses.end(), future.begin()))
    return chooseLru(now);
  return least(now, [&](ExpertKey key) {
    auto next = std::find(future.begin() + uses.size(), future.end(), key);
    return -(next - future.begin());
  });
}

/// The sum of Lrfu.cpp, from the uses that were.
ExpertKey chooseLrfu(const Situation &now) {
  Keys uses = usesOf(now.history);
  int64_t experts = now.options.experts, visits = 0;
  std::vector<int64_t> visitOf;
  for (size_t i = 0; i < uses.size(); ++i) {
    bool isSame = i > 0 && uses[i] > uses[i - 1] &&
                  uses[i] / experts == uses[i - 1] / experts;
    visits += !isSame;
    visitOf.push_back(visits);
  }
  double half = 16 * double(now.options.keys / experts);
  return least(now, [&](ExpertKey key) {
    double worth = 0;
    for (size_t i = 0; i < uses.size(); ++i)
      if (uses[i] == key)
        worth += std::exp2(-double(visits - visitOf[i]) / half);
    // Rounded: sums in another order differ in their last bits.
    return std::round(worth * 1e9);
  });
}

/// The formula of Priority.cpp, from the uses that were.
ExpertKey choosePriority(const Situation &now) {
  double capacity = double(now.options.capacity), half = 16 * capacity;
  Keys uses = usesOf(now.history);
  int64_t experts = now.options.experts;
  auto recencyOf = [&](ExpertKey key) {
    int64_t usesBefore = 0, at = lastTime(now, key);
    for (int64_t i = 0; i <= at; ++i)
      usesBefore += now.history[i].kind == Event::Use;
    return std::exp2(-double(int64_t(uses.size()) - usesBefore) / capacity);
  };
  auto popularityOf = [&](ExpertKey key) {
    double sum = 0;
    for (size_t i = 0; i < uses.size(); ++i)
      if (uses[i] == key)
        sum += std::exp2(-double(uses.size() - 1 - i) / half);
    return sum * double(now.options.keys) * (1 - std::exp2(-1 / half));
  };
  // Void as soon as a use of its layer follows a use of another one.
  auto confidenceOf = [&](ExpertKey key) {
    double confidence = 0;
    int64_t layer = -1;
    for (const Event &event : now.history) {
      if (event.kind == Event::Expect && event.key == key)
        confidence = event.confidence;
      if (event.kind != Event::Use)
        continue;
      bool comes = event.key / experts != layer;
      layer = event.key / experts;
      if (event.key == key || (comes && layer == key / experts))
        confidence = 0;
    }
    return confidence;
  };
  return least(now, [&](ExpertKey key) {
    double p = popularityOf(key);
    // Rounded: sums in another order differ in their last bits.
    return std::llround(
        (confidenceOf(key) + 0.2 * p / (1 + p) + 0.1 * recencyOf(key)) * 1e12);
  });
}

/// ARC with lists that are searched. What the paper's cache does on a hit, on a
/// remembered page and on a new one, spread over the calls as Arc.cpp says.
struct NaiveArc {
  Keys t1, t2, b1, b2;
  std::set<ExpertKey> unused, remembered;
  double p = 0;
  bool missWasB2 = false;

  static bool has(const Keys &list, ExpertKey key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  }
  static void drop(Keys &list, ExpertKey key) {
    list.erase(std::remove(list.begin(), list.end(), key), list.end());
  }

  void use(const Event &event, double c) {
    ExpertKey key = event.key;
    if (has(t1, key) || has(t2, key)) {
      bool isFirst = unused.erase(key) && !remembered.count(key);
      drop(t1, key), drop(t2, key);
      (isFirst ? t1 : t2).push_back(key);
      return;
    }
    double n1 = double(b1.size()), n2 = double(b2.size());
    if (has(b1, key))
      p = std::min(c, p + (n1 >= n2 ? 1 : n2 / n1));
    else if (has(b2, key))
      p = std::max(0.0, p - (n2 >= n1 ? 1 : n1 / n2));
    missWasB2 = has(b2, key);
  }
  void insert(const Event &event, size_t c) {
    ExpertKey key = event.key;
    bool known = has(b1, key) || has(b2, key);
    drop(b1, key), drop(b2, key);
    remembered.erase(key);
    if (known)
      remembered.insert(key);
    if (event.guessed)
      unused.insert(key);
    (known && !event.guessed ? t2 : t1).push_back(key);
    if (t1.size() + b1.size() > c && !b1.empty())
      b1.erase(b1.begin());
    else if (t1.size() + t2.size() + b1.size() + b2.size() > 2 * c)
      b2.empty() ? b1.erase(b1.begin()) : b2.erase(b2.begin());
  }
  void remove(const Event &event) {
    bool forget = unused.erase(event.key);
    for (auto [from, to] : {std::pair(&t1, &b1), std::pair(&t2, &b2)})
      if (has(*from, event.key)) {
        drop(*from, event.key);
        if (!forget)
          to->push_back(event.key);
      }
  }
  ExpertKey choose(const Keys &candidates) const {
    double once = double(t1.size());
    bool first = once >= 1 && (once > p || (missWasB2 && once == p));
    for (const Keys *list : {first ? &t1 : &t2, first ? &t2 : &t1})
      for (ExpertKey key : *list)
        if (has(candidates, key))
          return key;
    return -1;
  }
};

ExpertKey chooseArc(const Situation &now) {
  NaiveArc arc;
  for (const Event &event : now.history)
    if (event.kind == Event::Use)
      arc.use(event, double(now.options.capacity));
    else if (event.kind == Event::Insert)
      arc.insert(event, size_t(now.options.capacity));
    else if (event.kind == Event::Remove)
      arc.remove(event);
  return arc.choose(now.candidates);
}

using Choose = ExpertKey (*)(const Situation &);
struct Named {
  const char *name;
  Choose choose;
};
const Named references[] = {{"arc", chooseArc},
                            {"belady", chooseBelady},
                            {"lfu", chooseLfu},
                            {"lrfu", chooseLrfu},
                            {"lru", chooseLru},
                            {"priority", choosePriority}};

//===-- Caches ------------------------------------------------------------===//

/// A cache that tells a policy all, and checks each victim against a reference.
class Cache {
public:
  Cache(const std::string &name, const CachePolicyOptions &options,
        Choose reference = nullptr)
      : options(options), reference(reference),
        policy(findCachePolicy(name)->create(options)) {}

  void use(ExpertKey key) {
    hits += in.count(key);
    history.push_back({Event::Use, key});
    policy->use(key);
  }
  void expect(ExpertKey key, double confidence) {
    history.push_back({Event::Expect, key, false, confidence});
    policy->expect(key, confidence);
  }
  bool has(ExpertKey key) const { return in.count(key); }
  bool isFull() const { return int64_t(in.size()) == options.capacity; }
  /// Nothing happens if nobody may leave.
  void insert(ExpertKey key, bool guessed, const std::set<ExpertKey> &staying) {
    if (isFull() && !evict(staying))
      return;
    history.push_back({Event::Insert, key, guessed});
    policy->insert(key, guessed);
    in.insert(key);
  }
  /// Somebody leaves without being asked who.
  void remove(ExpertKey key) {
    history.push_back({Event::Remove, key});
    policy->remove(key);
    in.erase(key);
  }

  int64_t hits = 0, evictions = 0;
  std::set<ExpertKey> in;

private:
  bool evict(const std::set<ExpertKey> &staying) {
    Keys candidates;
    for (ExpertKey key : in)
      if (!staying.count(key))
        candidates.push_back(key);
    ExpertKey victim = policy->victim(
        [&](ExpertKey key) { return in.count(key) && !staying.count(key); });
    if (candidates.empty()) {
      EXPECT_EQ(victim, -1);
      return false;
    }
    EXPECT_TRUE(in.count(victim) && !staying.count(victim)) << victim;
    if (reference)
      EXPECT_EQ(victim, reference({options, history, candidates}))
          << "after " << history.size() << " events";
    ++evictions;
    remove(victim);
    return true;
  }

  CachePolicyOptions options;
  Choose reference;
  std::unique_ptr<CachePolicy> policy;
  std::vector<Event> history;
};

/// A layer comes and wants these.
using Pass = std::set<ExpertKey>;

struct Scenario {
  explicit Scenario(uint64_t seed) : random(seed) {
    int64_t layers = pick(1, 4);
    options.experts = pick(2, 9);
    options.keys = layers * options.experts;
    int64_t chosen = pick(1, options.experts - 1);
    options.capacity = pick(chosen, options.keys);
    for (int64_t i = 0, forwards = pick(2, 12); i < forwards; ++i)
      for (int64_t layer = 0; layer < layers; ++layer) {
        Pass pass;
        while (int64_t(pass.size()) < chosen)
          pass.insert(ExpertKey(layer * options.experts +
                                std::min(pick(0, options.experts - 1),
                                         pick(0, options.experts - 1))));
        passes.push_back(pass);
        options.future.insert(options.future.end(), pass.begin(), pass.end());
      }
  }
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  CachePolicyOptions options;
  std::vector<Pass> passes;
  std::mt19937_64 random;
};

/// With guesses, with others that stay for reasons of their own, and with some
/// that leave unasked.
void play(Scenario &scenario, Cache &cache, bool isQuiet) {
  auto any = [&] {
    return ExpertKey(scenario.pick(0, scenario.options.keys - 1));
  };
  for (const Pass &pass : scenario.passes) {
    for (ExpertKey key : pass)
      cache.use(key);
    std::set<ExpertKey> staying = pass;
    for (int64_t i = isQuiet ? 0 : scenario.pick(0, 3); i > 0; --i)
      staying.insert(any());
    for (ExpertKey key : pass)
      if (!cache.has(key))
        cache.insert(key, false, staying);
    for (int64_t i = isQuiet ? 0 : scenario.pick(0, 3); i > 0; --i) {
      ExpertKey key = any();
      cache.expect(key, double(scenario.pick(0, 64)) / 64);
      if (!cache.has(key) && scenario.pick(0, 1))
        cache.insert(key, true, staying);
    }
    if (!isQuiet && scenario.pick(0, 9) == 0 && !cache.in.empty())
      cache.remove(*cache.in.begin());
  }
}

class CachePolicies : public testing::TestWithParam<Named> {};

} // namespace

//===-- Tests -------------------------------------------------------------===//

TEST_P(CachePolicies, DecideAsTheirDefinition) {
  int64_t evictions = 0;
  for (uint64_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Scenario scenario(seed);
    Cache cache(GetParam().name, scenario.options, GetParam().choose);
    play(scenario, cache, seed % 2);
    evictions += cache.evictions;
  }
  EXPECT_GT(evictions, 4000);
}

TEST_P(CachePolicies, HitNoMoreThanBelady) {
  bool isEverWorse = false;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Scenario scenario(seed);
    CachePolicyOptions &options = scenario.options;
    auto hits = [&](const std::string &name) {
      Cache cache(name, options);
      for (ExpertKey key : options.future) {
        cache.use(key);
        if (!cache.has(key))
          cache.insert(key, false, {});
      }
      return cache.hits;
    };
    int64_t bound = hits("belady"), own = hits(GetParam().name);
    EXPECT_LE(own, bound) << "seed " << seed;
    isEverWorse |= own < bound;
  }
  EXPECT_EQ(isEverWorse, std::string(GetParam().name) != "belady");
}

TEST_P(CachePolicies, SayWhenNobodyMayLeave) {
  CachePolicyOptions options{8, 2, 8, {}};
  std::unique_ptr<CachePolicy> policy =
      findCachePolicy(GetParam().name)->create(options);
  auto nobody = [](ExpertKey) { return false; };
  EXPECT_EQ(policy->victim(nobody), -1);
  for (ExpertKey key : {3, 5}) {
    policy->use(key);
    policy->insert(key, false);
  }
  EXPECT_EQ(policy->victim(nobody), -1);
  EXPECT_EQ(policy->victim([](ExpertKey key) { return key == 5; }), 5);
}

/// Uses and inserts are called where computing waits. The limit leaves room for
/// slow and busy machines; it is there against costs that grow with the cache.
TEST_P(CachePolicies, AreCheapToTell) {
  constexpr int64_t keys = 1 << 15, uses = 200000;
  CachePolicyOptions options{keys, keys / 4, 256, {}};
  std::mt19937_64 random(1);
  for (int64_t i = 0; i < uses; ++i)
    options.future.push_back(ExpertKey(random() % keys));
  std::unique_ptr<CachePolicy> policy =
      findCachePolicy(GetParam().name)->create(options);
  for (ExpertKey key = 0; key < options.capacity; ++key)
    policy->insert(key, true);
  auto begin = std::chrono::steady_clock::now();
  for (ExpertKey key : options.future)
    policy->use(key);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count() / uses, 20e-6);
}

INSTANTIATE_TEST_SUITE_P(All, CachePolicies, testing::ValuesIn(references),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

/// Figure 4 of the paper, one request at a time, with nobody to spare.
TEST(ArcPolicy, IsThePaper) {
  int64_t adapted = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    size_t c = 1 + random() % 8;
    int64_t keys = int64_t(c + 1 + random() % 20);
    CachePolicyOptions options{keys, int64_t(c), keys, {}};
    Cache cache("arc", options);
    Keys t1, t2, b1, b2;
    double p = 0;
    auto has = NaiveArc::has;
    auto drop = NaiveArc::drop;
    auto replace = [&](ExpertKey x) {
      bool isFirst = !t1.empty() && (double(t1.size()) > p ||
                                     (has(b2, x) && double(t1.size()) == p));
      Keys &from = isFirst ? t1 : t2;
      (isFirst ? b1 : b2).push_back(from.front());
      from.erase(from.begin());
    };
    for (int64_t i = 0; i < 120; ++i) {
      auto x = ExpertKey(std::min(random() % keys, random() % keys));
      cache.use(x);
      if (!cache.has(x))
        cache.insert(x, false, {});

      if (has(t1, x) || has(t2, x)) {
        drop(t1, x), drop(t2, x);
        t2.push_back(x);
      } else if (has(b1, x)) {
        p = std::min(double(c),
                     p + std::max(1.0, double(b2.size()) / double(b1.size())));
        replace(x);
        drop(b1, x);
        t2.push_back(x);
        ++adapted;
      } else if (has(b2, x)) {
        p = std::max(0.0,
                     p - std::max(1.0, double(b1.size()) / double(b2.size())));
        replace(x);
        drop(b2, x);
        t2.push_back(x);
        ++adapted;
      } else {
        size_t l1 = t1.size() + b1.size(), all = l1 + t2.size() + b2.size();
        if (l1 == c) {
          if (t1.size() < c) {
            b1.erase(b1.begin());
            replace(x);
          } else {
            t1.erase(t1.begin());
          }
        } else if (all >= c) {
          if (all == 2 * c)
            b2.erase(b2.begin());
          replace(x);
        }
        t1.push_back(x);
      }
      std::set<ExpertKey> expected(t1.begin(), t1.end());
      expected.insert(t2.begin(), t2.end());
      ASSERT_EQ(cache.in, expected) << "seed " << seed << ", request " << i;
    }
  }
  EXPECT_GT(adapted, 1000);
}

TEST(BeladyPolicy, GoesOnAsLruWhenTheFutureIsAnother) {
  int64_t evictions = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Scenario scenario(seed);
    Keys &future = scenario.options.future;
    future[scenario.pick(0, int64_t(future.size()) - 1)] =
        ExpertKey(scenario.pick(0, scenario.options.keys - 1));
    if (seed % 2)
      future.resize(scenario.pick(0, int64_t(future.size())));
    if (seed % 7 == 0) // no expert of the cache
      future.push_back(ExpertKey(scenario.options.keys));
    Cache cache("belady", scenario.options, chooseBelady);
    play(scenario, cache, false);
    evictions += cache.evictions;
  }
  EXPECT_GT(evictions, 2000);
}

/// The order in which reads end differs from run to run.
TEST(LruPolicy, DoesNotCareInWhichOrderReadsEnd) {
  for (bool isReversed : {false, true}) {
    auto policy = findCachePolicy("lru")->create({8, 3, 8, {}});
    Keys keys = {1, 2, 3};
    for (ExpertKey key : keys)
      policy->use(key);
    if (isReversed)
      std::reverse(keys.begin(), keys.end());
    for (ExpertKey key : keys)
      policy->insert(key, false);
    EXPECT_EQ(policy->victim([](ExpertKey) { return true; }), 1);
  }
}

TEST(PriorityPolicy, KeepsWhatIsExpectedUntilItsLayerHasCome) {
  auto policy = findCachePolicy("priority")->create({8, 2, 4, {}});
  auto all = [](ExpertKey) { return true; };
  for (ExpertKey key : {4, 1}) { // layers 1 and 0
    policy->use(key);
    policy->insert(key, false);
  }
  EXPECT_EQ(policy->victim(all), 4);
  policy->expect(4, 0.9);
  EXPECT_EQ(policy->victim(all), 1);
  policy->use(5); // layer 1 comes and wants another one
  EXPECT_EQ(policy->victim(all), 4);
}

/// Long enough for numbers that only grow to leave their range.
TEST(PriorityPolicy, GoesOnForEver) {
  CachePolicyOptions options{6, 2, 6, {}};
  Cache cache("priority", options, choosePriority);
  std::mt19937_64 random(5);
  for (int64_t i = 0; i < 3000 && !HasFailure(); ++i) {
    auto key = ExpertKey(std::min(random() % 6, random() % 6));
    cache.use(key);
    if (!cache.has(key))
      cache.insert(key, false, {});
  }
  EXPECT_GT(cache.evictions, 1000);
}

TEST(CachePolicyList, IsSortedAndKnowsNames) {
  EXPECT_THAT(cachePolicyNames(), testing::StartsWith("arc, belady, "));
  EXPECT_EQ(findCachePolicy("mru"), nullptr);
  std::string last;
  for (const CachePolicyInfo *policy : cachePolicies()) {
    EXPECT_LT(last, policy->name);
    last = policy->name;
    EXPECT_EQ(findCachePolicy(policy->name), policy);
    EXPECT_TRUE(std::any_of(
        std::begin(references), std::end(references),
        [&](const Named &known) { return known.name == last; }))
        << last << " has no definition in this file";
    EXPECT_EQ(policy->needsFuture, std::string(policy->name) == "belady");
    EXPECT_THAT(policy->summary, testing::Not(testing::HasSubstr("\n")));
  }
}
