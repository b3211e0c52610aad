//===- gpu_limits.cpp - what a GPU can do at most -------------------------===//
//
//   gpu-limits         one JSON object: copy bandwidth, the peak of mma.sync with
//                      bf16, what a launch costs, alone and in a graph
//   gpu-limits --ptx   the kernels that measure
//
// Built by scripts/build-runtime.sh. Opens libcuda.so.1, or what MOERT_LIBCUDA
// names. A library that is an emulator runs no PTX; there only copies are timed.
//===----------------------------------------------------------------------===//
#include "gpu/CudaApi.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <string>
#include <vector>

using namespace moert::gpu;

static constexpr int chains = 8, threads = 256, rounds = 4096, launches = 1000;
static CudaApi api;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Chains of m16n8k16 products that wait only for themselves. Operands differ from
/// lane to lane: multipliers of zeros are faster than they ever are at work.
static std::string peakKernel() {
  std::string text =
      ".visible .entry peak(.param .u64 out, .param .u32 count)\n{\n"
      ".reg .b32 %t, %c, %x, %a<4>, %b<2>;\n.reg .b64 %o, %i;\n.reg .pred %p;\n"
      ".reg .f32 %s, %d<" +
      std::to_string(4 * chains) +
      ">;\nmov.u32 %t, %tid.x;\nld.param.u32 %c, [count];\n";
  for (int i = 0; i < 6; ++i) {
    std::string to = i < 4 ? "%a" + std::to_string(i)
                           : "%b" + std::to_string(i - 4);
    // Two bf16 of magnitude 1 to 2: sign and 7 bits from the thread's number.
    text += "mad.lo.s32 %x, %t, " + std::to_string(0x9e3779b1u >> 1) + ", " +
            std::to_string(0x3c6ef35f ^ (i * 0x01000193)) +
            ";\nand.b32 %x, %x, 0x807f807f;\nor.b32 " + to +
            ", %x, 0x3f803f80;\n";
  }
  for (int i = 0; i < 4 * chains; ++i)
    text += "mov.f32 %d" + std::to_string(i) + ", 0f00000000;\n";
  text += "again:\n";
  for (int i = 0; i < chains; ++i) {
    std::string d;
    for (int j = 0; j < 4; ++j)
      d += (j ? ", %d" : "%d") + std::to_string(4 * i + j);
    text += "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {" + d +
            "}, {%a0, %a1, %a2, %a3}, {%b0, %b1}, {" + d + "};\n";
  }
  text += "sub.u32 %c, %c, 1;\nsetp.ne.u32 %p, %c, 0;\n@%p bra again;\n"
          "mov.f32 %s, 0f00000000;\n";
  for (int i = 0; i < 4 * chains; ++i)
    text += "add.f32 %s, %s, %d" + std::to_string(i) + ";\n";
  return text + "ld.param.u64 %o, [out];\ncvta.to.global.u64 %o, %o;\n"
                "mul.wide.u32 %i, %t, 4;\nadd.u64 %o, %o, %i;\n"
                "st.global.f32 [%o], %s;\nret;\n}\n";
}

static std::string allPtx() {
  return ".version 7.0\n.target sm_80\n.address_size 64\n" + peakKernel() +
         ".visible .entry nothing()\n{\nret;\n}\n";
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

[[noreturn]] static void fail(const std::string &what) {
  std::fprintf(stderr, "error: gpu-limits: %s\n", what.c_str());
  std::exit(1);
}

static void check(CuResult result, const char *what) {
  if (result == CuSuccess)
    return;
  const char *name = nullptr;
  api.cuGetErrorName(result, &name);
  fail(std::string("cannot ") + what + ": " + (name ? name : "unknown error"));
}

static void openLibrary() {
  const char *chosen = std::getenv("MOERT_LIBCUDA");
  const char *name = chosen && *chosen ? chosen : "libcuda.so.1";
  void *library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fail(std::string("cannot load the NVIDIA driver: ") + ::dlerror());
  auto find = [&](auto &pointer, const char *symbol) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(
        ::dlsym(library, symbol));
    return pointer != nullptr;
  };
#define F(function, parameters)                                                \
  if (!find(api.function, #function))                                          \
    fail(std::string(name) + " has no function " #function);
  MOERT_CUDA_FUNCTIONS(F)
#undef F
#define F(function, result, parameters) find(api.function, #function);
  MOERT_CUDA_EXTENSIONS(F)
#undef F
}

/// Median milliseconds of `body`, whose work goes to the stream.
static double median(CuStream stream, int count,
                     const std::function<void()> &body) {
  CuEvent begin, end;
  check(api.cuEventCreate(&begin, CuEventDefault), "make an event");
  check(api.cuEventCreate(&end, CuEventDefault), "make an event");
  std::vector<float> times;
  for (int i = 0; i < count + 3; ++i) {
    check(api.cuEventRecord(begin, stream), "record an event");
    body();
    check(api.cuEventRecord(end, stream), "record an event");
    check(api.cuStreamSynchronize(stream), "wait");
    float time = 0;
    check(api.cuEventElapsedTime(&time, begin, end), "read a time");
    if (i >= 3) // the first ones warm up
      times.push_back(time);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

static double copyBandwidth(CuStream stream) {
  size_t available = 0, total = 0;
  check(api.cuMemGetInfo_v2(&available, &total), "ask for memory");
  size_t bytes = std::min<size_t>(size_t(4) << 30, available / 4) / 4096 * 4096;
  if (api.moert_emulator_load_image)
    bytes = size_t(1) << 20;
  CuAddress from, to;
  check(api.cuMemAlloc_v2(&from, bytes), "allocate memory");
  check(api.cuMemAlloc_v2(&to, bytes), "allocate memory");
  check(api.cuMemsetD8Async(from, 0x5a, bytes, stream), "write memory");
  double time = median(stream, 11, [&] {
    check(api.cuMemcpyDtoDAsync_v2(to, from, bytes, stream), "copy");
  });
  api.cuMemFree_v2(from);
  api.cuMemFree_v2(to);
  return 2 * double(bytes) / (time / 1e3); // read, and written
}

static double productPeak(CuModule module, CuStream stream, int processors) {
  CuFunction kernel;
  check(api.cuModuleGetFunction(&kernel, module, "peak"), "find a kernel");
  CuAddress out;
  check(api.cuMemAlloc_v2(&out, threads * sizeof(float)), "allocate memory");
  unsigned count = rounds;
  void *parameters[] = {&out, &count};
  const unsigned blocks = unsigned(processors) * 4;
  double time = median(stream, 11, [&] {
    check(api.cuLaunchKernel(kernel, blocks, 1, 1, threads, 1, 1, 0, stream,
                             parameters, nullptr),
          "launch");
  });
  api.cuMemFree_v2(out);
  double products = double(blocks) * (threads / 32) * rounds * chains;
  return products * 2 * 16 * 8 * 16 / (time / 1e3);
}

/// Seconds of a kernel that does nothing, behind others of its kind.
static double launchCost(CuModule module, CuStream stream, bool asGraph) {
  CuFunction kernel;
  check(api.cuModuleGetFunction(&kernel, module, "nothing"), "find a kernel");
  auto launchAll = [&] {
    for (int i = 0; i < launches; ++i)
      check(api.cuLaunchKernel(kernel, 1, 1, 1, 32, 1, 1, 0, stream, nullptr,
                               nullptr),
            "launch");
  };
  if (!asGraph)
    return median(stream, 11, launchAll) / 1e3 / launches;
  CuGraph graph;
  CuGraphExec exec;
  check(api.cuStreamBeginCapture_v2(stream, CuCaptureRelaxed), "capture");
  launchAll();
  check(api.cuStreamEndCapture(stream, &graph), "capture");
  check(api.cuGraphInstantiateWithFlags(&exec, graph, 0), "make a graph");
  double time = median(stream, 11, [&] {
    check(api.cuGraphLaunch(exec, stream), "launch a graph");
  });
  api.cuGraphExecDestroy(exec);
  api.cuGraphDestroy(graph);
  return time / 1e3 / launches;
}

static int attribute(CuDeviceAttribute which, CuDevice device) {
  int value = 0;
  check(api.cuDeviceGetAttribute(&value, which, device), "describe the device");
  return value;
}

int main(int argc, char **argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--ptx"))
    return std::fputs(allPtx().c_str(), stdout) < 0;
  if (argc != 1)
    fail("unknown argument, only --ptx is known");
  openLibrary();
  check(api.cuInit(0), "start the driver");
  int version = 0;
  check(api.cuDriverGetVersion(&version), "ask for the version");
  CuDevice device;
  check(api.cuDeviceGet(&device, 0), "find a device");
  char name[256] = "";
  check(api.cuDeviceGetName(name, sizeof(name) - 1, device), "name the device");
  size_t memory = 0;
  check(api.cuDeviceTotalMem_v2(&memory, device), "describe the device");
  const int processors = attribute(CuMultiprocessorCount, device);
  CuContext context;
  check(api.cuDevicePrimaryCtxRetain(&context, device), "make a context");
  check(api.cuCtxSetCurrent(context), "make a context");
  CuStream stream;
  check(api.cuStreamCreate(&stream, CuStreamNonBlocking), "make a stream");
  std::printf("{\"device\":\"%s\",\"driver_version\":%d,\"compute_capability\":"
              "\"%d.%d\",\"multiprocessors\":%d,\"memory_bytes\":%zu,"
              "\"copy_bytes_per_second\":%.6g",
              name, version, attribute(CuCapabilityMajor, device),
              attribute(CuCapabilityMinor, device), processors, memory,
              copyBandwidth(stream));
  if (!api.moert_emulator_load_image) {
    CuModule module;
    std::string ptx = allPtx();
    check(api.cuModuleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr),
          "load kernels");
    std::printf(",\"mma_bf16_operations_per_second\":%.6g,\"launch_seconds\":"
                "%.4g,\"graph_launch_seconds\":%.4g",
                productPeak(module, stream, processors),
                launchCost(module, stream, false),
                launchCost(module, stream, true));
    api.cuModuleUnload(module);
  }
  std::printf("}\n");
  api.cuStreamDestroy_v2(stream);
  api.cuDevicePrimaryCtxRelease_v2(device);
  return 0;
}
