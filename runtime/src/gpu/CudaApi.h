//===- CudaApi.h - what we call of the CUDA driver API ----------*- C++ -*-===//
//
// Our own words for the part of the driver API that the GPU drivers use, so
// that nothing of CUDA is needed to build. Names of functions are those that
// libcuda exports (cuMemAlloc_v2), numbers are those of the API.
//
// A table of pointers is either found in a real libcuda (drivers/cuda) or made
// by somebody who does the same on the host (drivers/gpu-emulator). A shared
// object that exports all of MOERT_CUDA_FUNCTIONS, and maybe some of
// MOERT_CUDA_EXTENSIONS, passes for a libcuda.
//===----------------------------------------------------------------------===//
#ifndef MOERT_GPU_CUDAAPI_H
#define MOERT_GPU_CUDAAPI_H

#include "moert/abi/gpu.h"
#include <cstddef>
#include <cstdint>

namespace moert::gpu {

using CuDevice = int;
/// An address on the device; fits a pointer.
using CuAddress = unsigned long long;
using CuContext = struct CuContextStorage *;
using CuModule = struct CuModuleStorage *;
using CuFunction = struct CuFunctionStorage *;
using CuStream = struct CuStreamStorage *;
using CuEvent = struct CuEventStorage *;
using CuGraph = struct CuGraphStorage *;
using CuGraphExec = struct CuGraphExecStorage *;

enum CuResult : int {
  CuSuccess = 0,
  CuInvalidValue = 1,
  CuOutOfMemory = 2,
  CuNotInitialized = 3,
  CuNoDevice = 100,
  CuInvalidDevice = 101,
  CuInvalidImage = 200,
  CuInvalidContext = 201,
  CuNoBinaryForGpu = 209,
  CuInvalidPtx = 218,
  CuJitCompilerNotFound = 221,
  CuUnsupportedPtxVersion = 222,
  CuInvalidHandle = 400,
  CuNotFound = 500,
  CuNotReady = 600,
  CuIllegalAddress = 700,
  CuLaunchOutOfResources = 701,
  CuHostMemoryAlreadyRegistered = 712,
  CuLaunchFailed = 719,
  CuNotPermitted = 800,
  CuNotSupported = 801,
  CuStreamCaptureUnsupported = 900,
  CuStreamCaptureInvalidated = 901,
  CuUnknown = 999,
  CuLast = 0x7fffffff ///< any int may come
};

enum CuDeviceAttribute : int {
  CuMaxThreadsPerBlock = 1,
  CuMaxGridX = 5,
  CuMaxGridY = 6,
  CuMaxSharedPerBlock = 8,
  CuWarpSize = 10,
  CuMultiprocessorCount = 16,
  CuCapabilityMajor = 75,
  CuCapabilityMinor = 76,
  CuMaxSharedPerBlockOptIn = 97 ///< with CuMaxDynamicShared of a function
};

enum CuFunctionAttribute : int {
  CuFunctionMaxThreads = 0,
  CuFunctionSharedBytes = 1, ///< static
  CuFunctionLocalBytes = 3,
  CuFunctionRegisters = 4,
  CuFunctionMaxDynamicShared = 8
};

enum CuJitOption : int {
  CuJitErrorLogBuffer = 5,
  CuJitErrorLogBufferBytes = 6
};

enum CuCaptureMode : int {
  CuCaptureGlobal = 0,
  CuCaptureThreadLocal = 1,
  CuCaptureRelaxed = 2
};

inline constexpr unsigned CuStreamNonBlocking = 1;
inline constexpr unsigned CuEventDefault = 0;
inline constexpr unsigned CuEventDisableTiming = 2;
inline constexpr unsigned CuMemHostRegisterReadOnly = 8;

// F(name, parameters): all return CuResult.
#define MOERT_CUDA_FUNCTIONS(F)                                                \
  F(cuInit, (unsigned flags))                                                  \
  F(cuDriverGetVersion, (int *version))                                        \
  F(cuGetErrorName, (CuResult result, const char **text))                      \
  F(cuGetErrorString, (CuResult result, const char **text))                    \
  F(cuDeviceGetCount, (int *count))                                            \
  F(cuDeviceGet, (CuDevice * device, int ordinal))                             \
  F(cuDeviceGetName, (char *name, int size, CuDevice device))                  \
  F(cuDeviceGetAttribute,                                                      \
    (int *value, CuDeviceAttribute attribute, CuDevice device))                \
  F(cuDeviceTotalMem_v2, (size_t * bytes, CuDevice device))                    \
  F(cuDevicePrimaryCtxRetain, (CuContext * context, CuDevice device))          \
  F(cuDevicePrimaryCtxRelease_v2, (CuDevice device))                           \
  F(cuCtxSetCurrent, (CuContext context))                                      \
  F(cuMemGetInfo_v2, (size_t * available, size_t * total))                     \
  F(cuMemAlloc_v2, (CuAddress * address, size_t bytes))                        \
  F(cuMemFree_v2, (CuAddress address))                                         \
  F(cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags))             \
  F(cuMemFreeHost, (void *memory))                                             \
  F(cuMemHostRegister_v2, (void *memory, size_t bytes, unsigned flags))        \
  F(cuMemHostUnregister, (void *memory))                                       \
  F(cuMemcpyHtoDAsync_v2,                                                      \
    (CuAddress to, const void *from, size_t bytes, CuStream stream))           \
  F(cuMemcpyDtoHAsync_v2,                                                      \
    (void *to, CuAddress from, size_t bytes, CuStream stream))                 \
  F(cuMemcpyDtoDAsync_v2,                                                      \
    (CuAddress to, CuAddress from, size_t bytes, CuStream stream))             \
  F(cuMemsetD8Async,                                                           \
    (CuAddress to, unsigned char value, size_t bytes, CuStream stream))        \
  F(cuStreamCreate, (CuStream * stream, unsigned flags))                       \
  F(cuStreamDestroy_v2, (CuStream stream))                                     \
  F(cuStreamSynchronize, (CuStream stream))                                    \
  F(cuStreamWaitEvent, (CuStream stream, CuEvent event, unsigned flags))       \
  F(cuEventCreate, (CuEvent * event, unsigned flags))                          \
  F(cuEventDestroy_v2, (CuEvent event))                                        \
  F(cuEventRecord, (CuEvent event, CuStream stream))                           \
  F(cuEventSynchronize, (CuEvent event))                                       \
  F(cuEventQuery, (CuEvent event))                                             \
  F(cuEventElapsedTime, (float *milliseconds, CuEvent begin, CuEvent end))     \
  F(cuModuleLoadDataEx, (CuModule * module, const void *image, unsigned count, \
                         CuJitOption *options, void **values))                 \
  F(cuModuleUnload, (CuModule module))                                         \
  F(cuModuleGetFunction,                                                       \
    (CuFunction * function, CuModule module, const char *name))                \
  F(cuFuncSetAttribute,                                                        \
    (CuFunction function, CuFunctionAttribute attribute, int value))           \
  F(cuFuncGetAttribute,                                                        \
    (int *value, CuFunctionAttribute attribute, CuFunction function))          \
  F(cuLaunchKernel, (CuFunction function, unsigned blocksX, unsigned blocksY,  \
                     unsigned blocksZ, unsigned threadsX, unsigned threadsY,   \
                     unsigned threadsZ, unsigned sharedBytes, CuStream stream, \
                     void **parameters, void **extra))                         \
  F(cuStreamBeginCapture_v2, (CuStream stream, CuCaptureMode mode))            \
  F(cuStreamEndCapture, (CuStream stream, CuGraph * graph))                    \
  F(cuGraphInstantiateWithFlags,                                               \
    (CuGraphExec * exec, CuGraph graph, unsigned long long flags))             \
  F(cuGraphLaunch, (CuGraphExec exec, CuStream stream))                        \
  F(cuGraphExecDestroy, (CuGraphExec exec))                                    \
  F(cuGraphDestroy, (CuGraph graph))

// F(name, result, parameters): what an emulator has besides; a real libcuda has
// none of them, and its table null.
#define MOERT_CUDA_EXTENSIONS(F)                                               \
  /* In place of cuModuleLoadDataEx: kernels are those that the image has for  \
   * the emulator; the image outlives the module. A `log` of `size` bytes gets \
   * the reason of a failure. */                                               \
  F(moert_emulator_load_image, CuResult,                                       \
    (CuModule * module, const moert_gpu_image_t *image, char *log,             \
     size_t size))                                                             \
  /* What went wrong in the last kernel that failed: the kernel, the block,    \
   * the thread, what it did. Null: nothing yet. Lives until the next call. */ \
  F(moert_emulator_failure, const char *, (void))                              \
  /* How many threads may run blocks from now on. */                           \
  F(moert_emulator_set_threads, void, (int32_t threads))

/// The whole table. Functions never are null, extensions may be.
struct CudaApi {
#define F(name, parameters) CuResult(*name) parameters = nullptr;
  MOERT_CUDA_FUNCTIONS(F)
#undef F
#define F(name, result, parameters) result(*name) parameters = nullptr;
  MOERT_CUDA_EXTENSIONS(F)
#undef F
};

} // namespace moert::gpu

#endif // MOERT_GPU_CUDAAPI_H
