//===- Lfu.cpp - who was used least often leaves --------------------------===//
//
// Plain LFU: all uses since the start count, also those while the expert was
// not in the cache, and nothing ages. Of equals the least recently used one
// leaves; a guess that nobody used yet counts from its insert.
//===----------------------------------------------------------------------===//
#include "cache/OrderedPolicy.h"

using namespace moert;

namespace {
/// Ranks are numbers of uses.
class Lfu : public OrderedPolicy<int64_t> {
public:
  explicit Lfu(const CachePolicyOptions &options)
      : OrderedPolicy(options.keys, 0) {}

  void use(ExpertKey key) override { touch(key, experts[key].rank + 1); }
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
