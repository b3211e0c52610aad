//===- Experts.h - which parameters are experts -----------------*- C++ -*-===//
#ifndef MOERT_GPU_EXPERTS_H
#define MOERT_GPU_EXPERTS_H

#include "cache/CachePolicy.h"
#include "gpu/Calls.h"
#include "module_generated.h"
#include <algorithm>

namespace moert::gpu {

/// The experts of a module, and by key, as CachePolicy.h says, those that can
/// be fetched: of a layer that has more than one bank, none can.
struct ExpertMap {
  explicit ExpertMap(const fb::Module &module);

  int64_t count() const { return int64_t(parameters.size()); } ///< of keys
  /// Of all experts, each where code may find it.
  uint64_t bytes() const { return uint64_t(total) * entryBytes; }
  /// -1: the layer has none.
  int64_t indexOf(int64_t layer) const {
    auto at = std::lower_bound(layers.begin(), layers.end(), layer);
    return at != layers.end() && *at == layer ? at - layers.begin() : -1;
  }

  std::vector<int64_t> layers;     ///< with experts, ascending
  int64_t experts = 0, chosen = 0; ///< of a layer, and by a row
  uint64_t entryBytes = 0;         ///< of the largest
  int64_t total = 0;               ///< parameters that are experts
  std::vector<size_t> parameters;  ///< index among the module's parameters
  std::vector<uint64_t> sizes;     ///< bytes of each
  bool canFetch = false;           ///< the code does with a part of them
  std::string policy;              ///< who leaves, as the module says
};

} // namespace moert::gpu

#endif // MOERT_GPU_EXPERTS_H
