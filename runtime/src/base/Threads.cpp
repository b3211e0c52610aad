//===- Threads.cpp - how many threads this process may use ----------------===//
#include "base/Threads.h"

#include <algorithm>
#include <fstream>
#include <omp.h>

using namespace moert;

int moert::availableThreads() {
  int threads = std::max(1, omp_get_num_procs());
  // "200000 100000": two processors' worth of time; "max 100000": no limit.
  double quota, period;
  if (std::ifstream("/sys/fs/cgroup/cpu.max") >> quota >> period && period > 0)
    threads = std::min(threads, std::max(1, int(quota / period)));
  return threads;
}

Status moert::chooseThreads(int requested, int *out) {
  constexpr int most = 4096;
  if (requested < 0 || requested > most)
    return makeStatus(MOERT_OUT_OF_RANGE, requested,
                      " threads requested, must be between 0 and ", most);
  *out = requested ? requested : availableThreads();
  return Status();
}
