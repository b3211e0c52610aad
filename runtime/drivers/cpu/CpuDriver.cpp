//===- CpuDriver.cpp - runs native code on this machine's processors ------===//
#include "ParallelFor.h"
#include "base/Memory.h"
#include "base/Threads.h"
#include "native/CodeImage.h"
#include "native/CpuFeatures.h"
#include "moert/abi/gpu.h"
#include <cstdio>
#include <cstring>

using namespace moert;
using namespace moert::cpu;

struct moert_device_t {
  int32_t threads;
};
struct moert_executable_t {
  std::string origin; // for messages
  std::unique_ptr<CodeImage> image;
};

static moert_status_t probe(char *detail, size_t detailSize) {
  return guarded([&]() -> Status {
    std::string name = processorName();
    const char *vectors = lookUpFeature("avx512f") == Feature::Present
                              ? ", avx512"
                          : lookUpFeature("avx2") == Feature::Present ? ", avx2"
                                                                      : "";
    std::snprintf(detail, detailSize, "%s, %d threads%s",
                  name.empty() ? "processor" : name.c_str(), availableThreads(),
                  vectors);
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

static moert_status_t check(const moert_code_t *code) {
  return guarded([&] { return checkProcessor(*code); });
}

static moert_status_t load(moert_device_t *, const moert_code_t *code,
                           moert_executable_t **outExecutable) {
  return guarded([&]() -> Status {
    auto executable = std::make_unique<moert_executable_t>();
    executable->origin = code->origin;
    MOERT_RETURN_IF_ERROR(CodeImage::load(*code, &executable->image));
    if (executable->image->find(MOERT_GPU_IMAGE_SYMBOL))
      return makeStatus(MOERT_INCOMPATIBLE, code->origin,
                        ": is compiled for a gpu, this is the driver cpu");
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

namespace {
/// What moert_abi_env_t::host points to during a forward.
struct Tracer {
  void (*trace)(void *host, int64_t op);
  void *host;
};
} // namespace

static void traceOperation(const moert_abi_env_t *env, int64_t op) {
  const Tracer *tracer = static_cast<const Tracer *>(env->host);
  tracer->trace(tracer->host, op);
}

static moert_status_t forward(moert_device_t *device,
                              moert_executable_t *executable,
                              const moert_abi_forward_t *args,
                              void (*trace)(void *host, int64_t op),
                              void *host) {
  return guarded([&]() -> Status {
    Tracer tracer{trace, host};
    moert_abi_env_t env = {};
    env.size = sizeof(env);
    env.abi_version = MOERT_ABI_VERSION;
    env.parallel_for = parallelFor;
    env.trace = trace ? traceOperation : nullptr;
    env.workers = device->threads;
    env.host = &tracer;
    int32_t code = executable->image->forward()(&env, args);
    if (code == MOERT_OK)
      return Status();
    bool known = code > MOERT_OK && code <= MOERT_INTERNAL;
    return makeStatus(known ? static_cast<moert_status_code_t>(code)
                            : MOERT_INTERNAL,
                      executable->origin, ": forward returned ", code);
  });
}

extern "C" const moert_driver_t *moert_driver_cpu(void) {
  static const moert_driver_t driver = {sizeof(moert_driver_t),
                                        MOERT_DRIVER_ABI_VERSION,
                                        "cpu",
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
