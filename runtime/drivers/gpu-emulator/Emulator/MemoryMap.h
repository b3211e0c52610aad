//===- MemoryMap.h - the memory that kernels may touch ----------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_MEMORYMAP_H
#define MOERT_DRIVERS_EMULATOR_MEMORYMAP_H

#include <cstdint>
#include <string>
#include <vector>

namespace moert::emulator {

/// Live memory that can be addressed as one piece.
struct Range {
  uintptr_t begin = 0;
  uint64_t bytes = 0;
  bool writable = false;
  uint32_t uses = 0; ///< how often it was added

  bool holds(uintptr_t address, uint64_t count) const {
    uint64_t into = address - begin; // wraps far beyond `bytes` below begin
    return into < bytes && count <= bytes - into;
  }
};

/// All ranges, by address. Nobody changes it while a kernel runs.
class MemoryMap {
public:
  /// Ranges never overlap; the same one may be added again.
  void add(const void *begin, uint64_t bytes, bool writable);
  /// Undoes one add; false if there is no such range.
  bool remove(const void *begin);
  /// The range that holds this byte, or null.
  const Range *find(uintptr_t address) const;
  /// "64 bytes past the end of an allocation of 4096 bytes".
  std::string describe(uintptr_t address) const;
  /// Another number after each change.
  uint64_t getVersion() const { return version; }

private:
  /// The last range that begins at or below the address, or the end.
  std::vector<Range>::const_iterator below(uintptr_t address) const;

  std::vector<Range> ranges;
  uint64_t version = 1;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_MEMORYMAP_H
