//===- RegisterDialects.cpp - one place for all tools ---------------------===//
#include "moe/Driver/RegisterDialects.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Dialect/MoE/IR/Moe.h"

void moe::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<MoeDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
}

void moe::registerPasses() { mlir::registerTransformsPasses(); }
