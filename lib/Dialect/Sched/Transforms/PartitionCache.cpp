//===- PartitionCache.cpp - give each layer its share of the cache --------===//
#include "moe/Dialect/Sched/Transforms/Passes.h"

#include "moe/Prefetch/CacheSimulation.h"
#include <numeric>

namespace moe::sched {
#define GEN_PASS_DEF_PARTITIONCACHEPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {
struct PartitionCache
    : moe::sched::impl::PartitionCachePassBase<PartitionCache> {
  using PartitionCachePassBase::PartitionCachePassBase;

  void runOnOperation() override {
    if (llvm::Error error = run()) {
      getOperation().emitError(llvm::toString(std::move(error)));
      signalPassFailure();
    }
  }

  llvm::Error run() {
    ModelOp model = getOperation();
    for (auto cache : model.getOps<CacheOp>()) {
      if (trace.empty() || !cache.getEntries() || cache.getPartition())
        continue;
      auto rows = RoutingTrace::read(trace);
      if (!rows)
        return rows.takeError();
      if (llvm::Error error = rows->verifyModel(model))
        return error;
      std::vector<int64_t> shares = choosePartition(*rows, *cache.getEntries());
      // A cache that holds more than there is needs no shares.
      if (!shares.empty() &&
          std::reduce(shares.begin(), shares.end()) == *cache.getEntries())
        cache.setPartition(shares);
    }
    return llvm::Error::success();
  }
};
} // namespace
