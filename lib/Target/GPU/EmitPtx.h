//===- EmitPtx.h - kernels as PTX -------------------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_EMITPTX_H
#define MOE_LIB_TARGET_GPU_EMITPTX_H

#include "Architecture.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace moe::cuda {

/// PTX of kernels in the llvm and nvvm dialects.
llvm::Expected<std::string> emitPtx(mlir::gpu::GPUModuleOp kernels,
                                    const Architecture &architecture);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_EMITPTX_H
