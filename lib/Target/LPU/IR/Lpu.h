//===- Lpu.h - the lpu dialect: how, on an LPU, to the cycle ----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_IR_LPU_H
#define MOE_LIB_TARGET_LPU_IR_LPU_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "LpuDialect.h.inc"
#include "LpuEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "LpuTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "LpuAttributes.h.inc"
#define GET_OP_CLASSES
#include "LpuOps.h.inc"

namespace moe::lpu {
/// Bytes of an element of a stream; 0 if it cannot be one.
int64_t bytesOf(mlir::Type element);
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_IR_LPU_H
