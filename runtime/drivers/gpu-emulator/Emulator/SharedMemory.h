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

  // Of at least one byte.
  bool isWritten(int64_t offset, int64_t count) const {
    return isAll(offset, count, written);
  }
  bool isCopiedTo(int64_t offset) const {
    return states[offset] == written + 1;
  }
  /// Whether a copy is on its way to any of the bytes.
  bool awaitsCopy(int64_t offset, int64_t count) const {
    return isAny(offset, count, written + 1);
  }
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

  /// Room behind the states, for who reads eight at once.
  static constexpr size_t slack = 64;
  static constexpr size_t allBytes = total + maxSharedBytes + slack;

  static uint64_t patternOf(uint8_t state) {
    return state * UINT64_C(0x0101010101010101);
  }
  static uint64_t readEight(const uint8_t *at) {
    uint64_t value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  /// The first `count` of eight bytes, 1 to 8. The host is little-endian, as
  /// the device is.
  static uint64_t maskOf(int64_t count) {
    return ~uint64_t(0) >> (64 - 8 * count);
  }

  bool isAll(int64_t offset, int64_t count, uint8_t state) const {
    const uint8_t *at = states + offset;
    uint64_t pattern = patternOf(state);
    for (; count > 8; at += 8, count -= 8)
      if (readEight(at) != pattern)
        return false;
    return ((readEight(at) ^ pattern) & maskOf(count)) == 0;
  }
  bool isAny(int64_t offset, int64_t count, uint8_t state) const {
    const uint8_t *at = states + offset;
    uint64_t pattern = patternOf(state);
    for (; count > 8; at += 8, count -= 8)
      if (hasZero(readEight(at) ^ pattern))
        return true;
    return hasZero((readEight(at) ^ pattern) | ~maskOf(count));
  }
  static bool hasZero(uint64_t bytes) {
    return (bytes - patternOf(1)) & ~bytes & patternOf(0x80);
  }
  void set(int64_t offset, int64_t count, uint8_t state) {
    uint8_t *at = states + offset;
    uint64_t pattern = patternOf(state);
    for (; count > 8; at += 8, count -= 8)
      std::memcpy(at, &pattern, 8);
    uint64_t mask = maskOf(count);
    uint64_t last = (readEight(at) & ~mask) | (pattern & mask);
    std::memcpy(at, &last, 8);
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
