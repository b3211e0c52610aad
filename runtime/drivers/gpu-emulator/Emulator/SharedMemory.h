//===- SharedMemory.h - a block's memory, and what is in it -----*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_SHAREDMEMORY_H
#define MOERT_DRIVERS_EMULATOR_SHAREDMEMORY_H

#include "Launch.h"
#include "base/Status.h"
#include <cstring>

namespace moert::emulator {

/// The dynamic shared memory of the block that runs. Knows of each byte whether
/// it has been written, and whether a copy is on its way to it. Before and
/// behind lies a margin, so that an access that misses it is known for what it
/// is.
class SharedMemory {
public:
  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  Status allocate();
  /// The next kernel has so many bytes.
  void resize(uint32_t newBytes) { bytes = newBytes; }
  /// Nothing has been written.
  void forget();

  char *getBegin() const { return memory + margin; }
  uint32_t getBytes() const { return bytes; }
  /// Whether the address means shared memory, rightly or not.
  bool isMeant(uintptr_t address) const {
    return address - reinterpret_cast<uintptr_t>(memory) < total;
  }
  /// From the first byte; negative in the margin before it.
  int64_t getOffset(uintptr_t address) const {
    return static_cast<int64_t>(address - reinterpret_cast<uintptr_t>(memory)) -
           int64_t(margin);
  }
  bool holds(int64_t offset, int64_t count) const {
    return offset >= 0 && count <= int64_t(bytes) - offset;
  }

  bool isWritten(int64_t offset, int64_t count) const {
    return isAll(offset, count, written);
  }
  bool isCopiedTo(int64_t offset) const {
    return states[offset] == written + 1;
  }
  /// Whether a copy is on its way to any of the bytes.
  bool awaitsCopy(int64_t offset, int64_t count) const;
  /// The first of these bytes that has not been written.
  int64_t findUnwritten(int64_t offset, int64_t count) const;
  void setWritten(int64_t offset, int64_t count) {
    set(offset, count, written);
  }
  void setCopiedTo(int64_t offset, int64_t count) {
    set(offset, count, written + 1);
  }

private:
  static constexpr size_t margin = 64 << 10;
  static constexpr size_t total = margin + maxSharedBytes + margin;

  bool isAll(int64_t offset, int64_t count, uint8_t state) const {
    const uint8_t *at = states + offset;
    uint64_t pattern = state * UINT64_C(0x0101010101010101);
    uint64_t first = 0, second = 0;
    switch (count) {
    case 1:
      return *at == state;
    case 2:
      std::memcpy(&first, at, 2);
      return first == (pattern & 0xffff);
    case 4:
      std::memcpy(&first, at, 4);
      return first == (pattern & 0xffffffff);
    case 8:
      std::memcpy(&first, at, 8);
      return first == pattern;
    case 16:
      std::memcpy(&first, at, 8);
      std::memcpy(&second, at + 8, 8);
      return ((first ^ pattern) | (second ^ pattern)) == 0;
    }
    for (int64_t i = 0; i < count; ++i)
      if (at[i] != state)
        return false;
    return true;
  }
  void set(int64_t offset, int64_t count, uint8_t state) {
    uint8_t *at = states + offset;
    uint64_t pattern = state * UINT64_C(0x0101010101010101);
    switch (count) {
    case 1:
      *at = state;
      return;
    case 2:
      std::memcpy(at, &pattern, 2);
      return;
    case 4:
      std::memcpy(at, &pattern, 4);
      return;
    case 8:
      std::memcpy(at, &pattern, 8);
      return;
    case 16:
      std::memcpy(at, &pattern, 8);
      std::memcpy(at + 8, &pattern, 8);
      return;
    }
    std::memset(at, state, static_cast<size_t>(count));
  }

  char *memory = nullptr;
  uint8_t *states = nullptr; ///< [maxSharedBytes]
  uint32_t bytes = 0;
  /// What a written byte is marked with, and, plus 1, one that a copy is on its
  /// way to. Each block has another number, so that forgetting costs nothing.
  uint8_t written = 2;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_SHAREDMEMORY_H
