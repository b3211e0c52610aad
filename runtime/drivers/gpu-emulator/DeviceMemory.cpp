//===- DeviceMemory.cpp - the device's memory is memory of the host
//-------------===//
#include "Machine.h"

#include "base/Memory.h"
#include <algorithm>
#include <cstring>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

/// The device hands out memory in such pieces.
static constexpr uint64_t granule = 512;
/// Behind each piece, so that what runs over its end does not meet the next
/// one.
static constexpr uint64_t gap = 4096;
/// New memory up to this size is filled with bytes that are no useful number in
/// any format: on a device it holds whatever was there before.
static constexpr uint64_t maxFilled = uint64_t(16) << 20;

static uint64_t takes(uint64_t bytes) {
  return (bytes + granule - 1) / granule * granule;
}

const Machine::Pieces::value_type *Machine::find(const Pieces &pieces,
                                                 const void *memory) {
  auto address = reinterpret_cast<uintptr_t>(memory);
  auto above = pieces.upper_bound(address);
  if (above == pieces.begin())
    return nullptr;
  const Pieces::value_type &piece = *std::prev(above);
  return address - piece.first < piece.second.bytes ? &piece : nullptr;
}

bool Machine::isOnDevice(const void *memory, uint64_t bytes) const {
  const Pieces::value_type *piece = find(device, memory);
  return piece && bytes <= piece->first + piece->second.bytes -
                               reinterpret_cast<uintptr_t>(memory);
}

bool Machine::isOnHost(const void *memory, uint64_t bytes) const {
  auto address = reinterpret_cast<uintptr_t>(memory);
  if (const Pieces::value_type *piece = find(pinned, memory))
    return bytes <= piece->first + piece->second.bytes - address;
  return memory && !find(device, memory);
}

CuResult Machine::allocate(uint64_t bytes, void **out) {
  if (bytes == 0)
    return CuInvalidValue;
  uint64_t total = getTotalBytes();
  if (bytes > total || takes(bytes) > total - std::min(usedBytes, total))
    return CuOutOfMemory;
  void *memory = nullptr;
  if (allocateHostMemory(bytes + gap, &memory))
    return CuOutOfMemory;
  std::memset(memory, 0xff, std::min(bytes, maxFilled));
  device[reinterpret_cast<uintptr_t>(memory)] = {bytes, true};
  emulator.getMemory().add(memory, bytes, /*writable=*/true);
  usedBytes += takes(bytes);
  *out = memory;
  return CuSuccess;
}

CuResult Machine::release(void *memory) {
  auto piece = device.find(reinterpret_cast<uintptr_t>(memory));
  if (piece == device.end())
    return CuInvalidValue;
  schedule.finishAll();
  emulator.getMemory().remove(memory);
  releaseHostMemory(memory, piece->second.bytes + gap);
  usedBytes -= takes(piece->second.bytes);
  device.erase(piece);
  return CuSuccess;
}

CuResult Machine::allocatePinned(uint64_t bytes, bool isMapped, void **out) {
  if (bytes == 0)
    return CuInvalidValue;
  void *memory = nullptr;
  if (allocateHostMemory(bytes + gap, &memory))
    return CuOutOfMemory;
  pinned[reinterpret_cast<uintptr_t>(memory)] = {bytes, isMapped};
  if (isMapped)
    emulator.getMemory().add(memory, bytes, /*writable=*/true);
  *out = memory;
  return CuSuccess;
}

CuResult Machine::releasePinned(void *memory) {
  auto piece = pinned.find(reinterpret_cast<uintptr_t>(memory));
  if (piece == pinned.end())
    return CuInvalidValue;
  schedule.finishAll();
  if (piece->second.isMapped)
    emulator.getMemory().remove(memory);
  releaseHostMemory(memory, piece->second.bytes + gap);
  pinned.erase(piece);
  return CuSuccess;
}

CuResult Machine::registerHost(void *memory, uint64_t bytes) {
  auto begin = reinterpret_cast<uintptr_t>(memory);
  if (!memory || bytes == 0 || begin + bytes < begin)
    return CuInvalidValue;
  auto next = registered.lower_bound(begin);
  if (find(registered, memory) ||
      (next != registered.end() && next->first < begin + bytes))
    return CuHostMemoryAlreadyRegistered;
  registered[begin] = {bytes, false};
  return CuSuccess;
}

CuResult Machine::unregisterHost(void *memory) {
  constexpr CuResult notRegistered = CuResult(713);
  schedule.finishAll();
  return registered.erase(reinterpret_cast<uintptr_t>(memory)) ? CuSuccess
                                                               : notRegistered;
}
