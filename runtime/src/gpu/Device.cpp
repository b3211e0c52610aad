//===- Device.cpp - a GPU in use ------------------------------------------===//
#include "gpu/Device.h"

#include "base/Options.h"

using namespace moert;
using namespace moert::gpu;

//===----------------------------------------------------------------------===//
// Looking
//===----------------------------------------------------------------------===//

/// What the kernels and we ourselves need at least.
static constexpr int leastVersion = 12000, leastCapability = 80;

/// 12040 as "12.4"
static std::string cudaText(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

static Status initialize(const CudaApi &api, int *version) {
  MOERT_RETURN_IF_ERROR(statusOf(api, api.cuDriverGetVersion(version),
                                 "ask for the driver's version"));
  if (*version < leastVersion)
    return makeStatus(MOERT_UNAVAILABLE, "the driver is of CUDA ",
                      cudaText(*version), ", at least ", cudaText(leastVersion),
                      " is needed");
  Status started = statusOf(api, api.cuInit(0), "start the driver");
  if (started)
    return Status(MOERT_UNAVAILABLE, started.message());
  int count = 0;
  MOERT_RETURN_IF_ERROR(
      statusOf(api, api.cuDeviceGetCount(&count), "count devices"));
  if (count < 1)
    return makeStatus(MOERT_UNAVAILABLE, "the driver has ", count,
                      " devices, at least 1 is needed");
  return Status();
}

static Status readFacts(const CudaApi &api, DeviceFacts *facts) {
  const char *what = "describe the device";
  MOERT_RETURN_IF_ERROR(
      statusOf(api, api.cuDeviceGet(&facts->device, 0), what));
  char name[256] = "";
  MOERT_RETURN_IF_ERROR(statusOf(
      api, api.cuDeviceGetName(name, sizeof(name) - 1, facts->device), what));
  facts->name = name;
  size_t memory = 0;
  MOERT_RETURN_IF_ERROR(
      statusOf(api, api.cuDeviceTotalMem_v2(&memory, facts->device), what));
  facts->memory = memory;
  int major = 0, minor = 0;
  const std::pair<CuDeviceAttribute, int *> wanted[] = {
      {CuCapabilityMajor, &major},
      {CuCapabilityMinor, &minor},
      {CuMultiprocessorCount, &facts->processors},
      {CuMaxSharedPerBlockOptIn, &facts->sharedBytes}};
  for (auto [attribute, value] : wanted)
    MOERT_RETURN_IF_ERROR(statusOf(
        api, api.cuDeviceGetAttribute(value, attribute, facts->device), what));
  facts->capability = 10 * major + minor;
  return Status();
}

Status gpu::findDevice(const CudaApi &api, DeviceFacts *out) {
  DeviceFacts facts;
  MOERT_RETURN_IF_ERROR(initialize(api, &facts.version));
  MOERT_RETURN_IF_ERROR(readFacts(api, &facts));
  if (facts.capability < leastCapability)
    return makeStatus(MOERT_UNAVAILABLE, facts.name, " has compute capability ",
                      versionText(facts.capability), ", at least ",
                      versionText(leastCapability), " is needed");
  *out = facts;
  return Status();
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

Status Device::open(const CudaApi &api, const moert_device_options_t &options,
                    std::unique_ptr<Device> *out) {
  moert_device_options_t known = {};
  MOERT_RETURN_IF_ERROR(readOptions("device options", &options, &known));
  if (known.threads < 1)
    return makeStatus(MOERT_INVALID_ARGUMENT, known.threads,
                      " threads requested, at least 1 is needed");
  std::unique_ptr<Device> device(new Device(api));
  if (known.cache_policy)
    device->cachePolicy = known.cache_policy; // the caller's need not live
  known.cache_policy = device->cachePolicy.c_str();
  device->options = known;
  MOERT_RETURN_IF_ERROR(findDevice(api, &device->facts));
  if (api.moert_emulator_set_threads)
    api.moert_emulator_set_threads(known.threads);
  MOERT_RETURN_IF_ERROR(statusOf(
      api, api.cuDevicePrimaryCtxRetain(&device->context, device->facts.device),
      "make a context"));
  MOERT_RETURN_IF_ERROR(device->enter());
  for (CuStream *stream : {&device->compute, &device->copies})
    MOERT_RETURN_IF_ERROR(statusOf(
        api, api.cuStreamCreate(stream, CuStreamNonBlocking), "make a stream"));
  *out = std::move(device);
  return Status();
}

Device::~Device() {
  if (!context)
    return;
  if (api.cuCtxSetCurrent(context) == CuSuccess)
    for (CuStream stream : {compute, copies})
      if (stream)
        api.cuStreamDestroy_v2(stream);
  api.cuDevicePrimaryCtxRelease_v2(facts.device);
}

Status Device::enter() const {
  return statusOf(api, api.cuCtxSetCurrent(context), "use the device");
}

Status Device::room(DeviceRoom *out) const {
  size_t available = 0, total = 0;
  MOERT_RETURN_IF_ERROR(statusOf(api, api.cuMemGetInfo_v2(&available, &total),
                                 "ask for free memory"));
  *out = {available, total};
  return Status();
}

Status Device::allocate(uint64_t bytes, CuAddress *out) const {
  DeviceRoom room;
  MOERT_RETURN_IF_ERROR(this->room(&room));
  CuAddress address = 0;
  CuResult result = CuOutOfMemory;
  if (bytes <= room.available)
    result = api.cuMemAlloc_v2(&address, std::max<uint64_t>(bytes, 1));
  if (result == CuOutOfMemory)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, bytes,
                      " bytes of device memory are needed, ", room.available,
                      " of ", room.total, " are free");
  MOERT_RETURN_IF_ERROR(statusOf(api, result, "allocate device memory"));
  *out = address;
  return Status();
}

Status Device::synchronize() const {
  return statusOf(api, api.cuStreamSynchronize(compute), "wait for kernels");
}

//===----------------------------------------------------------------------===//
// Memory and events
//===----------------------------------------------------------------------===//

Status DeviceBlock::reserve(uint64_t bytes) {
  if (begin && bytes <= size)
    return Status();
  reset();
  MOERT_RETURN_IF_ERROR(device.allocate(bytes, &begin));
  size = bytes;
  return Status();
}

void DeviceBlock::reset() {
  if (begin)
    device.release(begin);
  begin = 0;
  size = 0;
}

Status PinnedBlock::reserve(uint64_t bytes) {
  if (begin && bytes <= size)
    return Status();
  reset();
  void *memory = nullptr;
  const uint64_t wanted = std::max<uint64_t>(bytes, 1);
  CuResult result = device.api.cuMemHostAlloc(&memory, wanted, 0);
  if (result == CuOutOfMemory)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, "cannot pin ", bytes,
                      " bytes of the host's memory");
  MOERT_RETURN_IF_ERROR(statusOf(device.api, result, "pin memory of the host"));
  begin = memory;
  size = bytes;
  return Status();
}

void PinnedBlock::reset() {
  if (begin)
    device.api.cuMemFreeHost(begin);
  begin = nullptr;
  size = 0;
}

Status Event::record(CuStream stream) {
  const CudaApi &api = device.api;
  if (!event)
    MOERT_RETURN_IF_ERROR(statusOf(
        api, api.cuEventCreate(&event, CuEventDisableTiming), "make an event"));
  return statusOf(api, api.cuEventRecord(event, stream), "record an event");
}

Status Event::holdUp(CuStream stream) const {
  if (!event)
    return Status();
  return statusOf(device.api, device.api.cuStreamWaitEvent(stream, event, 0),
                  "wait for an event");
}

Status Event::wait() const {
  if (!event)
    return Status();
  return statusOf(device.api, device.api.cuEventSynchronize(event),
                  "wait for an event");
}

bool Event::isDone() const {
  return !event || device.api.cuEventQuery(event) != CuNotReady;
}
