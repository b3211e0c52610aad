//===- SchedDialect.cpp - the sched dialect and its types -----------------===//
#include "moe/Dialect/Sched/IR/Sched.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe::sched;

#include "moe/Dialect/Sched/IR/SchedDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/Sched/IR/SchedTypes.cpp.inc"

#define GET_OP_CLASSES
#include "moe/Dialect/Sched/IR/SchedOps.cpp.inc"

void SchedDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "moe/Dialect/Sched/IR/SchedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moe/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
}
