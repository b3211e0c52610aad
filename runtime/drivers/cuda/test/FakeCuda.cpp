//===- FakeCuda.cpp - a libcuda of the host, as bad as one likes ----------===//
//
// What is enqueued is done as late as the API allows: when somebody waits for
// it, in the order of its stream, or one thing for each question whether it is
// done. So who forgets to wait reads what was there before. Variables of the
// environment make it misbehave:
//
//   FAKE_CUDA_VERSION=11040    of the driver
//   FAKE_CUDA_DEVICES=0        how many there are; none: cuInit fails
//   FAKE_CUDA_CAPABILITY=75    compute capability
//   FAKE_CUDA_MEMORY=1000000   bytes of the device
//   FAKE_CUDA_JIT=new|broken   PTX is too new, or does not compile
//   FAKE_CUDA_LAUNCH=late      a kernel reads where nothing is
//   FAKE_CUDA_CAPTURE=no       no graphs
//   FAKE_CUDA_HURRY=1          every second stream does everything at once
//   FAKE_CUDA_LOG=1            names of kernels on standard error, as they are
//                              launched
//
// With FAKE_CUDA_EMULATES, kernels run, a thread after the other: those that
// need no other thread. Without, none does. With FAKE_CUDA_LACKS it has no
// graphs to launch.
//===----------------------------------------------------------------------===//
#include "gpu/CudaApi.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace moert::gpu;

extern "C" {
#define F(name, parameters) CuResult name parameters;
MOERT_CUDA_FUNCTIONS(F)
#undef F
}

static int64_t setting(const char *name, int64_t usual) {
  const char *text = std::getenv(name);
  return text ? std::atoll(text) : usual;
}

static bool is(const char *name, const char *value) {
  const char *text = std::getenv(name);
  return text && std::strcmp(text, value) == 0;
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

namespace moert::gpu {

struct CuEventStorage {
  int64_t asked = 0, reached = 0; ///< records that were enqueued, and done
  CuStream stream = nullptr;      ///< of the last one
};
struct CuStreamStorage {
  std::deque<std::function<void()>> work;
  std::vector<std::function<void()>> *capture = nullptr;
  bool hurries = false;
};
struct CuGraphStorage {
  std::vector<std::function<void()>> work;
};
struct CuGraphExecStorage {
  std::vector<std::function<void()>> work;
};
struct CuFunctionStorage {
  const moert_gpu_kernel_t *kernel; ///< null: only its name is known
  std::string name;
};
struct CuModuleStorage {
  const moert_gpu_image_t *image = nullptr;
  std::string text;
  std::map<std::string, CuFunctionStorage> functions;
};

} // namespace moert::gpu

namespace {

struct State {
  std::map<CuAddress, size_t> memory;
  std::map<const char *, size_t> pinned;
  CuResult failure = CuSuccess; ///< that the next who waits hears
  std::vector<std::unique_ptr<CuGraphStorage>> captures;
};

} // namespace

static State &state() {
  static State state;
  return state;
}

static size_t memorySize() {
  return size_t(setting("FAKE_CUDA_MEMORY", int64_t(1) << 28));
}

static size_t usedMemory() {
  size_t used = 0;
  for (auto [address, bytes] : state().memory)
    used += bytes;
  return used;
}

static bool isPinned(const void *memory) {
  const char *at = static_cast<const char *>(memory);
  auto next = state().pinned.upper_bound(at);
  return next != state().pinned.begin() &&
         at < std::prev(next)->first + std::prev(next)->second;
}

static void doNext(CuStream stream) {
  std::function<void()> work = std::move(stream->work.front());
  stream->work.pop_front();
  work();
}

static CuResult enqueue(CuStream stream, std::function<void()> work) {
  if (stream->capture)
    stream->capture->push_back(std::move(work));
  else
    stream->work.push_back(std::move(work));
  while (stream->hurries && !stream->work.empty())
    doNext(stream);
  return CuSuccess;
}

static void reach(CuEvent event, int64_t mark) {
  while (event->reached < mark && !event->stream->work.empty())
    doNext(event->stream);
}

//===----------------------------------------------------------------------===//
// The driver and its device
//===----------------------------------------------------------------------===//

CuResult cuInit(unsigned) {
  return setting("FAKE_CUDA_DEVICES", 1) ? CuSuccess : CuNoDevice;
}

CuResult cuDriverGetVersion(int *version) {
  *version = int(setting("FAKE_CUDA_VERSION", 12040));
  return CuSuccess;
}

CuResult cuGetErrorName(CuResult result, const char **text) {
  static const std::map<int, const char *> names = {
      {CuOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {CuNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {CuInvalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {CuIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
  auto found = names.find(result);
  *text = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
  return CuSuccess;
}

CuResult cuGetErrorString(CuResult result, const char **text) {
  static const std::map<int, const char *> texts = {
      {CuOutOfMemory, "out of memory"},
      {CuNoDevice, "no CUDA-capable device is detected"},
      {CuInvalidPtx, "a PTX JIT compilation failed"},
      {CuIllegalAddress, "an illegal memory access was encountered"}};
  auto found = texts.find(result);
  *text = found == texts.end() ? "unknown error" : found->second;
  return CuSuccess;
}

CuResult cuDeviceGetCount(int *count) {
  *count = int(setting("FAKE_CUDA_DEVICES", 1));
  return CuSuccess;
}

CuResult cuDeviceGet(CuDevice *device, int ordinal) {
  *device = ordinal;
  return CuSuccess;
}

CuResult cuDeviceGetName(char *name, int size, CuDevice) {
  std::strncpy(name, "Fake GPU", size_t(size));
  return CuSuccess;
}

CuResult cuDeviceGetAttribute(int *value, CuDeviceAttribute attribute,
                              CuDevice) {
  const int capability = int(setting("FAKE_CUDA_CAPABILITY", 80));
  *value = attribute == CuCapabilityMajor          ? capability / 10
           : attribute == CuCapabilityMinor        ? capability % 10
           : attribute == CuMultiprocessorCount    ? 4
           : attribute == CuMaxSharedPerBlockOptIn ? 100 << 10
                                                   : 0;
  return CuSuccess;
}

CuResult cuDeviceTotalMem_v2(size_t *bytes, CuDevice) {
  *bytes = memorySize();
  return CuSuccess;
}

CuResult cuDevicePrimaryCtxRetain(CuContext *context, CuDevice) {
  *context = reinterpret_cast<CuContext>(&state());
  return CuSuccess;
}
CuResult cuDevicePrimaryCtxRelease_v2(CuDevice) { return CuSuccess; }
CuResult cuCtxSetCurrent(CuContext) { return CuSuccess; }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

CuResult cuMemGetInfo_v2(size_t *available, size_t *total) {
  *total = memorySize();
  *available = *total - std::min(*total, usedMemory());
  return CuSuccess;
}

CuResult cuMemAlloc_v2(CuAddress *address, size_t bytes) {
  if (bytes > memorySize() - std::min(memorySize(), usedMemory()))
    return CuOutOfMemory;
  const size_t whole = (bytes + 255) / 256 * 256;
  void *memory = std::aligned_alloc(256, whole);
  std::memset(memory, 0xcd, whole); // nobody may think that it is zero
  *address = reinterpret_cast<CuAddress>(memory);
  state().memory[*address] = bytes;
  return CuSuccess;
}

CuResult cuMemFree_v2(CuAddress address) {
  if (!state().memory.erase(address))
    return CuInvalidValue;
  std::free(reinterpret_cast<void *>(address));
  return CuSuccess;
}

CuResult cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  state().pinned[static_cast<const char *>(*memory)] = bytes;
  return CuSuccess;
}

CuResult cuMemFreeHost(void *memory) {
  state().pinned.erase(static_cast<const char *>(memory));
  std::free(memory);
  return CuSuccess;
}

CuResult cuMemHostRegister_v2(void *, size_t, unsigned) {
  return CuNotSupported;
}
CuResult cuMemHostUnregister(void *) { return CuNotSupported; }

static void *at(CuAddress address) { return reinterpret_cast<void *>(address); }

CuResult cuMemcpyHtoDAsync_v2(CuAddress to, const void *from, size_t bytes,
                              CuStream stream) {
  if (isPinned(from))
    return enqueue(stream, [=] { std::memcpy(at(to), from, bytes); });
  const char *begin = static_cast<const char *>(from);
  return enqueue(stream, [to, copy = std::vector<char>(begin, begin + bytes)] {
    std::memcpy(at(to), copy.data(), copy.size());
  });
}

CuResult cuMemcpyDtoHAsync_v2(void *to, CuAddress from, size_t bytes,
                              CuStream stream) {
  enqueue(stream, [=] { std::memcpy(to, at(from), bytes); });
  return isPinned(to) ? CuSuccess : cuStreamSynchronize(stream);
}

CuResult cuMemcpyDtoDAsync_v2(CuAddress to, CuAddress from, size_t bytes,
                              CuStream stream) {
  return enqueue(stream, [=] { std::memmove(at(to), at(from), bytes); });
}

CuResult cuMemsetD8Async(CuAddress to, unsigned char value, size_t bytes,
                         CuStream stream) {
  return enqueue(stream, [=] { std::memset(at(to), value, bytes); });
}

//===----------------------------------------------------------------------===//
// Streams, events, graphs
//===----------------------------------------------------------------------===//

CuResult cuStreamCreate(CuStream *stream, unsigned) {
  static int streams = 0;
  *stream = new CuStreamStorage;
  (*stream)->hurries = ++streams % 2 == 0 && is("FAKE_CUDA_HURRY", "1");
  return CuSuccess;
}
CuResult cuStreamDestroy_v2(CuStream stream) {
  delete stream;
  return CuSuccess;
}

CuResult cuStreamSynchronize(CuStream stream) {
  while (!stream->work.empty())
    doNext(stream);
  return std::exchange(state().failure, CuSuccess);
}

CuResult cuStreamWaitEvent(CuStream stream, CuEvent event, unsigned) {
  return enqueue(stream, [=, mark = event->asked] { reach(event, mark); });
}

CuResult cuEventCreate(CuEvent *event, unsigned) {
  *event = new CuEventStorage;
  return CuSuccess;
}

CuResult cuEventDestroy_v2(CuEvent event) {
  reach(event, event->asked);
  delete event;
  return CuSuccess;
}

CuResult cuEventRecord(CuEvent event, CuStream stream) {
  reach(event, event->asked);
  event->stream = stream;
  const int64_t mark = ++event->asked;
  return enqueue(stream, [=] { event->reached = mark; });
}

CuResult cuEventSynchronize(CuEvent event) {
  reach(event, event->asked);
  return std::exchange(state().failure, CuSuccess);
}

CuResult cuEventQuery(CuEvent event) {
  if (event->reached == event->asked)
    return CuSuccess;
  if (!event->stream->work.empty())
    doNext(event->stream);
  return CuNotReady;
}

CuResult cuEventElapsedTime(float *milliseconds, CuEvent, CuEvent) {
  *milliseconds = 1;
  return CuSuccess;
}

CuResult cuStreamBeginCapture_v2(CuStream stream, CuCaptureMode) {
  if (is("FAKE_CUDA_CAPTURE", "no"))
    return CuStreamCaptureUnsupported;
  state().captures.push_back(std::make_unique<CuGraphStorage>());
  stream->capture = &state().captures.back()->work;
  return CuSuccess;
}

CuResult cuStreamEndCapture(CuStream stream, CuGraph *graph) {
  stream->capture = nullptr;
  *graph = state().captures.back().release();
  state().captures.pop_back();
  return CuSuccess;
}

CuResult cuGraphInstantiateWithFlags(CuGraphExec *exec, CuGraph graph,
                                     unsigned long long) {
  *exec = new CuGraphExecStorage{graph->work};
  return CuSuccess;
}

#ifndef FAKE_CUDA_LACKS
/// For tests.
extern "C" int64_t fake_cuda_graph_launches;
int64_t fake_cuda_graph_launches = 0;

CuResult cuGraphLaunch(CuGraphExec exec, CuStream stream) {
  ++fake_cuda_graph_launches;
  for (const std::function<void()> &work : exec->work)
    enqueue(stream, work);
  return CuSuccess;
}
#endif

CuResult cuGraphExecDestroy(CuGraphExec exec) {
  delete exec;
  return CuSuccess;
}
CuResult cuGraphDestroy(CuGraph graph) {
  delete graph;
  return CuSuccess;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

CuResult cuModuleLoadDataEx(CuModule *module, const void *image, unsigned count,
                            CuJitOption *options, void **values) {
  if (is("FAKE_CUDA_JIT", "new"))
    return CuUnsupportedPtxVersion;
  if (is("FAKE_CUDA_JIT", "broken")) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == CuJitErrorLogBuffer)
        std::strcpy(static_cast<char *>(values[i]),
                    "ptxas application ptx input, line 7; fatal   : Parsing "
                    "error near 'ld': syntax error\nptxas fatal   : Ptx "
                    "assembly aborted due to errors\n");
    return CuInvalidPtx;
  }
  *module = new CuModuleStorage{nullptr, static_cast<const char *>(image), {}};
  return CuSuccess;
}

CuResult cuModuleUnload(CuModule module) {
  delete module;
  return CuSuccess;
}

CuResult cuModuleGetFunction(CuFunction *function, CuModule module,
                             const char *name) {
  const moert_gpu_kernel_t *found = nullptr;
  for (uint64_t i = 0; module->image && i < module->image->kernel_count; ++i)
    if (std::strcmp(module->image->kernels[i].name, name) == 0)
      found = &module->image->kernels[i];
  const bool isText = !module->text.starts_with("\177ELF");
  if (!found && isText &&
      module->text.find(std::string(" ") + name + "(") == std::string::npos)
    return CuNotFound;
  *function = &(module->functions[name] = {found, name});
  return CuSuccess;
}

CuResult cuFuncSetAttribute(CuFunction, CuFunctionAttribute, int) {
  return CuSuccess;
}
CuResult cuFuncGetAttribute(int *value, CuFunctionAttribute, CuFunction) {
  *value = 0;
  return CuSuccess;
}

#ifdef FAKE_CUDA_EMULATES
namespace {

/// A thread of a block, as far as kernels ask.
struct Thread {
  moert_emulator_t abi = {};
  uint32_t numbers[6] = {};
};

/// What runs: a copy of the parameters, so that they may change.
struct Launch {
  const moert_gpu_kernel_t *kernel;
  unsigned blocksX, blocksY;
  std::vector<uint64_t> values;

  void run() {
    std::vector<void *> parameters;
    for (uint64_t &value : values)
      parameters.push_back(&value);
    Thread thread;
    thread.abi.size = sizeof(thread.abi);
    thread.abi.version = MOERT_GPU_VERSION;
    thread.abi.host = &thread;
    thread.abi.special = [](const moert_emulator_t *e, int32_t which) {
      return static_cast<Thread *>(e->host)->numbers[which];
    };
    thread.abi.access = [](const moert_emulator_t *, const void *, int64_t,
                           int32_t, moert_emulator_site_t) {};
    thread.numbers[MOERT_EMULATOR_THREADS] = kernel->threads;
    thread.numbers[MOERT_EMULATOR_BLOCKS_X] = blocksX;
    thread.numbers[MOERT_EMULATOR_BLOCKS_Y] = blocksY;
    for (unsigned block = 0; block < blocksX * blocksY; ++block)
      for (unsigned i = 0; i < kernel->threads; ++i) {
        thread.numbers[MOERT_EMULATOR_THREAD] = i;
        thread.numbers[MOERT_EMULATOR_BLOCK_X] = block % blocksX;
        thread.numbers[MOERT_EMULATOR_BLOCK_Y] = block / blocksX;
        kernel->emulated(&thread.abi, parameters.data());
      }
  }
};

} // namespace
#endif

CuResult cuLaunchKernel(CuFunction function, unsigned blocksX, unsigned blocksY,
                        unsigned, unsigned, unsigned, unsigned, unsigned,
                        CuStream stream, void **parameters, void **) {
  if (setting("FAKE_CUDA_LOG", 0))
    std::fprintf(stderr, "launch %s\n", function->name.c_str());
  if (is("FAKE_CUDA_LAUNCH", "late"))
    return enqueue(stream, [] { state().failure = CuIllegalAddress; });
#ifdef FAKE_CUDA_EMULATES
  Launch launch = {function->kernel, blocksX, blocksY, {}};
  for (uint32_t i = 0; i < function->kernel->parameter_count; ++i) {
    launch.values.push_back(0);
    std::memcpy(&launch.values.back(), parameters[i],
                function->kernel->parameter_bytes[i]);
  }
  return enqueue(stream, [launch]() mutable { launch.run(); });
#else
  (void)function, (void)blocksX, (void)blocksY, (void)parameters;
  return enqueue(stream, [] {});
#endif
}

#ifdef FAKE_CUDA_EMULATES
extern "C" CuResult moert_emulator_load_image(CuModule *module,
                                              const moert_gpu_image_t *image,
                                              char *, size_t) {
  *module = new CuModuleStorage{image, "", {}};
  return CuSuccess;
}
#endif
