//===- Experts.cpp - which experts there are, and how many may stay -------===//
#include "session/Experts.h"

#include "moert/abi/container.h"
#include "moert/moert.h"
#include <algorithm>
#include <numeric>

using namespace moert;

ExpertTable::ExpertTable(const fb::Module &module) {
  const fb::Schedule *schedule = module.schedule();
  if (!schedule)
    return;
  layers.assign(schedule->layers()->begin(), schedule->layers()->end());
  experts = module.model()->experts();
  chosen = module.model()->experts_per_token();
  parameters.resize(layers.size() * size_t(experts));
  size_t index = 0;
  for (const fb::Parameter *parameter : *module.parameters()) {
    if (parameter->kind() == fb::ParameterKind::Expert) {
      size_t layer =
          std::lower_bound(layers.begin(), layers.end(), parameter->layer()) -
          layers.begin();
      parameters[layer * experts + parameter->expert()] = index;
      entryBytes = std::max(entryBytes, uint64_t(parameter->size()));
    }
    ++index;
  }
  constexpr uint64_t page = MOERT_CONTAINER_PAGE;
  entryBytes = (entryBytes + page - 1) / page * page;
}

Status moert::chooseCapacity(const ExpertTable &table, int64_t budget,
                             uint64_t available, const std::string &origin,
                             int64_t *capacity) {
  *capacity = -1;
  if (budget < MOERT_BUDGET_ALL)
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": memory budget of ",
                      budget, " bytes, must be at least ", MOERT_BUDGET_ALL);
  if (budget > 0 && table.count() == 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": memory budget of ",
                      budget, " bytes for 0 experts that can be fetched");
  if (budget == MOERT_BUDGET_ALL || table.count() == 0)
    return Status();
  if (budget == MOERT_BUDGET_AUTO) {
    // With fewer than a row chooses nothing can run, but a mapping does.
    bool fits = table.bytes() <= available;
    auto most = int64_t(available / table.entryBytes);
    *capacity = fits || most < table.chosen ? -1 : most;
    return Status();
  }
  int64_t entries =
      std::min(int64_t(uint64_t(budget) / table.entryBytes), table.count());
  if (entries < table.chosen)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, origin, ": memory budget of ",
                      budget, " bytes holds ", entries,
                      " experts, a token of "
                      "a layer needs ",
                      table.chosen, ": at least ",
                      uint64_t(table.chosen) * table.entryBytes, " bytes");
  *capacity = entries;
  return Status();
}

std::vector<int64_t> moert::scalePartition(std::span<const int64_t> partition,
                                           int64_t capacity, int64_t least,
                                           int64_t most) {
  const auto layers = int64_t(partition.size());
  if (layers == 0 || capacity < layers * least)
    return {};
  const int64_t total =
      std::accumulate(partition.begin(), partition.end(), int64_t(0));
  std::vector<int64_t> result;
  for (int64_t entries : partition)
    result.push_back(
        std::clamp(int64_t(double(entries) * double(capacity) / double(total)),
                   least, most));
  // Bounds and rounding leave some too many or too few: those that are farthest
  // from their share give or take one, the first of equals.
  int64_t left =
      capacity - std::accumulate(result.begin(), result.end(), int64_t(0));
  while (left != 0) {
    int64_t step = left > 0 ? 1 : -1, best = -1;
    double bestNeed = 0;
    for (int64_t i = 0; i < layers; ++i) {
      if (result[i] + step < least || result[i] + step > most)
        continue;
      double share = double(partition[i]) * double(capacity) / double(total);
      double need = (share - double(result[i])) * double(step);
      if (best < 0 || need > bestNeed)
        best = i, bestNeed = need;
    }
    if (best < 0)
      break; // all are full: more than there are experts
    result[best] += step;
    left -= step;
  }
  return result;
}
