//===- LpuDriver.cpp - runs programs of an LPU on the simulator -----------===//
#include "LpuProgram.h"
#include "base/Memory.h"
#include "moert/abi/driver.h"
#include <cstdio>

using namespace moert;
using namespace moert::lpu;

struct moert_device_t {
  int32_t threads;
};
struct moert_executable_t {
  std::string origin; // for messages
  std::unique_ptr<ProgramRunner> runner;
};

static moert_status_t probe(char *detail, size_t detailSize) {
  return guarded([&]() -> Status {
    std::string names;
    for (const NamedMachine &machine : machines())
      names += (names.empty() ? "" : ", ") + std::string(machine.name);
    std::snprintf(detail, detailSize, "simulator, to the cycle, of %s",
                  names.c_str());
    return Status();
  });
}

static moert_status_t open(const moert_device_options_t *options,
                           moert_device_t **outDevice) {
  return guarded([&]() -> Status {
    if (options->threads < 1)
      return makeStatus(MOERT_INVALID_ARGUMENT, options->threads,
                        " threads requested, at least 1 is needed");
    *outDevice = new moert_device_t{options->threads};
    return Status();
  });
}

static void close(moert_device_t *device) { delete device; }

/// The same failure, of a file.
static Status of(const char *origin, const Status &status) {
  return makeStatus(status.code(), origin, ": ", status.message());
}

static moert_status_t check(const moert_code_t *code) {
  return guarded([&]() -> Status {
    Status status = checkModuleCode(*code);
    return status ? of(code->origin, status) : Status();
  });
}

static moert_status_t load(moert_device_t *device, const moert_code_t *code,
                           moert_executable_t **outExecutable) {
  return guarded([&]() -> Status {
    auto executable = std::make_unique<moert_executable_t>();
    executable->origin = code->origin;
    Status status =
        ProgramRunner::create(*code, device->threads, &executable->runner);
    if (status)
      return of(code->origin, status);
    *outExecutable = executable.release();
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
                              const moert_abi_forward_t *args,
                              void (*trace)(void *host, int64_t op),
                              void *host) {
  return guarded([&]() -> Status {
    Status status = executable->runner->forward(*args, trace, host);
    return status ? of(executable->origin.c_str(), status) : Status();
  });
}

static moert_status_t use(moert_device_t *,
                          const moert_executable_t *executable,
                          moert_device_use_t *outUse) {
  return guarded([&]() -> Status {
    executable->runner->describeUse(outUse);
    return Status();
  });
}

extern "C" const moert_driver_t *moert_driver_lpu(void) {
  // A row is a run of the whole program.
  static const moert_driver_t driver = {sizeof(moert_driver_t),
                                        MOERT_DRIVER_ABI_VERSION,
                                        "lpu",
                                        probe,
                                        open,
                                        close,
                                        check,
                                        load,
                                        unload,
                                        allocate,
                                        release,
                                        forward,
                                        use,
                                        /*enough_rows=*/1,
                                        /*copy=*/nullptr};
  return &driver;
}
