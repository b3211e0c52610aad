//===- EmulatedLibCuda.cpp - the emulator, as a libcuda -------------------===//
//
// Exports every function of the emulator's table by its name, so that the cuda
// driver runs modules where there is no GPU (MOERT_LIBCUDA).
//===----------------------------------------------------------------------===//
#include "gpu/CudaApi.h"

namespace moert::emulator {
const gpu::CudaApi &getCudaApi();
} // namespace moert::emulator

using namespace moert::gpu;

// Asking for a symbol calls its resolver, which says where the function is.
#define EXPORT(name, result, parameters)                                       \
  extern "C" {                                                                 \
  __attribute__((visibility("hidden"))) void *find_##name() {                  \
    return reinterpret_cast<void *>(moert::emulator::getCudaApi().name);       \
  }                                                                            \
  __attribute__((visibility("default"), ifunc("find_" #name)))                 \
  result name parameters;                                                      \
  }

#define F(name, parameters) EXPORT(name, CuResult, parameters)
MOERT_CUDA_FUNCTIONS(F)
#undef F
MOERT_CUDA_EXTENSIONS(EXPORT)
