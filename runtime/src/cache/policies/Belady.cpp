//===- Belady.cpp - who is wanted again last leaves -----------------------===//
//
// The bound for all others (Belady 1966): it knows the future, from a recorded
// trace. Of those that are never wanted again the least recently used one
// leaves. The first use that is not the recorded one ends this knowledge: from
// there on it is LRU.
//===----------------------------------------------------------------------===//
#include "cache/OrderedPolicy.h"

#include <limits>

using namespace moert;

namespace {
/// Ranks are places in the future, of an expert's next use, negated.
class Belady : public OrderedPolicy<int64_t> {
public:
  explicit Belady(const CachePolicyOptions &options)
      : OrderedPolicy(options.keys, never), future(options.future),
        again(future.size()) {
    for (int64_t i = int64_t(future.size()) - 1; i >= 0; --i) {
      if (future[i] < 0 || future[i] >= options.keys) {
        future.resize(i); // no expert of this cache: nothing is known from here
        for (Expert &expert : experts)
          expert.rank = never;
        continue;
      }
      again[i] = experts[future[i]].rank;
      experts[future[i]].rank = -i;
    }
  }

  void use(ExpertKey key) override {
    if (isKnown && (at == int64_t(future.size()) || future[at] != key))
      forget();
    touch(key, isKnown ? again[at++] : never);
  }

private:
  static constexpr int64_t never = std::numeric_limits<int64_t>::min();

  void forget() {
    isKnown = false;
    order.clear();
    for (size_t key = 0; key < experts.size(); ++key) {
      experts[key].rank = never;
      if (experts[key].isIn)
        order.insert(placeOf(ExpertKey(key)));
    }
  }

  std::vector<ExpertKey> future;
  std::vector<int64_t> again; ///< the rank that a use gives its expert
  bool isKnown = true;
  int64_t at = 0;
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
