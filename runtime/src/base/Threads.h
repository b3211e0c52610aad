//===- Threads.h - how many threads this process may use --------*- C++ -*-===//
#ifndef MOERT_BASE_THREADS_H
#define MOERT_BASE_THREADS_H

#include "base/Status.h"

namespace moert {

/// Processors in this process's affinity mask, less where a control group
/// grants less time than that.
int availableThreads();

/// `requested`, or all available for 0; refuses negative and absurd numbers.
/// Every user of OpenMP here asks this first, so it also sets OpenMP up.
Status chooseThreads(int requested, int *out);

} // namespace moert

#endif // MOERT_BASE_THREADS_H
