//===- Launcher.h - kernels, and the host code that launches them -*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_LAUNCHER_H
#define MOE_LIB_TARGET_GPU_LAUNCHER_H

#include "ThreadBuilder.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/HostCode/KernelBuilder.h"

namespace moe::cuda {

/// Blocks of a launch: host values of type index. A null y is 1.
struct Grid {
  mlir::Value x, y;
};

/// Writes launches into the host's forward and kernels into the module of kernels,
/// each kernel once. Buffers of the host code are memrefs over addresses of
/// the device, so they have a shape and are never read.
class Launcher {
public:
  Launcher(host::KernelBuilder &host, mlir::gpu::GPUModuleOp kernels)
      : b(host), kernels(kernels) {}

  /// Host code is written here.
  host::KernelBuilder &host() { return b; }

  /// Launches the kernel of this name, written on first use by `emit`. Arguments are
  /// buffers (the kernel gets their address: a pointer to global memory),
  /// pointers, numbers of type index (the kernel gets i32), i32, i64 and f32. Shapes and
  /// element types of buffers become part of the name; what else changes the
  /// code must be in `name`.
  void launch(std::string name, Grid grid, int64_t threads,
              mlir::ArrayRef<mlir::Value> arguments,
              llvm::function_ref<void(ThreadBuilder &, mlir::ValueRange)> emit);

  /// Whether results must have the bits of all other targets (i1, host).
  mlir::Value isExact() const { return exact; }
  /// Multiprocessors of the device; 1 + the greatest position (index, host).
  mlir::Value getProcessors() const { return processors; }
  mlir::Value getLongest() const { return longest; }

  /// A short name for a code: its own, unless another code took it before.
  std::string nameOf(CodeAttr code);
  /// In a kernel: constant numbers of one name, in global memory, aligned to 16
  /// bytes.
  mlir::Value getTable(ThreadBuilder &thread, llvm::StringRef name,
                       mlir::DenseElementsAttr values);

  int64_t getKernelCount() const { return functions.size(); }

  // Set by the lowering.
  mlir::Value exact, processors, longest;
  /// Wraps what is launched: skips it where nobody needs it.
  std::function<void(llvm::function_ref<void()>)> guard;

private:
  mlir::gpu::GPUFuncOp
  getKernel(const std::string &name, int64_t threads, mlir::TypeRange types,
            llvm::function_ref<void(ThreadBuilder &, mlir::ValueRange)> emit);

  host::KernelBuilder &b;
  mlir::gpu::GPUModuleOp kernels;
  llvm::StringMap<mlir::gpu::GPUFuncOp> functions;
  llvm::StringMap<mlir::LLVM::GlobalOp> tables;
  llvm::StringMap<CodeAttr> codes;
};

/// blocks = ceil(count / size) (index, host).
mlir::Value blocksFor(host::KernelBuilder &b, mlir::Value count, int64_t size);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_LAUNCHER_H
