//===- MemoryCalls.cpp - memory, and copies of it -------------------------===//
#include "ApiCalls.h"

#include <cstring>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

static void *pointerOf(CuAddress address) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

static CuResult getInfo(size_t *available, size_t *total) {
  return withMachine([&](Machine &machine) {
    *total = getTotalBytes();
    *available = *total - std::min<uint64_t>(machine.getUsedBytes(), *total);
    return CuSuccess;
  });
}

/// Runs `body` unless something is being recorded that it would disturb.
template <typename Body> static CuResult outsideCaptures(Body &&body) {
  return withMachine([&](Machine &machine) {
    CuResult result = machine.forbidCaptures();
    return result == CuSuccess ? body(machine) : result;
  });
}

static CuResult allocate(CuAddress *address, size_t bytes) {
  return outsideCaptures([&](Machine &machine) {
    void *memory = nullptr;
    CuResult result = machine.allocate(bytes, &memory);
    if (result == CuSuccess)
      *address = reinterpret_cast<uintptr_t>(memory);
    return result;
  });
}

static CuResult release(CuAddress address) {
  return outsideCaptures([&](Machine &machine) {
    return address ? machine.release(pointerOf(address)) : CuSuccess;
  });
}

static CuResult allocatePinned(void **memory, size_t bytes, unsigned flags) {
  constexpr unsigned portable = 1, mapped = 2, writeCombined = 4;
  if (flags & ~(portable | mapped | writeCombined))
    return CuInvalidValue;
  return outsideCaptures([&](Machine &machine) {
    return machine.allocatePinned(bytes, flags & mapped, memory);
  });
}

static CuResult releasePinned(void *memory) {
  return outsideCaptures(
      [&](Machine &machine) { return machine.releasePinned(memory); });
}

static CuResult registerHost(void *memory, size_t bytes, unsigned) {
  return outsideCaptures(
      [&](Machine &machine) { return machine.registerHost(memory, bytes); });
}

static CuResult unregisterHost(void *memory) {
  return outsideCaptures(
      [&](Machine &machine) { return machine.unregisterHost(memory); });
}

static Action makeCopy(void *to, const void *from, size_t bytes) {
  return makeAction([=] {
    std::memmove(to, from, bytes);
    return CuSuccess;
  });
}

static CuResult copyToDevice(CuAddress to, const void *from, size_t bytes,
                             CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (bytes == 0)
      return CuSuccess;
    if (!machine.isOnDevice(pointerOf(to), bytes) ||
        !machine.isOnHost(from, bytes))
      return CuInvalidValue;
    return machine.enqueue(in, makeCopy(pointerOf(to), from, bytes));
  });
}

static CuResult copyToHost(void *to, CuAddress from, size_t bytes,
                           CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (bytes == 0)
      return CuSuccess;
    if (!machine.isOnHost(to, bytes) ||
        !machine.isOnDevice(pointerOf(from), bytes))
      return CuInvalidValue;
    return machine.enqueue(in, makeCopy(to, pointerOf(from), bytes));
  });
}

static CuResult copyOnDevice(CuAddress to, CuAddress from, size_t bytes,
                             CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (bytes == 0)
      return CuSuccess;
    if (!machine.isOnDevice(pointerOf(to), bytes) ||
        !machine.isOnDevice(pointerOf(from), bytes))
      return CuInvalidValue;
    return machine.enqueue(in, makeCopy(pointerOf(to), pointerOf(from), bytes));
  });
}

static CuResult fill(CuAddress to, unsigned char value, size_t bytes,
                     CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (bytes == 0)
      return CuSuccess;
    if (!machine.isOnDevice(pointerOf(to), bytes))
      return CuInvalidValue;
    return machine.enqueue(in, makeAction([=] {
                             std::memset(pointerOf(to), value, bytes);
                             return CuSuccess;
                           }));
  });
}

void emulator::addMemoryCalls(CudaApi &api) {
  api.cuMemGetInfo_v2 = getInfo;
  api.cuMemAlloc_v2 = allocate;
  api.cuMemFree_v2 = release;
  api.cuMemHostAlloc = allocatePinned;
  api.cuMemFreeHost = releasePinned;
  api.cuMemHostRegister_v2 = registerHost;
  api.cuMemHostUnregister = unregisterHost;
  api.cuMemcpyHtoDAsync_v2 = copyToDevice;
  api.cuMemcpyDtoHAsync_v2 = copyToHost;
  api.cuMemcpyDtoDAsync_v2 = copyOnDevice;
  api.cuMemsetD8Async = fill;
}
