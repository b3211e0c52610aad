//===- Fetches.cpp - the life of a token ----------------------------------===//
#include "moe/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

LogicalResult PrefetchOp::verify() { return success(); }

LogicalResult PrefetchOp::verifySymbolUses(SymbolTableCollection &) {
  return success();
}

LogicalResult ReleaseOp::verify() { return success(); }

LogicalResult LaunchOp::verify() { return success(); }

LogicalResult LaunchOp::verifyRegions() { return success(); }

LogicalResult RecordOp::verify() { return success(); }
