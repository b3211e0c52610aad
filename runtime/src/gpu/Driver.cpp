//===- Driver.cpp - a driver over the CUDA driver API ---------------------===//
#include "gpu/Driver.h"

#include "gpu/Executable.h"
#include <charconv>
#include <cstdio>
#include <string_view>

using namespace moert;
using namespace moert::gpu;

static Device &deviceOf(moert_device_t *device) {
  return *reinterpret_cast<Device *>(device);
}
static Executable &executableOf(moert_executable_t *executable) {
  return *reinterpret_cast<Executable *>(executable);
}

moert_status_t gpu::probe(FindApi find, char *detail, size_t detailSize) {
  return guarded([&]() -> Status {
    const CudaApi *api = nullptr;
    MOERT_RETURN_IF_ERROR(find(&api));
    DeviceFacts facts;
    MOERT_RETURN_IF_ERROR(findDevice(*api, &facts));
    std::snprintf(detail, detailSize,
                  "%s, %.1f GiB, compute capability %s, driver of CUDA %d.%d",
                  facts.name.c_str(), double(facts.memory) / (1 << 30),
                  versionText(facts.capability).c_str(), facts.version / 1000,
                  facts.version % 1000 / 10);
    return Status();
  });
}

moert_status_t gpu::open(FindApi find, const moert_device_options_t *options,
                         moert_device_t **outDevice) {
  return guarded([&]() -> Status {
    const CudaApi *api = nullptr;
    MOERT_RETURN_IF_ERROR(find(&api));
    std::unique_ptr<Device> device;
    MOERT_RETURN_IF_ERROR(Device::open(*api, *options, &device));
    *outDevice = reinterpret_cast<moert_device_t *>(device.release());
    return Status();
  });
}

/// The number of "sm_90"; 0 of anything else.
static int capabilityOf(std::string_view feature) {
  int number = 0;
  if (!feature.starts_with("sm_"))
    return 0;
  const char *end = feature.data() + feature.size();
  auto [stop, error] = std::from_chars(feature.data() + 3, end, number);
  return error == std::errc() && stop == end ? number : 0;
}

moert_status_t gpu::check(FindApi find, const moert_code_t *code) {
  return guarded([&]() -> Status {
    std::vector<const char *> ofProcessor;
    int needed = 0;
    for (uint64_t i = 0; i < code->feature_count; ++i) {
      const int capability = capabilityOf(code->features[i]);
      needed = std::max(needed, capability);
      if (!capability)
        ofProcessor.push_back(code->features[i]);
    }
    moert_code_t host = *code;
    host.features = ofProcessor.data();
    host.feature_count = ofProcessor.size();
    MOERT_RETURN_IF_ERROR(checkProcessor(host));
    if (!needed)
      return Status();
    const CudaApi *api = nullptr;
    MOERT_RETURN_IF_ERROR(find(&api));
    if (api->moert_emulator_load_image)
      return Status(); // runs what the code has for it
    DeviceFacts facts;
    MOERT_RETURN_IF_ERROR(findDevice(*api, &facts));
    Status status = checkCapability(needed, facts);
    if (status)
      return makeStatus(status.code(), code->origin, ": ", status.message());
    return Status();
  });
}

static void close(moert_device_t *device) {
  delete reinterpret_cast<Device *>(device);
}

static moert_status_t load(moert_device_t *device, const moert_code_t *code,
                           moert_executable_t **outExecutable) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(deviceOf(device).enter());
    std::unique_ptr<Executable> executable;
    MOERT_RETURN_IF_ERROR(
        Executable::create(deviceOf(device), *code, &executable));
    *outExecutable =
        reinterpret_cast<moert_executable_t *>(executable.release());
    return Status();
  });
}

static void unload(moert_device_t *device, moert_executable_t *executable) {
  Status ignored = deviceOf(device).enter();
  delete reinterpret_cast<Executable *>(executable);
}

static moert_status_t allocate(moert_device_t *device, uint64_t bytes,
                               void **outMemory) {
  return guarded([&]() -> Status {
    const Device &gpu = deviceOf(device);
    MOERT_RETURN_IF_ERROR(gpu.enter());
    CuAddress address = 0;
    MOERT_RETURN_IF_ERROR(gpu.allocate(bytes, &address));
    Status zeroed;
    if (bytes)
      zeroed = statusOf(gpu.api,
                        gpu.api.cuMemsetD8Async(address, 0, bytes, gpu.compute),
                        "clear device memory");
    if (!zeroed)
      zeroed = gpu.synchronize();
    if (zeroed) {
      gpu.release(address);
      return zeroed;
    }
    *outMemory = pointerTo(address);
    return Status();
  });
}

static void release(moert_device_t *device, void *memory, uint64_t) {
  const Device &gpu = deviceOf(device);
  Status entered = gpu.enter();
  if (memory && entered.ok())
    gpu.release(addressOf(memory));
}

static moert_status_t forward(moert_device_t *device,
                              moert_executable_t *executable,
                              const moert_abi_forward_t *args,
                              void (*trace)(void *host, int64_t op),
                              void *host) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(deviceOf(device).enter());
    return executableOf(executable).forward(*args, trace, host);
  });
}

static moert_status_t use(moert_device_t *,
                          const moert_executable_t *executable,
                          moert_device_use_t *outUse) {
  return guarded([&]() -> Status {
    reinterpret_cast<const Executable *>(executable)->describeUse(outUse);
    return Status();
  });
}

static moert_status_t copy(moert_device_t *device, void *to, const void *from,
                           uint64_t bytes, int32_t toDevice) {
  return guarded([&]() -> Status {
    const Device &gpu = deviceOf(device);
    MOERT_RETURN_IF_ERROR(gpu.enter());
    if (bytes == 0)
      return Status();
    CuResult result = toDevice
                          ? gpu.api.cuMemcpyHtoDAsync_v2(addressOf(to), from,
                                                         bytes, gpu.compute)
                          : gpu.api.cuMemcpyDtoHAsync_v2(to, addressOf(from),
                                                         bytes, gpu.compute);
    MOERT_RETURN_IF_ERROR(
        statusOf(gpu.api, result, "copy between host and device"));
    return gpu.synchronize();
  });
}

moert_driver_t gpu::makeDriver(const char *name) {
  moert_driver_t driver = {};
  driver.size = sizeof(driver);
  driver.abi_version = MOERT_DRIVER_ABI_VERSION;
  driver.name = name;
  driver.close = close;
  driver.load = load;
  driver.unload = unload;
  driver.allocate = allocate;
  driver.release = release;
  driver.forward = forward;
  driver.use = use;
  driver.copy = copy;
  return driver;
}
