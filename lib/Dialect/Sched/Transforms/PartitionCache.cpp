//===- PartitionCache.cpp - give each layer its share of the cache --------===//
#include "moe/Dialect/Sched/Transforms/Passes.h"

#include "moe/Prefetch/CostModel.h"
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

  llvm::Error run();

private:
  llvm::Expected<std::vector<int64_t>> choose(const RoutingTrace &rows,
                                              CacheOp cache);
};
} // namespace

/// Nothing where sharing is no worse.
llvm::Expected<std::vector<int64_t>>
PartitionCache::choose(const RoutingTrace &rows, CacheOp cache) {
  // As the estimate of a schedule does, which must speak of the same cache.
  auto shares =
      judgePartition(rows, cache.getPolicy(), int64_t(*cache.getEntries()));
  if (!shares)
    return shares.takeError();
  // A cache that holds more than there is needs no shares.
  if (std::reduce(shares->begin(), shares->end()) !=
      int64_t(*cache.getEntries()))
    shares->clear();
  return shares;
}

llvm::Error PartitionCache::run() {
  ModelOp model = getOperation();
  for (auto cache : model.getOps<CacheOp>()) {
    if (trace.empty() || !cache.getEntries() || cache.getPartition())
      continue;
    auto rows = RoutingTrace::read(trace);
    if (!rows)
      return rows.takeError();
    if (llvm::Error error = rows->verifyModel(model))
      return error;
    auto shares = choose(*rows, cache);
    if (!shares)
      return shares.takeError();
    if (!shares->empty())
      cache.setPartition(*shares);
  }
  return llvm::Error::success();
}
