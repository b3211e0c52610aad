//===- CudaTest.cpp - memory, modules and launches of the API -------------===//
#include "CudaTesting.h"

#include <gmock/gmock.h>
#include <thread>

using namespace moert;
using namespace moert::emulator;
using namespace moert::gpu;
using testing::HasSubstr;

namespace {

TEST_F(CudaTest, TableIsWhole) {
#define F(name, ...) EXPECT_NE(api.name, nullptr) << #name;
  MOERT_CUDA_FUNCTIONS(F)
  MOERT_CUDA_EXTENSIONS(F)
#undef F
}

TEST_F(CudaTest, DescribesItsDevice) {
  int number = 0;
  size_t bytes = 0;
  char name[64];
  EXPECT_EQ(api.cuDeviceGetCount(&number), CuSuccess);
  EXPECT_EQ(number, 1);
  EXPECT_EQ(api.cuDeviceGet(&number, 1), CuInvalidDevice);
  EXPECT_EQ(api.cuDeviceGetName(name, sizeof(name), 0), CuSuccess);
  EXPECT_STREQ(name, "emulated GPU");
  EXPECT_EQ(api.cuDeviceGetAttribute(&number, CuCapabilityMajor, 0), CuSuccess);
  EXPECT_EQ(number, 8);
  EXPECT_EQ(api.cuDeviceGetAttribute(&number, CuDeviceAttribute(3000), 0),
            CuInvalidValue);
  EXPECT_EQ(api.cuDeviceTotalMem_v2(&bytes, 0), CuSuccess);
  EXPECT_EQ(bytes, size_t(4) << 30);
  Variable variable("MOERT_GPU_EMULATOR_MEMORY", "123456");
  EXPECT_EQ(api.cuDeviceTotalMem_v2(&bytes, 0), CuSuccess);
  EXPECT_EQ(bytes, 123456u);
}

TEST_F(CudaTest, NamesErrors) {
  const char *text = nullptr;
  EXPECT_EQ(api.cuGetErrorName(CuOutOfMemory, &text), CuSuccess);
  EXPECT_STREQ(text, "CUDA_ERROR_OUT_OF_MEMORY");
  EXPECT_EQ(api.cuGetErrorString(CuOutOfMemory, &text), CuSuccess);
  EXPECT_STREQ(text, "out of memory");
  EXPECT_EQ(api.cuGetErrorString(CuLast, &text), CuInvalidValue);
  EXPECT_EQ(text, nullptr);
}

TEST_F(CudaTest, CallsNeedAContext) {
  size_t available = 0, total = 0;
  CuResult other = CuSuccess;
  std::thread([&] { other = api.cuMemGetInfo_v2(&available, &total); }).join();
  EXPECT_EQ(other, CuInvalidContext);
  EXPECT_EQ(api.cuCtxSetCurrent(nullptr), CuSuccess);
  EXPECT_EQ(api.cuMemGetInfo_v2(&available, &total), CuInvalidContext);
  // A context that is gone stays gone.
  EXPECT_EQ(api.cuCtxSetCurrent(context), CuSuccess);
  CuContext old = context;
  restart();
  EXPECT_NE(context, old);
  EXPECT_EQ(api.cuCtxSetCurrent(old), CuInvalidContext);
}

TEST_F(CudaTest, MemoryRunsOut) {
  Variable variable("MOERT_GPU_EMULATOR_MEMORY", "1048576");
  size_t before = 0, after = 0, total = 0;
  CuAddress one = 0, two = 0;
  EXPECT_EQ(api.cuMemGetInfo_v2(&before, &total), CuSuccess);
  EXPECT_EQ(total, 1048576u);
  EXPECT_EQ(api.cuMemAlloc_v2(&one, 600000), CuSuccess);
  EXPECT_EQ(one % 256, 0u);
  EXPECT_EQ(api.cuMemAlloc_v2(&two, 600000), CuOutOfMemory);
  EXPECT_EQ(api.cuMemGetInfo_v2(&after, &total), CuSuccess);
  EXPECT_EQ(before - after, 600064u);
  EXPECT_EQ(api.cuMemFree_v2(one), CuSuccess);
  EXPECT_EQ(api.cuMemAlloc_v2(&two, 600000), CuSuccess);
  EXPECT_EQ(api.cuMemFree_v2(two + 4), CuInvalidValue);
  EXPECT_EQ(api.cuMemFree_v2(two), CuSuccess);
  EXPECT_EQ(api.cuMemFree_v2(two), CuInvalidValue);
  EXPECT_EQ(api.cuMemAlloc_v2(&two, 0), CuInvalidValue);
  EXPECT_EQ(api.cuMemAlloc_v2(&two, ~size_t(0)), CuOutOfMemory);
}

TEST_F(CudaTest, NewMemoryHoldsNothingUseful) {
  CuAddress memory = 0;
  ASSERT_EQ(api.cuMemAlloc_v2(&memory, 4096), CuSuccess);
  EXPECT_EQ(read(streams[0], memory, 17), 0xffffffffu);
  EXPECT_EQ(api.cuMemFree_v2(memory), CuSuccess);
}

TEST_F(CudaTest, CopiesStayInTheirMemory) {
  uint32_t host[count] = {};
  EXPECT_EQ(
      api.cuMemcpyHtoDAsync_v2(buffers[0] + 4, host, count * 4, streams[0]),
      CuInvalidValue);
  EXPECT_EQ(api.cuMemcpyDtoHAsync_v2(host, buffers[0] + 1024, 1, streams[0]),
            CuInvalidValue);
  EXPECT_EQ(
      api.cuMemcpyDtoDAsync_v2(buffers[0], buffers[1] + 1020, 8, streams[0]),
      CuInvalidValue);
  EXPECT_EQ(api.cuMemsetD8Async(buffers[0], 1, 1025, streams[0]),
            CuInvalidValue);
  // Host and device are not the same.
  EXPECT_EQ(api.cuMemcpyHtoDAsync_v2(buffers[0],
                                     reinterpret_cast<void *>(buffers[1]), 4,
                                     streams[0]),
            CuInvalidValue);
  void *pinned = nullptr;
  ASSERT_EQ(api.cuMemHostAlloc(&pinned, 64, 0), CuSuccess);
  EXPECT_EQ(api.cuMemcpyHtoDAsync_v2(buffers[0], pinned, 65, streams[0]),
            CuInvalidValue);
  EXPECT_EQ(api.cuMemFreeHost(pinned), CuSuccess);
  EXPECT_EQ(api.cuMemFreeHost(pinned), CuInvalidValue);
}

TEST_F(CudaTest, RegistersHostMemoryOnce) {
  std::vector<char> memory(8192);
  char *begin = memory.data();
  EXPECT_EQ(api.cuMemHostRegister_v2(begin + 4096, 4096, 0), CuSuccess);
  EXPECT_EQ(api.cuMemHostRegister_v2(begin, 4097, 0),
            CuHostMemoryAlreadyRegistered);
  EXPECT_EQ(api.cuMemHostRegister_v2(begin + 5000, 8, 0),
            CuHostMemoryAlreadyRegistered);
  EXPECT_EQ(api.cuMemHostRegister_v2(begin, 4096, 0), CuSuccess);
  EXPECT_EQ(api.cuMemHostUnregister(begin), CuSuccess);
  EXPECT_EQ(api.cuMemHostUnregister(begin), CuResult(713));
  EXPECT_EQ(api.cuMemHostUnregister(begin + 4096), CuSuccess);
}

TEST_F(CudaTest, KernelsTouchPinnedMemoryOnlyIfItIsMapped) {
  for (unsigned mapped : {0u, 2u}) {
    void *pinned = nullptr;
    ASSERT_EQ(api.cuMemHostAlloc(&pinned, count * 4, mapped), CuSuccess);
    std::memset(pinned, 0, count * 4);
    ASSERT_EQ(
        add(streams[0], buffers[0], reinterpret_cast<uintptr_t>(pinned), 1),
        CuSuccess);
    EXPECT_EQ(api.cuStreamSynchronize(streams[0]),
              mapped ? CuSuccess : CuIllegalAddress);
    EXPECT_EQ(api.cuMemFreeHost(pinned), CuSuccess);
  }
}

TEST_F(CudaTest, RefusesWhatItCannotRun) {
  CuModule other = nullptr;
  char log[128] = "";
  CuJitOption options[] = {CuJitErrorLogBuffer, CuJitErrorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  EXPECT_EQ(api.cuModuleLoadDataEx(&other, ".version 8.0", 2, options, values),
            CuNoBinaryForGpu);
  EXPECT_STREQ(log, "the emulated GPU runs neither PTX nor cubins");
  moert_gpu_kernel_t bare = testKernels[0];
  bare.emulated = nullptr;
  moert_gpu_image_t image = testImage;
  image.kernels = &bare;
  image.kernel_count = 1;
  EXPECT_EQ(api.moert_emulator_load_image(&other, &image, log, sizeof(log)),
            CuNoBinaryForGpu);
  EXPECT_STREQ(log, "kernel add was not compiled for the emulator");
  image.version = 9;
  EXPECT_EQ(api.moert_emulator_load_image(&other, &image, log, sizeof(log)),
            CuNoBinaryForGpu);
  EXPECT_STREQ(log, "kernels of version 9, the emulator knows 1");
  CuFunction function = nullptr;
  EXPECT_EQ(api.cuModuleGetFunction(&function, module, "subtract"), CuNotFound);
}

TEST_F(CudaTest, ChecksLaunches) {
  auto launch = [&](unsigned x, unsigned y, unsigned z, unsigned threads,
                    unsigned shared) {
    return api.cuLaunchKernel(functions[Large], x, y, z, threads, 1, 1, shared,
                              streams[0], nullptr, nullptr);
  };
  EXPECT_EQ(launch(0, 1, 1, 32, 0), CuInvalidValue);
  EXPECT_EQ(launch(1, 0, 1, 32, 0), CuInvalidValue);
  EXPECT_EQ(launch(1, 65536, 1, 32, 0), CuInvalidValue);
  EXPECT_EQ(launch(1u << 31, 1, 1, 32, 0), CuInvalidValue);
  EXPECT_EQ(launch(1, 1, 2, 32, 0), CuInvalidValue);
  EXPECT_EQ(launch(1, 1, 1, 64, 0), CuInvalidValue);
  // More than 48 KiB only for who asks before.
  EXPECT_EQ(launch(1, 1, 1, 32, 64 << 10), CuInvalidValue);
  EXPECT_EQ(api.cuFuncSetAttribute(functions[Large], CuFunctionMaxDynamicShared,
                                   200 << 10),
            CuInvalidValue);
  EXPECT_EQ(api.cuFuncSetAttribute(functions[Large], CuFunctionMaxDynamicShared,
                                   64 << 10),
            CuSuccess);
  EXPECT_EQ(launch(1, 1, 1, 32, 64 << 10), CuSuccess);
  EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuSuccess);
  // The kernel gets what the launch asks for.
  EXPECT_EQ(launch(1, 1, 1, 32, 32 << 10), CuSuccess);
  EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuIllegalAddress);
  EXPECT_THAT(
      api.moert_emulator_failure(),
      HasSubstr("kernel large: block 0,0, thread 0, instruction 0: "
                "writes 1 bytes at offset 65535 of shared memory, which "
                "has 32768 bytes"));
  EXPECT_EQ(api.cuLaunchKernel(functions[Add], 1, 1, 1, 64, 1, 1, 0, streams[0],
                               nullptr, nullptr),
            CuInvalidValue);
}

TEST_F(CudaTest, KernelsReadConstantsOfTheirObject) {
  void *parameters[] = {&buffers[0]};
  ASSERT_EQ(api.cuLaunchKernel(functions[ReadsTable], 1, 1, 1, 32, 1, 1, 0,
                               streams[0], parameters, nullptr),
            CuSuccess);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(read(streams[0], buffers[0], i), testTable[i]);
  EXPECT_EQ(api.cuModuleUnload(module), CuSuccess);
  EXPECT_EQ(api.cuModuleUnload(module), CuInvalidHandle);
}

TEST_F(CudaTest, AFailureIsToldOnceAndForgotten) {
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  ASSERT_EQ(fail(streams[0]), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuLaunchFailed);
  EXPECT_STREQ(api.moert_emulator_failure(),
               "kernel fails: block 0,0, thread 1, instruction 5: barrier 0 of "
               "64 threads has 63 and waits for thread 0, which has left");
  EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuSuccess);
  // What came behind it never ran; what comes now does.
  EXPECT_EQ(read(streams[0], buffers[0]), 1u);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  EXPECT_EQ(read(streams[0], buffers[0]), 2u);
}

TEST_F(CudaTest, RacesAreLookedForIfAsked) {
  // Every block writes the same numbers.
  auto race = [](E e, void *const *p) {
    store(e, parameter<uint32_t *>(p, 0) + threadOf(e), blockOf(e), 3);
  };
  uint32_t bytes[] = {8};
  moert_gpu_kernel_t kernel = {"race", 32, 0, 1, 0, bytes, race};
  moert_gpu_image_t image = testImage;
  image.kernels = &kernel;
  image.kernel_count = 1;
  for (const char *flag : {"0", "1"}) {
    Variable variable("MOERT_GPU_RACES", flag);
    restart();
    CuModule racing = nullptr;
    CuFunction function = nullptr;
    ASSERT_EQ(api.moert_emulator_load_image(&racing, &image, nullptr, 0),
              CuSuccess);
    ASSERT_EQ(api.cuModuleGetFunction(&function, racing, "race"), CuSuccess);
    void *parameters[] = {&buffers[0]};
    ASSERT_EQ(api.cuLaunchKernel(function, 2, 1, 1, 32, 1, 1, 0, streams[0],
                                 parameters, nullptr),
              CuSuccess);
    EXPECT_EQ(api.cuStreamSynchronize(streams[0]),
              *flag == '1' ? CuLaunchFailed : CuSuccess);
  }
  EXPECT_THAT(api.moert_emulator_failure(),
              HasSubstr("that thread 0 of block 0,0 wrote"));
}

TEST_F(CudaTest, ThreadsRunBlocks) {
  api.moert_emulator_set_threads(3);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[1], 7), CuSuccess);
  for (size_t i = 0; i < count; i += 51)
    EXPECT_EQ(read(streams[0], buffers[0], i), 7u);
  api.moert_emulator_set_threads(1);
}

} // namespace
