//===- Experts.h - which experts there are, how many stay -------*- C++ -*-===//
#ifndef MOERT_SESSION_EXPERTS_H
#define MOERT_SESSION_EXPERTS_H

#include "base/Status.h"
#include "module_generated.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace moert {

/// The experts of a module that may come and go, by key: index of the layer
/// among those with experts, times experts of a layer, plus number.
struct ExpertTable {
  /// Empty for a module without a schedule.
  explicit ExpertTable(const fb::Module &module);

  int64_t count() const { return int64_t(parameters.size()); }
  /// Bytes of all experts, each in a place of its own.
  uint64_t bytes() const { return parameters.size() * entryBytes; }

  std::vector<int> layers;         ///< decoder layers, ascending
  int64_t experts = 0, chosen = 0; ///< of a layer, and by a row
  uint64_t entryBytes = 0;         ///< of the largest, in whole pages
  std::vector<size_t> parameters;  ///< index among the module's parameters
};

/// How many experts a session holds at a time under moert_session_options_t::
/// memory_budget, if `available` bytes are left for them: -1 if all are in
/// memory or mapped and nobody fetches. `origin` names the module in messages.
Status chooseCapacity(const ExpertTable &table, int64_t budget,
                      uint64_t available, const std::string &origin,
                      int64_t *capacity);

/// Entries of each layer in the proportions of `partition`, `capacity` in all,
/// at least and at most so many in each; empty (all share) if there is no
/// partition or there are too few entries.
std::vector<int64_t> scalePartition(std::span<const int64_t> partition,
                                    int64_t capacity, int64_t least,
                                    int64_t most);

} // namespace moert

#endif // MOERT_SESSION_EXPERTS_H
