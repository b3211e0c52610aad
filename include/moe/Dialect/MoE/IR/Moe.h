//===- Moe.h - the moe dialect: what a model computes -----------*- C++ -*-===//
#ifndef MOE_DIALECT_MOE_IR_MOE_H
#define MOE_DIALECT_MOE_IR_MOE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "moe/Dialect/MoE/IR/MoeDialect.h.inc"
#include "moe/Dialect/MoE/IR/MoeEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeAttrs.h.inc"

namespace moe {
/// f32 rows in the shape of others.
mlir::Type getFloatRows(mlir::Type rows);
/// tensor<?xi32>: numbers of rows or entries.
mlir::RankedTensorType getRowSetType(mlir::MLIRContext *context);
} // namespace moe

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoeOps.h.inc"

#endif // MOE_DIALECT_MOE_IR_MOE_H
