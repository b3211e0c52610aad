//===- Threads.cpp - how many threads this process may use ----------------===//
#include "base/Threads.h"

#include "base/OpenMP.h"
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <mutex>

using namespace moert;

// LLVM's OpenMP library only.
extern "C" __attribute__((weak)) void kmp_set_defaults(const char *);

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
/// OpenMP keeps what it has when a team grows; that is not our leak.
extern "C" __attribute__((visibility("default"))) const char *
__lsan_default_suppressions() {
  return "leak:libomp.so\n";
}
extern "C" __attribute__((visibility("default"))) const char *
__lsan_default_options() {
  return "print_suppressions=0";
}
#endif
#endif

/// LLVM's OpenMP gives its processor away at each turn of a waiting loop. On a
/// machine with other work a thread then comes back late: an empty loop on two
/// threads took 36 us instead of 0.5. Waiting without that is limited in time
/// anyway. Whoever has set the variable knows better.
static void tuneWaiting() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (kmp_set_defaults && !std::getenv("KMP_USE_YIELD"))
      kmp_set_defaults("KMP_USE_YIELD=2"); // only with more threads than cores
  });
}

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
  tuneWaiting();
#ifdef _OPENMP
  *out = requested ? requested : availableThreads();
#else
  *out = 1;
#endif
  return Status();
}
