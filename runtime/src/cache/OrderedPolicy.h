//===- OrderedPolicy.h - policies whose order changes by use ----*- C++ -*-===//
#ifndef MOERT_CACHE_ORDEREDPOLICY_H
#define MOERT_CACHE_ORDEREDPOLICY_H

#include "cache/CachePolicy.h"

#include <set>
#include <tuple>

namespace moert {

/// Keeps the experts of the cache in the order in which they leave: by their
/// rank, the least first, and of equals the least recently used one first. A
/// guess that nobody used yet counts from its insert.
///
/// The time of an expert is that of its last use, not that of its arrival:
/// reads may end in any order, and the order of leaving stays the same.
template <typename Rank> class OrderedPolicy : public CachePolicy {
public:
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
      if (mayLeave(std::get<2>(place)))
        return std::get<2>(place);
    return -1;
  }

protected:
  struct Expert {
    Rank rank;
    int64_t time = 0; ///< of its last use
    bool isIn = false;
  };
  using Place = std::tuple<Rank, int64_t, ExpertKey>;

  OrderedPolicy(int64_t keys, Rank rank) : experts(keys, Expert{rank}) {}

  Place placeOf(ExpertKey key) const {
    return {experts[key].rank, experts[key].time, key};
  }

  /// The expert is used, in the cache or not, and has this rank from now on.
  void touch(ExpertKey key, Rank rank) {
    Expert &expert = experts[key];
    // The node moves: no memory is asked for where computing waits.
    typename std::set<Place>::node_type node;
    if (expert.isIn)
      node = order.extract(placeOf(key));
    expert.rank = rank;
    expert.time = ++now;
    if (!expert.isIn)
      return;
    node.value() = placeOf(key);
    order.insert(order.end(), std::move(node)); // often the last
  }

  std::vector<Expert> experts;
  std::set<Place> order; ///< of those in the cache; the first one leaves

private:
  int64_t now = 0;
};

} // namespace moert

#endif // MOERT_CACHE_ORDEREDPOLICY_H
