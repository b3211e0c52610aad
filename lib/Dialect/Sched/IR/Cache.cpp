//===- Cache.cpp - what a cache promises to its model ---------------------===//
#include "moe/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

LogicalResult CacheOp::verify() { return success(); }

LogicalResult CacheOp::verifySymbolUses(SymbolTableCollection &) {
  return success();
}
