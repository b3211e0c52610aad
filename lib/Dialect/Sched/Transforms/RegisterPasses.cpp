//===- RegisterPasses.cpp - the passes for moe-opt ------------------------===//
#include "moe/Dialect/Sched/Transforms/Passes.h"

using namespace moe;

void sched::registerSchedPasses(const Registry &registry) {
  mlir::registerPass([] { return createInsertFetchesPass(); });
  mlir::registerPass([] { return createLaunchEarlyPass(); });
  mlir::registerPass([] { return createHoistPrefetchPass(); });
  mlir::registerPass([] { return createPartitionCachePass(); });
  mlir::registerPass(
      [&registry] { return createInsertPrefetchPass(registry); });
  mlir::registerPass(
      [&registry] { return createDropUnprofitablePass(registry); });
}
