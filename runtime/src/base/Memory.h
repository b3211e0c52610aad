//===- Memory.h - large zeroed host memory ----------------------*- C++ -*-===//
#ifndef MOERT_BASE_MEMORY_H
#define MOERT_BASE_MEMORY_H

#include "base/Status.h"
#include <cstddef>

namespace moert {

/// Zeroed memory in huge pages where the machine has them, at least 4096-byte
/// aligned. Refuses, with both numbers, what this machine does not have free:
/// the system would promise it and then end the process.
Status allocateHostMemory(uint64_t bytes, void **out);
void releaseHostMemory(void *memory, uint64_t bytes);

/// Bytes that this process can still use, by the machine and by its control
/// groups; the greatest number when unknown.
uint64_t availableHostMemory();
/// All bytes that the machine has and control groups grant.
uint64_t grantedHostMemory();

} // namespace moert

#endif // MOERT_BASE_MEMORY_H
