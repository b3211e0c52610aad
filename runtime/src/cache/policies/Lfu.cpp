//===- Lfu.cpp - who was used least often leaves --------------------------===//
//
// Plain LFU: all uses since the start count, also those while the expert was
// not in the cache, and nothing ages. Of equals the least recently used one
// leaves; a guess that nobody used yet counts from its insert.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <set>
#include <tuple>

using namespace moert;

namespace {
class Lfu : public CachePolicy {
public:
  explicit Lfu(const CachePolicyOptions &options) : experts(options.keys) {}

  void use(ExpertKey key) override {
    Expert &expert = experts[key];
    if (!expert.isIn) {
      ++expert.uses;
      expert.time = ++now;
      return;
    }
    auto node = order.extract(placeOf(key));
    ++expert.uses;
    expert.time = ++now;
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
  struct Expert {
    bool isIn = false;
    int64_t uses = 0, time = 0;
  };
  using Place = std::tuple<int64_t, int64_t, ExpertKey>;
  Place placeOf(ExpertKey key) const {
    return {experts[key].uses, experts[key].time, key};
  }

  std::vector<Expert> experts;
  std::set<Place> order; ///< of those in the cache; the first one leaves
  int64_t now = 0;
};
} // namespace

const CachePolicyInfo *moert_cache_policy_lfu() {
  static const CachePolicyInfo info = {
      "lfu", "who was used least often, since the start, leaves", false,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Lfu>(options);
      }};
  return &info;
}
