//===- Belady.cpp - who is wanted again last leaves -----------------------===//
//
// The bound for all others (Belady 1966): it knows the future, from a recorded
// trace. Of those that are never wanted again the least recently used one
// leaves. The first use that is not the recorded one ends this knowledge: from
// there on it is LRU.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <limits>
#include <set>
#include <tuple>

using namespace moert;

namespace {
class Belady : public CachePolicy {
public:
  explicit Belady(const CachePolicyOptions &options)
      : future(options.future), again(future.size()), experts(options.keys) {
    for (int64_t i = int64_t(future.size()) - 1; i >= 0; --i) {
      if (future[i] < 0 || future[i] >= options.keys) {
        future.resize(i); // no expert of this cache: nothing is known from here
        for (Expert &expert : experts)
          expert.next = never;
        continue;
      }
      again[i] = experts[future[i]].next;
      experts[future[i]].next = i;
    }
  }

  void use(ExpertKey key) override {
    if (isKnown && (at == int64_t(future.size()) || future[at] != key))
      forget();
    Expert &expert = experts[key];
    if (!expert.isIn) {
      advance(expert);
      return;
    }
    auto node = order.extract(placeOf(key));
    advance(expert);
    node.value() = placeOf(key);
    order.insert(std::move(node));
  }
  void insert(ExpertKey key, bool guessed) override {
    experts[key].isIn = true;
    if (guessed)
      experts[key].time = ++now;
    order.insert(placeOf(key));
  }
  void remove(ExpertKey key) override {
    order.erase(placeOf(key));
    experts[key].isIn = false;
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    for (const Place &place : order)
      if (mayLeave(std::get<ExpertKey>(place)))
        return std::get<ExpertKey>(place);
    return -1;
  }

private:
  static constexpr int64_t never = std::numeric_limits<int64_t>::max();
  struct Expert {
    bool isIn = false;
    int64_t next = never; ///< its next use, as a place in the future
    int64_t time = 0;     ///< of its last use
  };
  using Place = std::tuple<int64_t, int64_t, ExpertKey>;
  Place placeOf(ExpertKey key) const {
    return {-experts[key].next, experts[key].time, key};
  }

  void advance(Expert &expert) {
    expert.time = ++now;
    if (isKnown)
      expert.next = again[at++];
  }

  void forget() {
    isKnown = false;
    order.clear();
    for (size_t key = 0; key < experts.size(); ++key) {
      experts[key].next = never;
      if (experts[key].isIn)
        order.insert(placeOf(ExpertKey(key)));
    }
  }

  std::vector<ExpertKey> future;
  std::vector<int64_t> again; ///< the next place of the same expert
  std::vector<Expert> experts;
  std::set<Place> order; ///< of those in the cache; the first one leaves
  bool isKnown = true;
  int64_t at = 0, now = 0;
};
} // namespace

const CachePolicyInfo *moert_cache_policy_belady() {
  static const CachePolicyInfo info = {
      "belady",
      "who is wanted again last leaves, by a recorded trace: the bound", true,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Belady>(options);
      }};
  return &info;
}
