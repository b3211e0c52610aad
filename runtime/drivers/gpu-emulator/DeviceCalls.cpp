//===- DeviceCalls.cpp - the device and its one context -------------------===//
#include "ApiCalls.h"

#include <cstdio>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

using OneDevice = emulator::Device;

thread_local uint64_t emulator::currentContext = 0;

/// What the API calls a result and what it says of it.
struct ResultText {
  CuResult result;
  const char *name, *text;
};
static const ResultText resultTexts[] = {
    {CuSuccess, "CUDA_SUCCESS", "no error"},
    {CuInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CuOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CuNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CuInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CuInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CuNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {CuInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CuNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CuNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CuIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {CuLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CuHostMemoryAlreadyRegistered, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {CuResult(713), "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {CuResult(716), "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CuLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CuStreamCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CuStreamCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CuResult(903), "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "the capture was not begun in this stream"},
    {CuResult(904), "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capturing stream has unjoined work"},
    {CuResult(905), "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {CuResult(906), "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking "
     "stream"},
    {CuResult(907), "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
};

static const ResultText *find(CuResult result) {
  for (const ResultText &entry : resultTexts)
    if (entry.result == result)
      return &entry;
  return nullptr;
}

static CuResult getErrorName(CuResult result, const char **text) {
  const ResultText *entry = find(result);
  *text = entry ? entry->name : nullptr;
  return entry ? CuSuccess : CuInvalidValue;
}

static CuResult getErrorString(CuResult result, const char **text) {
  const ResultText *entry = find(result);
  *text = entry ? entry->text : nullptr;
  return entry ? CuSuccess : CuInvalidValue;
}

/// Runs `body` alone once cuInit has been called.
template <typename Body> static CuResult withDevice(Body &&body) {
  OneDevice &device = OneDevice::get();
  std::lock_guard<std::mutex> guard(device.mutex);
  return device.isInitialized ? body(device) : CuNotInitialized;
}

static CuResult init(unsigned flags) {
  OneDevice &device = OneDevice::get();
  std::lock_guard<std::mutex> guard(device.mutex);
  if (flags)
    return CuInvalidValue;
  device.isInitialized = true;
  return CuSuccess;
}

static CuResult getVersion(int *version) {
  *version = 13000;
  return CuSuccess;
}

static CuResult getCount(int *count) {
  return withDevice([&](OneDevice &) {
    *count = 1;
    return CuSuccess;
  });
}

static CuResult getDevice(CuDevice *device, int ordinal) {
  return withDevice([&](OneDevice &) {
    *device = 0;
    return ordinal == 0 ? CuSuccess : CuInvalidDevice;
  });
}

static CuResult getName(char *name, int size, CuDevice device) {
  return withDevice([&](OneDevice &) {
    if (device != 0 || size <= 0)
      return device ? CuInvalidDevice : CuInvalidValue;
    std::snprintf(name, static_cast<size_t>(size), "emulated GPU");
    return CuSuccess;
  });
}

static CuResult getAttribute(int *value, CuDeviceAttribute attribute,
                             CuDevice device) {
  return withDevice([&](OneDevice &) {
    if (device != 0)
      return CuInvalidDevice;
    switch (attribute) {
    case CuMaxThreadsPerBlock:
      *value = maxThreads;
      return CuSuccess;
    case CuMaxGridX:
      *value = static_cast<int>(maxBlocksX);
      return CuSuccess;
    case CuMaxGridY:
      *value = static_cast<int>(maxBlocksY);
      return CuSuccess;
    case CuMaxSharedPerBlock:
      *value = defaultSharedBytes;
      return CuSuccess;
    case CuMaxSharedPerBlockOptIn:
      *value = maxSharedBytes;
      return CuSuccess;
    case CuWarpSize:
      *value = warpSize;
      return CuSuccess;
    case CuMultiprocessorCount:
      *value = 16;
      return CuSuccess;
    case CuCapabilityMajor:
      *value = 8;
      return CuSuccess;
    case CuCapabilityMinor:
      *value = 0;
      return CuSuccess;
    }
    return CuInvalidValue;
  });
}

static CuResult getTotalMemory(size_t *bytes, CuDevice device) {
  return withDevice([&](OneDevice &) {
    *bytes = getTotalBytes();
    return device == 0 ? CuSuccess : CuInvalidDevice;
  });
}

/// Contexts are told apart by the life of the machine that they stand for.
static CuContext contextOf(uint64_t life) {
  return reinterpret_cast<CuContext>(static_cast<uintptr_t>(life));
}

static CuResult retain(CuContext *context, CuDevice device) {
  return withDevice([&](OneDevice &one) {
    if (device != 0)
      return CuInvalidDevice;
    if (!one.machine) {
      one.machine = std::make_unique<Machine>(one.threads);
      ++one.life;
    }
    ++one.retained;
    *context = contextOf(one.life);
    return CuSuccess;
  });
}

static CuResult release(CuDevice device) {
  return withDevice([&](OneDevice &one) {
    if (device != 0)
      return CuInvalidDevice;
    if (one.retained == 0)
      return CuInvalidContext;
    if (--one.retained == 0)
      one.machine.reset();
    return CuSuccess;
  });
}

static CuResult setCurrent(CuContext context) {
  return withDevice([&](OneDevice &one) {
    if (context && (!one.machine || context != contextOf(one.life)))
      return CuInvalidContext;
    currentContext = context ? one.life : 0;
    return CuSuccess;
  });
}

static const char *getFailure() {
  OneDevice &device = OneDevice::get();
  std::lock_guard<std::mutex> guard(device.mutex);
  if (!device.machine || device.machine->failure.empty())
    return nullptr;
  device.failure = device.machine->failure;
  return device.failure.c_str();
}

static void setThreads(int32_t threads) {
  OneDevice &device = OneDevice::get();
  std::lock_guard<std::mutex> guard(device.mutex);
  device.threads = threads;
  if (device.machine)
    device.machine->emulator.setThreads(threads);
}

void emulator::addDeviceCalls(CudaApi &api) {
  api.cuInit = init;
  api.cuDriverGetVersion = getVersion;
  api.cuGetErrorName = getErrorName;
  api.cuGetErrorString = getErrorString;
  api.cuDeviceGetCount = getCount;
  api.cuDeviceGet = getDevice;
  api.cuDeviceGetName = getName;
  api.cuDeviceGetAttribute = getAttribute;
  api.cuDeviceTotalMem_v2 = getTotalMemory;
  api.cuDevicePrimaryCtxRetain = retain;
  api.cuDevicePrimaryCtxRelease_v2 = release;
  api.cuCtxSetCurrent = setCurrent;
  api.moert_emulator_failure = getFailure;
  api.moert_emulator_set_threads = setThreads;
}

const CudaApi &emulator::getCudaApi() {
  static const CudaApi api = [] {
    CudaApi api;
    addDeviceCalls(api);
    addMemoryCalls(api);
    addStreamCalls(api);
    addModuleCalls(api);
    addGraphCalls(api);
    return api;
  }();
  return api;
}
