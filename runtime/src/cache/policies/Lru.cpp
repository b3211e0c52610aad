//===- Lru.cpp - who was not used for longest leaves ----------------------===//
#include "cache/OrderedPolicy.h"

using namespace moert;

namespace {
/// All ranks are equal.
class Lru : public OrderedPolicy<int> {
public:
  explicit Lru(const CachePolicyOptions &options)
      : OrderedPolicy(options.keys, 0) {}

  void use(ExpertKey key) override { touch(key, 0); }
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
