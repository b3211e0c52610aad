//===- MoeDialect.cpp - types, attributes and enumerations of moe ---------===//
#include "moe/Dialect/MoE/IR/Moe.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

#include "moe/Dialect/MoE/IR/MoeDialect.cpp.inc"
#include "moe/Dialect/MoE/IR/MoeEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeAttrs.cpp.inc"

void MoeDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "moe/Dialect/MoE/IR/MoeTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moe/Dialect/MoE/IR/MoeAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moe/Dialect/MoE/IR/MoeOps.cpp.inc"
      >();
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t layers, int64_t heads, int64_t headDim,
                             Type elementType) {
  return success();
}
