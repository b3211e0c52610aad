//===- Calls.h - calling the CUDA driver API --------------------*- C++ -*-===//
#ifndef MOERT_GPU_CALLS_H
#define MOERT_GPU_CALLS_H

#include "base/Status.h"
#include "gpu/CudaApi.h"
#include <vector>

namespace moert::gpu {

/// What a result means: "cannot <what>: out of memory (CUDA_ERROR_...)". An
/// emulator's own words replace the last part where a kernel failed.
Status statusOf(const CudaApi &api, CuResult result, const char *what);

inline CuAddress addressOf(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}
template <typename T = void> T *pointerTo(CuAddress address) {
  return reinterpret_cast<T *>(uintptr_t(address));
}

/// Where code expects things to begin.
inline constexpr uint64_t deviceAlignment = 256;
inline uint64_t aligned(uint64_t bytes) {
  return (bytes + deviceAlignment - 1) / deviceAlignment * deviceAlignment;
}

/// "80" as "8.0"
std::string versionText(int number);

} // namespace moert::gpu

#endif // MOERT_GPU_CALLS_H
