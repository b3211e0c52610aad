//===- MoeOps.cpp - what each moe operation demands -----------------------===//
#include "moe/Dialect/MoE/IR/Moe.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moe;

uint64_t WeightOp::getByteSize() {
  RankedTensorType type = getTensorType();
  return uint64_t(type.getNumElements()) * type.getElementTypeBitWidth() / 8;
}
LogicalResult ModelOp::verify() { return success(); }
LogicalResult ModelOp::verifyRegions() { return success(); }
LogicalResult WeightOp::verify() { return success(); }
LogicalResult RopeTableOp::verify() { return success(); }
LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }
LogicalResult PickOp::verify() { return success(); }
LogicalResult NormOp::verify() { return success(); }
LogicalResult NormOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }
LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }
LogicalResult ClampOp::verify() { return success(); }
LogicalResult RopeOp::verify() { return success(); }
LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }
LogicalResult KvAppendOp::verify() { return success(); }
LogicalResult AttentionOp::verify() { return success(); }
LogicalResult MlpOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }
LogicalResult RouteOp::verify() { return success(); }
LogicalResult ExpertsOp::verify() { return success(); }
LogicalResult ExpertsOp::verifySymbolUses(SymbolTableCollection &symbols) { return success(); }

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoeOps.cpp.inc"
