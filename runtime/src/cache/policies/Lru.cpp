//===- Lru.cpp - who was not used for longest leaves ----------------------===//
#include "cache/CachePolicy.h"

#include <list>
#include <vector>

using namespace moert;

namespace {
class Lru : public CachePolicy {
public:
  explicit Lru(const CachePolicyOptions &options) : places(options.keys) {}

  void use(ExpertKey key) override {
    if (places[key].isIn)
      order.splice(order.end(), order, places[key].at);
  }
  void insert(ExpertKey key, bool) override {
    places[key] = {true, order.insert(order.end(), key)};
  }
  void remove(ExpertKey key) override {
    order.erase(places[key].at);
    places[key].isIn = false;
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    for (ExpertKey key : order)
      if (mayLeave(key))
        return key;
    return -1;
  }

private:
  struct Place {
    bool isIn = false;
    std::list<ExpertKey>::iterator at;
  };
  std::list<ExpertKey> order; ///< least recently used first
  std::vector<Place> places;
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
