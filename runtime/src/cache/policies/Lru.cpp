//===- Lru.cpp - who was not used for longest leaves ----------------------===//
//
// The time of an expert is that of its last use, not that of its arrival: reads
// may end in any order, and the order of leaving stays the same. Only a guess,
// which nobody used yet, counts from its insert.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <set>

using namespace moert;

namespace {
class Lru : public CachePolicy {
public:
  explicit Lru(const CachePolicyOptions &options) : experts(options.keys) {}

  void use(ExpertKey key) override { setTime(key); }
  void insert(ExpertKey key, bool guessed) override {
    experts[key].isIn = true;
    if (guessed)
      experts[key].time = ++now;
    order.insert({experts[key].time, key});
  }
  void remove(ExpertKey key) override {
    order.erase({experts[key].time, key});
    experts[key].isIn = false;
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    for (auto &[time, key] : order)
      if (mayLeave(key))
        return key;
    return -1;
  }

private:
  void setTime(ExpertKey key) {
    Expert &expert = experts[key];
    if (!expert.isIn) {
      expert.time = ++now;
      return;
    }
    // The node moves: no memory is asked for where computing waits.
    auto node = order.extract({expert.time, key});
    expert.time = ++now;
    node.value() = {expert.time, key};
    order.insert(order.end(), std::move(node));
  }

  struct Expert {
    bool isIn = false;
    int64_t time = 0;
  };
  std::vector<Expert> experts;
  std::set<std::pair<int64_t, ExpertKey>> order; ///< of those in the cache
  int64_t now = 0;
};
} // namespace

const CachePolicyInfo *moert_cache_policy_lru() {
  static const CachePolicyInfo info = {
      "lru", "who was not used for longest leaves", false,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Lru>(options);
      }};
  return &info;
}
