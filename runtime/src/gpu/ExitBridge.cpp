//===- ExitBridge.cpp - rows that leave, asked from device addresses ------===//
#include "gpu/ExitBridge.h"

#include <algorithm>

using namespace moert;
using namespace moert::gpu;

ExitBridge::ExitBridge(Run &run, const moert_abi_exits_t *exits)
    : run(run), exits(exits) {
  functions.size = sizeof(functions);
  functions.host = this;
  functions.enter = [](const moert_abi_exits_t *table, int32_t *running,
                       int32_t *due, int32_t *asking, int64_t *counts) {
    const moert_abi_forward_t &args = of(table).run.args;
    List lists[] = {{running, args.rows},
                    {due, args.wanted_rows},
                    {asking, args.wanted_rows}};
    of(table).enter(lists, counts);
  };
  functions.resume = [](const moert_abi_exits_t *table, int64_t columns,
                        float *features) {
    of(table).resume(columns, features);
  };
  functions.leave = [](const moert_abi_exits_t *table, int64_t exit,
                       const float *scores, int64_t watched,
                       const float *const *numbers, int32_t *running,
                       int32_t *gone, int32_t *due, int32_t *kept,
                       int32_t *leaving, int64_t *counts) {
    const moert_abi_forward_t &args = of(table).run.args;
    List lists[] = {{running, args.rows},
                    {gone, args.rows},
                    {due, args.wanted_rows},
                    {kept, args.wanted_rows},
                    {leaving, args.wanted_rows}};
    of(table).leave(exit, scores, watched, numbers, lists, counts);
  };
  functions.park = [](const moert_abi_exits_t *table, int64_t columns,
                      const float *features) {
    of(table).park(columns, features);
  };
  functions.settle = [](const moert_abi_exits_t *table, int64_t rows,
                        const float *surplus, int32_t *certain, int32_t *unsure,
                        int64_t *counts) {
    List lists[] = {{certain, rows}, {unsure, rows}};
    of(table).settle(rows, surplus, lists, counts);
  };
}

template <size_t N> bool ExitBridge::makeRoom(List (&lists)[N]) {
  for (List &list : lists)
    list.host =
        static_cast<int32_t *>(run.room(uint64_t(list.room) * sizeof(int32_t)));
  return !run.hasFailed();
}

/// After a failure all lists are empty, so that the code comes to its end.
template <size_t N>
void ExitBridge::giveBack(const List (&lists)[N], const int64_t *counts) {
  for (size_t i = 0; i < N; ++i)
    run.give(lists[i].device, lists[i].host,
             uint64_t(counts[i]) * sizeof(int32_t));
}

void ExitBridge::enter(List (&lists)[3], int64_t *counts) {
  std::fill_n(counts, 3, 0);
  if (!makeRoom(lists))
    return;
  exits->enter(exits, lists[0].host, lists[1].host, lists[2].host, counts);
  asking = counts[2];
  giveBack(lists, counts);
}

void ExitBridge::resume(int64_t columns, float *features) {
  const int64_t count = run.args.rows * columns;
  float *host = run.fetch(features, count);
  if (!run.wait())
    return;
  exits->resume(exits, columns, host);
  run.give(features, host, uint64_t(count) * sizeof(float));
}

void ExitBridge::leave(int64_t exit, const float *scores, int64_t watched,
                       const float *const *numbers, List (&lists)[5],
                       int64_t *counts) {
  std::fill_n(counts, 5, 0);
  const float *shown = run.fetch(scores, asking);
  std::vector<const float *> shownNumbers;
  for (int64_t i = 0; i < watched; ++i)
    shownNumbers.push_back(run.fetch(numbers[i], asking));
  if (!makeRoom(lists) || !run.wait())
    return;
  exits->leave(exits, exit, shown, watched, shownNumbers.data(), lists[0].host,
               lists[1].host, lists[2].host, lists[3].host, lists[4].host,
               counts);
  asking = counts[3];
  giveBack(lists, counts);
}

void ExitBridge::park(int64_t columns, const float *features) {
  const float *host = run.fetch(features, run.args.rows * columns);
  if (run.wait())
    exits->park(exits, columns, host);
}

void ExitBridge::settle(int64_t rows, const float *surplus, List (&lists)[2],
                        int64_t *counts) {
  std::fill_n(counts, 2, 0);
  const float *shown = run.fetch(surplus, rows);
  if (!makeRoom(lists) || !run.wait())
    return;
  exits->settle(exits, rows, shown, lists[0].host, lists[1].host, counts);
  giveBack(lists, counts);
}
