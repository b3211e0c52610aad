//===- Arc.cpp - recency and frequency, in shares that adapt --------------===//
//
// Adaptive replacement cache: Megiddo and Modha, "ARC: a self-tuning, low
// overhead replacement cache", FAST 2003. T1 holds what was used once, T2 what
// was used again, B1 and B2 remember who left them; a use of a remembered
// expert moves the target p of T1's size towards the list that would have kept
// it.
//
// The paper's cache reads one page at a time and may evict any. Here
//
// * all that a layer wants is used before the first of it is inserted: targets
//   move at the use, the victim is chosen later, and the paper's "x is in B2"
//   means the last use of an expert that was not in the cache;
// * a victim that may not leave is passed over for the next of its list, then
//   for the other list;
// * a guess enters T1. Its first use counts as its first (second, if it was
//   remembered); one that leaves unused is not remembered.
//===----------------------------------------------------------------------===//
#include "cache/CachePolicy.h"

#include <algorithm>
#include <list>

using namespace moert;

namespace {
class Arc : public CachePolicy {
public:
  explicit Arc(const CachePolicyOptions &options)
      : capacity(options.capacity), experts(options.keys) {}

  void use(ExpertKey key) override {
    Expert &expert = experts[key];
    switch (expert.where) {
    case T1:
    case T2:
      move(key, expert.isUnused && !expert.isRemembered ? T1 : T2);
      expert.isUnused = false;
      break;
    case B1:
      target =
          std::min(double(capacity), target + std::max(ratio(B2, B1), 1.0));
      break;
    case B2:
      target = std::max(0.0, target - std::max(ratio(B1, B2), 1.0));
      break;
    case Nowhere:
      break;
    }
    if (expert.where != T1 && expert.where != T2)
      lastMissWasB2 = expert.where == B2;
  }

  void insert(ExpertKey key, bool guessed) override {
    Expert &expert = experts[key];
    expert.isRemembered = expert.where != Nowhere;
    expert.isUnused = guessed;
    move(key, expert.isRemembered && !guessed ? T2 : T1);
    if (size(T1) + size(B1) > capacity && size(B1))
      move(lists[B1].front(), Nowhere);
    else if (size(T1) + size(T2) + size(B1) + size(B2) > 2 * capacity)
      move(lists[size(B2) ? B2 : B1].front(), Nowhere);
  }

  void remove(ExpertKey key) override {
    Expert &expert = experts[key];
    move(key, expert.isUnused ? Nowhere : expert.where == T1 ? B1 : B2);
    expert.isUnused = false;
  }

  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    double once = double(size(T1));
    bool takesT1 =
        once >= 1 && (once > target || (lastMissWasB2 && once == target));
    for (Where where : {takesT1 ? T1 : T2, takesT1 ? T2 : T1})
      for (ExpertKey key : lists[where])
        if (mayLeave(key))
          return key;
    return -1;
  }

private:
  enum Where : uint8_t { T1, T2, B1, B2, Nowhere };
  struct Expert {
    Where where = Nowhere;
    bool isUnused = false;     ///< a guess that nobody used yet
    bool isRemembered = false; ///< was, when it was inserted
    std::list<ExpertKey>::iterator at = {};
  };

  int64_t size(Where where) const { return int64_t(lists[where].size()); }
  double ratio(Where a, Where b) const {
    return double(size(a)) / double(size(b));
  }

  /// To the most recent end; `Nowhere` keeps its elements for the next ones.
  void move(ExpertKey key, Where to) {
    Expert &expert = experts[key];
    if (expert.where == Nowhere && to == Nowhere)
      return;
    if (expert.where == Nowhere) {
      if (lists[Nowhere].empty())
        lists[Nowhere].push_back(key);
      expert.at = lists[Nowhere].begin();
      *expert.at = key;
    }
    lists[to].splice(lists[to].end(), lists[expert.where], expert.at);
    expert.where = to;
  }

  int64_t capacity;
  std::vector<Expert> experts;
  std::list<ExpertKey> lists[5]; ///< least recent first
  double target = 0;             ///< of the size of T1
  bool lastMissWasB2 = false;
};
} // namespace

const CachePolicyInfo *moert_cache_policy_arc() {
  static const CachePolicyInfo info = {
      "arc", "recency and frequency, in shares that adapt", false,
      [](const CachePolicyOptions &options) -> std::unique_ptr<CachePolicy> {
        return std::make_unique<Arc>(options);
      }};
  return &info;
}
