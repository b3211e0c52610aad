//===- ControlGroup.h - what a control group grants -------------*- C++ -*-===//
#ifndef MOERT_BASE_CONTROLGROUP_H
#define MOERT_BASE_CONTROLGROUP_H

#include <cstdint>
#include <limits>
#include <string>

namespace moert {

inline constexpr uint64_t unknownMemory = std::numeric_limits<uint64_t>::max();

/// Memory of the groups that this process is in. Both numbers are the least of
/// its own group and all above it, and unknownMemory where nothing limits it.
struct GroupMemory {
  uint64_t limit = unknownMemory;
  /// Of the limit, what is not used; cached files count as not used, they go
  /// when memory is needed.
  uint64_t available = unknownMemory;
};

/// Reads versions 1 and 2, also both at a time. `groups` lists the groups of
/// this process (/proc/self/cgroup), `root` is where they are mounted.
GroupMemory readGroupMemory(const std::string &groups = "/proc/self/cgroup",
                            const std::string &root = "/sys/fs/cgroup");

/// The number behind `key` in a file of lines "key number ...".
uint64_t readNumber(const std::string &path, const std::string &key);

} // namespace moert

#endif // MOERT_BASE_CONTROLGROUP_H
