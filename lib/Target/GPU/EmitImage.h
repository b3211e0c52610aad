//===- EmitImage.h - kernels as data of the host's code ---------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_EMITIMAGE_H
#define MOE_LIB_TARGET_GPU_EMITIMAGE_H

#include "Architecture.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace moe::cuda {

/// What an image says of a kernel.
struct KernelFacts {
  std::string name;
  uint32_t threads = 0, sharedBytes = 0;
  std::vector<uint32_t> parameterBytes;
};

/// The facts of all kernels, in the order of their numbers.
std::vector<KernelFacts> collectKernels(mlir::gpu::GPUModuleOp kernels);

/// The kernels' binary forms; empty: not there.
struct Image {
  const Architecture *architecture = nullptr; ///< null: no PTX
  llvm::StringRef ptx, cubin;
};

/// Fails if a block of a kernel needs more shared memory than it can have.
llvm::Error verifyKernels(llvm::ArrayRef<KernelFacts> kernels,
                          const Architecture &architecture);

/// Puts the table `moert_gpu_image_v1` into the host's module, which is in the
/// llvm dialect and has the emulated kernels, if it has any.
void emitImage(mlir::ModuleOp host, llvm::ArrayRef<KernelFacts> kernels,
               const Image &image);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_EMITIMAGE_H
