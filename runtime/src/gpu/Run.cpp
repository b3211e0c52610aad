//===- Run.cpp - one forward under way ------------------------------------===//
#include "gpu/Run.h"

#include <cstring>

using namespace moert;
using namespace moert::gpu;

void *Run::room(uint64_t bytes) {
  void *memory = nullptr;
  if (hasFailed())
    return nullptr;
  note(pinned.take(bytes, &memory));
  return memory;
}

void *Run::fetchBytes(const void *from, uint64_t bytes) {
  void *memory = room(bytes);
  if (memory && bytes)
    note(statusOf(device.api,
                  device.api.cuMemcpyDtoHAsync_v2(memory, addressOf(from),
                                                  bytes, device.compute),
                  "copy from the device"));
  return hasFailed() ? nullptr : memory;
}

bool Run::wait() {
  if (!hasFailed())
    note(device.synchronize());
  return !hasFailed();
}

void Run::give(void *to, const void *from, uint64_t bytes) {
  void *memory = bytes ? room(bytes) : nullptr;
  if (!memory)
    return;
  std::memcpy(memory, from, bytes);
  note(statusOf(device.api,
                device.api.cuMemcpyHtoDAsync_v2(addressOf(to), memory, bytes,
                                                device.compute),
                "copy to the device"));
}
