//===- KernelLibrary.h - functions that are written on first use -*- C++ -*-===//
#ifndef MOE_LIB_TARGET_CPU_KERNELLIBRARY_H
#define MOE_LIB_TARGET_CPU_KERNELLIBRARY_H

#include "moe/HostCode/KernelBuilder.h"
#include "Simd.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::cpu {

/// The kernels of one module, by name.
class KernelLibrary {
public:
  KernelLibrary(mlir::ModuleOp module, mlir::Location loc, SimdLevel level)
      : module(module), loc(loc), level(level) {}

  /// The function of this name; `emit` writes its body if it is new.
  mlir::func::FuncOp
  get(llvm::StringRef name, mlir::TypeRange types,
      llvm::function_ref<void(KernelBuilder &, mlir::ValueRange)> emit);

  /// A short name for a code: its own, unless another code took it before.
  std::string nameOf(CodeAttr code);

  /// Constant numbers of one name, f32 or i32, aligned to a cache line.
  mlir::Value getTable(KernelBuilder &b, llvm::StringRef name,
                       llvm::ArrayRef<float> values);
  mlir::Value getTable(KernelBuilder &b, llvm::StringRef name,
                       llvm::ArrayRef<int32_t> values);

  SimdLevel getSimdLevel() const { return level; }
  int64_t size() const { return functions.size(); }

private:
  mlir::Value getTable(KernelBuilder &b, llvm::StringRef name,
                       mlir::DenseElementsAttr values);

  mlir::ModuleOp module;
  mlir::Location loc;
  SimdLevel level;
  llvm::StringMap<mlir::func::FuncOp> functions;
  llvm::StringMap<mlir::memref::GlobalOp> tables;
  llvm::StringMap<CodeAttr> codes;
};

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_KERNELLIBRARY_H
