//===- ApiCalls.h - what all functions of the API begin with -------*- C++
//-*-===//
#ifndef MOERT_DRIVERS_EMULATOR_APICALLS_H
#define MOERT_DRIVERS_EMULATOR_APICALLS_H

#include "EmulatedCuda.h"
#include "Machine.h"

namespace moert::emulator {

/// The context that is current on this thread: 0, or a number for each life of
/// the primary context.
extern thread_local uint64_t currentContext;

/// Runs `body` alone, with the machine, if this thread has a context.
template <typename Body> gpu::CuResult withMachine(Body &&body) {
  Device &device = Device::get();
  std::lock_guard<std::mutex> guard(device.mutex);
  if (!device.isInitialized)
    return gpu::CuNotInitialized;
  if (!device.machine || currentContext != device.life)
    return gpu::CuInvalidContext;
  try {
    return body(*device.machine);
  } catch (const std::bad_alloc &) {
    return gpu::CuOutOfMemory;
  }
}

/// The same for a stream, which may be the default one.
template <typename Body>
gpu::CuResult withStream(gpu::CuStream stream, Body &&body) {
  return withMachine([&](Machine &machine) {
    if (stream && !machine.streams.has(stream))
      return gpu::CuInvalidHandle;
    return body(machine, *machine.streamOf(stream));
  });
}

template <typename Body> Action makeAction(Body &&body) {
  return std::make_shared<const std::function<gpu::CuResult()>>(
      std::forward<Body>(body));
}

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_APICALLS_H
