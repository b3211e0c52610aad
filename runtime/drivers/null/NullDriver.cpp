//===- NullDriver.cpp - the driver that runs nothing: the template --------===//
//
// Everything but forward works, so a module for it can be opened, inspected and
// given a session. Copy this folder to begin a driver; docs/HowTo/AddDriver.md
// says what each function owes, runtime/cts checks it.
//===----------------------------------------------------------------------===//
#include "base/Memory.h"
#include "base/Status.h"
#include "moert/abi/driver.h"
#include <cstdio>

struct moert_device_t {
  int32_t threads;
};
struct moert_executable_t {
  std::string origin; // for messages
};

using namespace moert;

static moert_status_t probe(char *detail, size_t detailSize) {
  std::snprintf(detail, detailSize, "always here, executes nothing");
  return nullptr;
}

static moert_status_t open(const moert_device_options_t *options,
                           moert_device_t **outDevice) {
  return guarded([&]() -> Status {
    *outDevice = new moert_device_t{options->threads};
    return Status();
  });
}

static void close(moert_device_t *device) { delete device; }

static moert_status_t check(const moert_code_t *code) {
  return guarded([&]() -> Status {
    if (code->feature_count)
      return makeStatus(MOERT_INCOMPATIBLE, code->origin, ": needs ",
                        code->features[0], ", the null driver has no features");
    return Status();
  });
}

static moert_status_t load(moert_device_t *, const moert_code_t *code,
                           moert_executable_t **outExecutable) {
  return guarded([&]() -> Status {
    if (code->size)
      return makeStatus(MOERT_INVALID_ARGUMENT, code->origin, ": has ",
                        code->size, " bytes of code, the null driver takes 0");
    *outExecutable = new moert_executable_t{code->origin};
    return Status();
  });
}

static void unload(moert_device_t *, moert_executable_t *executable) {
  delete executable;
}

static moert_status_t allocate(moert_device_t *, uint64_t bytes,
                               void **outMemory) {
  return guarded([&] { return allocateHostMemory(bytes, outMemory); });
}

static void release(moert_device_t *, void *memory, uint64_t bytes) {
  releaseHostMemory(memory, bytes);
}

static moert_status_t forward(moert_device_t *, moert_executable_t *executable,
                              const moert_abi_forward_t *,
                              void (*)(void *host, int64_t op), void *) {
  return guarded([&] {
    return makeStatus(MOERT_UNIMPLEMENTED, executable->origin,
                      ": the null driver executes nothing");
  });
}

extern "C" const moert_driver_t *moert_driver_null(void) {
  static const moert_driver_t driver = {sizeof(moert_driver_t),
                                        MOERT_DRIVER_ABI_VERSION,
                                        "null",
                                        probe,
                                        open,
                                        close,
                                        check,
                                        load,
                                        unload,
                                        allocate,
                                        release,
                                        forward,
                                        /*use=*/nullptr,
                                        /*enough_rows=*/0,
                                        /*copy=*/nullptr};
  return &driver;
}
