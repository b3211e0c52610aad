//===- ParallelFor.cpp - the parallel loops of compiled code --------------===//
//
// OpenMP keeps its threads between loops: they spin for a while (200 ms with
// LLVM's library unless KMP_BLOCKTIME says otherwise) and then sleep. So the
// loops of one token, a few microseconds apart, start at once, and an idle
// program uses no processor.
//===----------------------------------------------------------------------===//
#include "ParallelFor.h"

#include "base/OpenMP.h"
#include <algorithm>

using namespace moert;

/// The worker that runs on this thread; -1 outside of loops.
static thread_local int64_t currentWorker = -1;

/// Begin of slice `i` of `parts` slices whose lengths differ by at most one.
static int64_t sliceBegin(int64_t count, int64_t parts, int64_t i) {
  return count / parts * i + std::min(i, count % parts);
}

void moert::cpu::parallelFor(const moert_abi_env_t *env, moert_abi_body_t body,
                             void *closure, int64_t count) {
  if (count <= 0)
    return;
  if (currentWorker >= 0 || env->workers <= 1 || count == 1) {
    body(closure, 0, count, std::max<int64_t>(currentWorker, 0));
    return;
  }
  // Always the whole team, even for fewer indices than threads: OpenMP takes
  // long to change the size of a team, and idle members cost nothing.
  int workers = static_cast<int>(env->workers);
#pragma omp parallel num_threads(workers)
  {
    int64_t worker = omp_get_thread_num(), team = omp_get_num_threads();
    int64_t begin = sliceBegin(count, team, worker);
    int64_t end = sliceBegin(count, team, worker + 1);
    currentWorker = worker;
    if (begin < end)
      body(closure, begin, end, worker);
    currentWorker = -1;
  }
}
