//===- Passes.h - the GPU backend's passes ----------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_PASSES_H
#define MOE_LIB_TARGET_GPU_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace moe::cuda {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "Passes.h.inc"

/// Attribute of a kernel: bytes of dynamic shared memory of a block.
inline constexpr llvm::StringLiteral kSharedBytes = "moe.shared_bytes";
/// A kernel's host code is this and the kernel's name.
inline constexpr llvm::StringLiteral kEmulatedPrefix = "emulated.";

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_PASSES_H
