//===- CachePolicies.cpp - the policies of this build ---------------------===//
#include "cache/CachePolicy.h"

using namespace moert;

#define MOERT_CACHE_POLICY(name)                                               \
  const CachePolicyInfo *moert_cache_policy_##name();
#include "CachePolicies.def"
#undef MOERT_CACHE_POLICY

const std::vector<const CachePolicyInfo *> &moert::cachePolicies() {
  static const std::vector<const CachePolicyInfo *> policies = {
#define MOERT_CACHE_POLICY(name) moert_cache_policy_##name(),
#include "CachePolicies.def"
#undef MOERT_CACHE_POLICY
  };
  return policies;
}

const CachePolicyInfo *moert::findCachePolicy(const std::string &name) {
  for (const CachePolicyInfo *policy : cachePolicies())
    if (name == policy->name)
      return policy;
  return nullptr;
}

std::string moert::cachePolicyNames() {
  std::string names;
  for (const CachePolicyInfo *policy : cachePolicies())
    names += (names.empty() ? "" : ", ") + std::string(policy->name);
  return names;
}
