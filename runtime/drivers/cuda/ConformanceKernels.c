/*===- ConformanceKernels.c - the kernels of the conformance code, as PTX ---===*
 *
 * Compiled once, by hand, with a clang that knows NVPTX, because a build of the
 * runtime need not have one; what comes out, a C string for each line, is
 * ConformanceKernels.inc:
 *
 *   clang --target=nvptx64-nvidia-cuda -march=sm_80 -O2 -ffreestanding -S
 *     -emit-llvm ConformanceKernels.c -o - | llc -mcpu=sm_80 -mattr=+ptx80
 *===----------------------------------------------------------------------===*/
#include "ConformanceKernels.h"

#define K(name)                                                                \
  __attribute__((device_kernel)) void name(                                    \
      int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5,  \
      int64_t a6, int64_t a7, int64_t a8, int64_t a9) {                        \
    const int64_t a[] = {a0, a1, a2, a3, a4, a5, a6, a7, a8, a9};              \
    const int64_t i = (int64_t)__nvvm_read_ptx_sreg_ctaid_x() * THREADS +      \
                      __nvvm_read_ptx_sreg_tid_x();                            \
    if (i < a0)                                                                \
      name##Body(i, a);                                                        \
  }
CONFORMANCE_KERNELS(K)
