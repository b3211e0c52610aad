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
  // Shares are learned from some rows, and judged by as many others.
  int64_t fitted = getFittedRows(rows);
  RoutingTrace judged = rows.slice(fitted, 2 * fitted);
  CacheSimulationOptions options;
  options.policy = cache.getPolicy().str();
  options.capacity = *cache.getEntries();
  std::vector<int64_t> shares =
      choosePartition(rows.slice(0, fitted), options.capacity);
  // A cache that holds more than there is needs no shares.
  if (judged.rows.empty() ||
      std::reduce(shares.begin(), shares.end()) != options.capacity)
    return std::vector<int64_t>();
  auto shared = simulateCache(judged, options);
  if (!shared)
    return shared.takeError();
  options.partition = shares;
  auto parted = simulateCache(judged, options);
  if (!parted)
    return parted.takeError();
  return parted->hits > shared->hits ? shares : std::vector<int64_t>();
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
