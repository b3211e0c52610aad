//===- Priority.cpp - who has the least priority leaves -------------------===//
//
//   priority = confidence + 0.2 * p / (1 + p) + 0.1 * 2^(-age / capacity)
//
//   confidence  with which the expert is expected, 0 once its layer has come
//   p           sum over its uses of 2^(-age of the use / half), over what an
//               average expert has, experts of all layers * (1 - 2^(-1 / half))
//               being the factor; half = 16 * capacity
//   age         uses of any expert since then
//
// After the eviction of specMoE's coverage-aware memory manager, priority =
// confidence + min(0.2, popularity / 100) + recency (at most 0.1) + regularity
// (at most 0.05). There popularity never fades and all popular experts are
// equal: here it halves with time, and grows without ever being full.
// Regularity is left out: experts are wanted once a layer and forward or not at
// all, so the time since the last use says it already.
//
// The memory is a few numbers per expert. Of equals the least recently used
// leaves.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace moert;

namespace {
/// Both fading terms are kept as they would have been at use `base`: one factor
/// makes them those of now, and no use touches any expert but its own.
class Priority : public CachePolicy {
public:
  explicit Priority(const CachePolicyOptions &options)
      : perLayer(std::max<int64_t>(options.experts, 1)),
        capacity(std::max<int64_t>(options.capacity, 1)),
        share(double(options.keys) * (1 - std::exp2(-1 / half()))),
        experts(options.keys), layers(options.keys / perLayer + 1) {}

  void use(ExpertKey key) override {
    ++now;
    if (now - base > 512 * capacity)
      rebase();
    int64_t layer = key / perLayer;
    if (layer != lastLayer) // what was expected of it came true or did not
      ++layers[layer];
    lastLayer = layer;
    Expert &expert = experts[key];
    expert.popularity += std::exp2(double(now - base) / half());
    expert.confidence = 0;
    touch(expert);
  }
  void insert(ExpertKey key, bool guessed) override {
    Expert &expert = experts[key];
    if (guessed)
      touch(expert);
    expert.place = int64_t(in.size());
    in.push_back(key);
  }
  void remove(ExpertKey key) override {
    int64_t place = experts[key].place;
    experts[in.back()].place = place;
    std::swap(in[place], in.back());
    in.pop_back();
  }
  void expect(ExpertKey key, double confidence) override {
    Expert &expert = experts[key];
    expert.confidence = std::clamp(confidence, 0.0, 1.0);
    expert.pass = layers[key / perLayer];
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    double popular = share * std::exp2(-double(now - base) / half());
    double recent = 0.1 * std::exp2(-double(now - base) / double(capacity));
    ExpertKey least = -1;
    std::tuple<double, int64_t, ExpertKey> leastPlace;
    for (ExpertKey key : in) {
      const Expert &expert = experts[key];
      double p = popular * expert.popularity;
      double priority = 0.2 * p / (1 + p) + recent * expert.recency;
      if (expert.pass == layers[key / perLayer])
        priority += expert.confidence;
      std::tuple place = {priority, expert.order, key};
      // To ask is what costs most.
      if ((least >= 0 && leastPlace <= place) || !mayLeave(key))
        continue;
      least = key;
      leastPlace = place;
    }
    return least;
  }

private:
  struct Expert {
    double popularity = 0, recency = 0;
    double confidence = 0; ///< while its layer has not come since `pass`
    int64_t order = 0, pass = 0, place = 0;
  };

  double half() const { return 16 * double(capacity); }

  void touch(Expert &expert) {
    expert.recency = std::exp2(double(now - base) / double(capacity));
    expert.order = ++touches;
  }
  /// Before the numbers grow out of bounds.
  void rebase() {
    double popular = std::exp2(-double(now - base) / half());
    double recent = std::exp2(-double(now - base) / double(capacity));
    for (Expert &expert : experts) {
      expert.popularity *= popular;
      expert.recency *= recent;
    }
    base = now;
  }

  int64_t perLayer; ///< experts of a layer
  int64_t capacity;
  double share; ///< makes popularity 1 for the average expert
  std::vector<Expert> experts;
  std::vector<int64_t> layers; ///< how often each has come
  std::vector<ExpertKey> in;   ///< the cache, in no order
  int64_t now = 0, base = 0, touches = 0, lastLayer = -1;
};
} // namespace

const CachePolicyInfo *moert_cache_policy_priority() {
  static const CachePolicyInfo info = {
      "priority", "confidence of guesses, fading popularity and recency decide",
      false,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Priority>(options);
      }};
  return &info;
}
