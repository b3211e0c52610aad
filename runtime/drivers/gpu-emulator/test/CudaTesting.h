//===- CudaTesting.h - a context of the emulated GPU ------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_TEST_CUDATESTING_H
#define MOERT_DRIVERS_EMULATOR_TEST_CUDATESTING_H

#include "EmulatedCuda.h"
#include "EmulatorTesting.h"
#include <cstdlib>

namespace moert::emulator {

/// Sets a variable of the environment while it lives.
class Variable {
public:
  Variable(const char *name, const char *value) : name(name) {
    ::setenv(name, value, 1);
  }
  ~Variable() { ::unsetenv(name); }

private:
  const char *name;
};

/// Kernels of these tests, in the order of the image.
enum TestKernel { Add, Fails, Large, ReadsTable };

/// out[i] = in[i] + value, of 64 numbers a block.
inline void addKernel(E e, void *const *p) {
  uint32_t i = blockOf(e) * 64 + threadOf(e);
  uint32_t value = load(e, parameter<uint32_t *>(p, 1) + i, 0);
  store(e, parameter<uint32_t *>(p, 0) + i, value + parameter<uint32_t>(p, 2),
        1);
}
inline void failingKernel(E e, void *const *) {
  if (threadOf(e))
    e->barrier(e, 0, 0, 5);
}
inline void largeKernel(E e, void *const *) {
  store(e, static_cast<char *>(e->shared(e)) + (64 << 10) - 1, 'x', 0);
}
inline const uint32_t testTable[4] = {10, 20, 30, 40};
inline void tableKernel(E e, void *const *p) {
  uint32_t i = threadOf(e) % 4;
  store(e, parameter<uint32_t *>(p, 0) + threadOf(e), load(e, testTable + i, 0),
        1);
}

inline const uint32_t addBytes[] = {8, 8, 4}, tableBytes[] = {8};
inline const moert_gpu_kernel_t testKernels[] = {
    {"add", 64, 0, 3, 0, addBytes, addKernel},
    {"fails", 64, 0, 0, 0, nullptr, failingKernel},
    {"large", 32, 64 << 10, 0, 0, nullptr, largeKernel},
    {"reads_table", 32, 0, 1, 0, tableBytes, tableKernel},
};
inline const moert_gpu_image_t testImage = {sizeof(moert_gpu_image_t),
                                            MOERT_GPU_VERSION,
                                            0,
                                            0,
                                            nullptr,
                                            0,
                                            nullptr,
                                            0,
                                            testKernels,
                                            std::size(testKernels)};

class CudaTest : public testing::Test {
protected:
  static constexpr size_t count = 256; ///< numbers in each buffer

  CudaTest() : api(getCudaApi()) {}
  void SetUp() override {
    ASSERT_EQ(api.cuInit(0), gpu::CuSuccess);
    restart();
  }
  void TearDown() override {
    ASSERT_EQ(api.cuDevicePrimaryCtxRelease_v2(0), gpu::CuSuccess);
  }
  /// A context that has read the environment anew.
  void restart() {
    if (context)
      api.cuDevicePrimaryCtxRelease_v2(0);
    ASSERT_EQ(api.cuDevicePrimaryCtxRetain(&context, 0), gpu::CuSuccess);
    ASSERT_EQ(api.cuCtxSetCurrent(context), gpu::CuSuccess);
    ASSERT_EQ(api.moert_emulator_load_image(&module, &testImage, nullptr, 0),
              gpu::CuSuccess);
    for (size_t i = 0; i < std::size(testKernels); ++i)
      ASSERT_EQ(
          api.cuModuleGetFunction(&functions[i], module, testKernels[i].name),
          gpu::CuSuccess);
    for (gpu::CuStream &stream : streams)
      ASSERT_EQ(api.cuStreamCreate(&stream, gpu::CuStreamNonBlocking),
                gpu::CuSuccess);
    for (gpu::CuAddress &buffer : buffers) {
      ASSERT_EQ(api.cuMemAlloc_v2(&buffer, count * 4), gpu::CuSuccess);
      ASSERT_EQ(api.cuMemsetD8Async(buffer, 0, count * 4, nullptr),
                gpu::CuSuccess);
    }
    ASSERT_EQ(api.cuStreamSynchronize(nullptr), gpu::CuSuccess);
  }

  /// out = in + value.
  gpu::CuResult add(gpu::CuStream stream, gpu::CuAddress out, gpu::CuAddress in,
                    uint32_t value) {
    void *parameters[] = {&out, &in, &value};
    return api.cuLaunchKernel(functions[Add], count / 64, 1, 1, 64, 1, 1, 0,
                              stream, parameters, nullptr);
  }
  gpu::CuResult fail(gpu::CuStream stream) {
    return api.cuLaunchKernel(functions[Fails], 1, 1, 1, 64, 1, 1, 0, stream,
                              nullptr, nullptr);
  }
  gpu::CuEvent makeEvent(unsigned flags = gpu::CuEventDisableTiming) {
    gpu::CuEvent event = nullptr;
    EXPECT_EQ(api.cuEventCreate(&event, flags), gpu::CuSuccess);
    return event;
  }
  /// Number `i` of a buffer, behind all that was launched in the stream.
  uint32_t read(gpu::CuStream stream, gpu::CuAddress buffer, size_t i = 0) {
    uint32_t value = 0;
    EXPECT_EQ(api.cuMemcpyDtoHAsync_v2(&value, buffer + 4 * i, 4, stream),
              gpu::CuSuccess);
    EXPECT_EQ(api.cuStreamSynchronize(stream), gpu::CuSuccess);
    return value;
  }

  const gpu::CudaApi &api;
  gpu::CuContext context = nullptr;
  gpu::CuModule module = nullptr;
  gpu::CuFunction functions[std::size(testKernels)] = {};
  gpu::CuStream streams[2] = {};
  gpu::CuAddress buffers[3] = {};
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_TEST_CUDATESTING_H
