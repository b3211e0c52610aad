//===- CachePolicy.h - which expert leaves when another comes ---*- C++ -*-===//
//
// A policy is one file, policies/<Name>.cpp, that defines
//
//   const moert::CachePolicyInfo *moert_cache_policy_<name>();
//
// Registration is by file. The session's expert store and the cache simulator
// drive policies in the same way, so what one measures the other predicts. When a
// layer of a forward knows what it wants, they call
//
//   use      of each expert that a row wants, once, in ascending order
//   victim   for each of them that is not in the cache, in that order, if there
//   remove     is no free entry
//   insert
//
// and between layers, for guesses: expect of each that is sure enough; then
// victim, remove and insert when it begins to be read. The compiler includes
// this, too: C++17.
//===----------------------------------------------------------------------===//
#ifndef MOERT_CACHE_CACHEPOLICY_H
#define MOERT_CACHE_CACHEPOLICY_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace moert {

/// An expert: index of its layer among those with experts, times experts of a
/// layer, plus its number in the layer.
using ExpertKey = int32_t;

struct CachePolicyOptions {
  int64_t keys = 0;     ///< experts of all layers
  int64_t capacity = 0; ///< entries
  int64_t experts = 0;  ///< of a layer
  /// What will be used, in order, for policies that need to know.
  std::vector<ExpertKey> future;
};

/// Told of all that happens to one cache; asked who should leave. Experts that
/// are in use, or whose share of a partition says so, may not leave.
class CachePolicy {
public:
  virtual ~CachePolicy() = default;

  /// A layer of a forward wants the expert, in the cache or not; each expert once
  /// a layer and forward. Comes before the insert that it may cause.
  virtual void use(ExpertKey key) = 0;
  /// The expert enters the cache; `guessed` if no use asked for it yet.
  virtual void insert(ExpertKey key, bool guessed) = 0;
  /// The expert has left.
  virtual void remove(ExpertKey key) = 0;
  /// The expert of the cache that should leave, among those that may; -1: none.
  virtual ExpertKey
  victim(const std::function<bool(ExpertKey)> &mayLeave) = 0;
  /// It is this likely that a layer yet to come wants the expert.
  virtual void expect(ExpertKey key, double confidence) {
    (void)key, (void)confidence;
  }
};

struct CachePolicyInfo {
  const char *name;
  const char *summary;  ///< one line for people
  bool needsFuture;
  std::unique_ptr<CachePolicy> (*create)(const CachePolicyOptions &options);
};

/// All policies of this build, sorted by name.
const std::vector<const CachePolicyInfo *> &cachePolicies();
/// Null when there is none of that name.
const CachePolicyInfo *findCachePolicy(const std::string &name);
/// "arc, belady, lru": for messages.
std::string cachePolicyNames();

} // namespace moert

#endif // MOERT_CACHE_CACHEPOLICY_H
