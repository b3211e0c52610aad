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
#include "cache/OrderedPolicy.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace moert;

namespace {
/// Ranks are logarithms of worths, to base 2, plus their times in half-lives.
class Lrfu : public OrderedPolicy<double> {
public:
  explicit Lrfu(const CachePolicyOptions &options)
      : OrderedPolicy(options.keys, -std::numeric_limits<double>::infinity()),
        perLayer(std::max<int64_t>(options.experts, 1)),
        visitsPerHalf(16.0 * double(std::max<int64_t>(
                                 options.keys / perLayer, 1))) {}

  void use(ExpertKey key) override {
    // Uses of one visit are ascending.
    visits += last < 0 || key / perLayer != last / perLayer || key <= last;
    last = key;
    double now = double(visits) / visitsPerHalf;
    // What the uses before are worth now, and this one.
    double before = std::exp2(experts[key].rank - now);
    touch(key, now + std::log2(before + 1));
  }

private:
  int64_t perLayer; ///< experts of a layer
  double visitsPerHalf;
  int64_t visits = 0;
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
