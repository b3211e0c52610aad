//===- Copies.h - copies that a thread has begun ----------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_COPIES_H
#define MOERT_DRIVERS_EMULATOR_COPIES_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace moert::emulator {

/// One cp.async: of `bytes` of the shared memory the first `from` come from
/// global memory, the rest is zero.
struct Copy {
  void *shared;
  const void *global;
  int32_t bytes, from;
  int32_t site; ///< of the instruction, for messages
};

/// The copies of one thread, in groups, the oldest first.
class Copies {
public:
  void add(const Copy &copy) { copies.push_back({copy, group}); }
  /// Closes the group that is open, which may be empty.
  void commit() { ++group; }
  /// The next copy that must arrive so that at most `groups` closed groups are
  /// on their way; null: none.
  const Copy *takeArrival(int64_t groups) {
    if (arrived == copies.size()) {
      copies.clear();
      arrived = 0;
      return nullptr;
    }
    const Entry &next = copies[arrived];
    if (next.group + groups >= group)
      return nullptr;
    ++arrived;
    return &next.copy;
  }
  void clear() {
    copies.clear();
    arrived = 0;
    group = 0;
  }

private:
  struct Entry {
    Copy copy;
    int64_t group;
  };
  std::vector<Entry> copies;
  size_t arrived = 0;
  int64_t group = 0; ///< that is open
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_COPIES_H
