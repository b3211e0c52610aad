//===- Lrfu.cpp - who was used least, and longest ago, leaves -------------===//
//
//   worth = sum over uses of 2^(-age / 16)
//
// where the age of a use counts forwards since then: visits of layers, of which
// each forward has as many as there are layers. Between lru (a half-life of 0)
// and lfu (endless), after Lee, Choi, Kim, Noh, Min, Cho, Kim, "LRFU: a spectrum
// of policies that subsumes the least recently used and least frequently used
// policies", 2001.
//
// Experts of a text are those of its topic, and of the model at large: recorded
// routings hit most with half-lives of 8 to 32 forwards, at every budget
// (docs/Prefetch.md). All worths fade alike, so their order changes only by use,
// and its logarithm can be kept as it was then.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace moert;

namespace {
class Lrfu : public CachePolicy {
public:
  explicit Lrfu(const CachePolicyOptions &options)
      : perLayer(std::max<int64_t>(options.experts, 1)),
        visitsPerHalf(16.0 * double(std::max<int64_t>(
                                 options.keys / perLayer, 1))),
        experts(options.keys) {}

  void use(ExpertKey key) override {
    // Uses of one visit are ascending.
    visits += last < 0 || key / perLayer != last / perLayer || key <= last;
    last = key;
    double now = double(visits) / visitsPerHalf;
    // What the uses before are worth now, and this one.
    double before = std::exp2(experts[key].worth - now);
    move(key, now + std::log2(before + 1));
  }
  void insert(ExpertKey key, bool guessed) override {
    experts[key].isIn = true;
    if (guessed)
      experts[key].turn = ++turns;
    order.insert({experts[key].worth, experts[key].turn, key});
  }
  void remove(ExpertKey key) override {
    order.erase({experts[key].worth, experts[key].turn, key});
    experts[key].isIn = false;
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    for (const Place &place : order)
      if (mayLeave(place.key))
        return place.key;
    return -1;
  }

private:
  struct Expert {
    /// Logarithm of the worth, to base 2, plus its time in half-lives.
    double worth = -std::numeric_limits<double>::infinity();
    int64_t turn = 0; ///< of the last use: decides between equals
    bool isIn = false;
  };
  struct Place {
    double worth;
    int64_t turn;
    ExpertKey key;
    bool operator<(const Place &other) const {
      if (worth != other.worth)
        return worth < other.worth;
      return turn != other.turn ? turn < other.turn : key < other.key;
    }
  };

  void move(ExpertKey key, double worth) {
    Expert &expert = experts[key];
    if (expert.isIn)
      order.erase({expert.worth, expert.turn, key});
    expert.worth = worth;
    expert.turn = ++turns;
    if (expert.isIn)
      order.insert({expert.worth, expert.turn, key});
  }

  int64_t perLayer; ///< experts of a layer
  double visitsPerHalf;
  std::vector<Expert> experts;
  std::set<Place> order; ///< of those in the cache, least worth first
  int64_t visits = 0, turns = 0;
  ExpertKey last = -1; ///< that was used
};
} // namespace

const CachePolicyInfo *moert_cache_policy_lrfu() {
  static const CachePolicyInfo info = {
      "lrfu", "who was used least leaves, uses halving with 16 forwards", false,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Lrfu>(options);
      }};
  return &info;
}
