//===- ExpertStore.cpp - experts that come when they are wanted -----------===//
#include "experts/ExpertStore.h"

#include "experts/StoreCore.h"
#include <numeric>
#include <thread>

using namespace moert;

namespace {
class ThreadedStore : public ExpertStore {
public:
  explicit ThreadedStore(ExpertStoreOptions options);
  ~ThreadedStore() override;

  const moert_abi_offload_t &abi() const override { return functions; }
  void beginForward(int64_t rows) override;
  Status endForward() override { return core->endForward(); }
  ExpertStoreStats stats() const override { return core->stats(); }
  const char *readerName() const override { return core->readerName(); }

private:
  /// The thread shares it: it may have to outlive the store.
  std::shared_ptr<StoreCore> core;
  std::thread thread;
  moert_abi_offload_t functions = {};
};
} // namespace

static StoreCore &coreOf(const moert_abi_offload_t *offload) {
  return *static_cast<StoreCore *>(offload->host);
}

static void prefetch(const moert_abi_offload_t *offload, int64_t layer,
                     int64_t rows, int64_t columns, const int32_t *ids,
                     const float *confidence, float threshold) {
  coreOf(offload).prefetch(layer, {ids, size_t(rows * columns)}, confidence,
                           threshold);
}

static void demand(const moert_abi_offload_t *offload, int64_t layer,
                   int64_t rows, int64_t columns, const int32_t *ids) {
  coreOf(offload).demand(layer, {ids, size_t(rows * columns)});
}

static int64_t take(const moert_abi_offload_t *offload, int64_t layer,
                    int32_t *experts) {
  return coreOf(offload).take(layer, experts);
}

static void cancel(const moert_abi_offload_t *offload, int64_t layer) {
  coreOf(offload).cancel(layer);
}

ThreadedStore::ThreadedStore(ExpertStoreOptions options)
    : core(std::make_shared<StoreCore>(std::move(options))) {
  functions.size = sizeof(functions);
  functions.host = core.get();
  functions.demand = demand;
  functions.take = take;
  functions.cancel = cancel;
  thread = std::thread([core = core] { core->load(); });
}

/// Without guesses, compiled code does not even compute them.
void ThreadedStore::beginForward(int64_t rows) {
  functions.prefetch = core->beginForward(rows) ? prefetch : nullptr;
}

ThreadedStore::~ThreadedStore() {
  if (core->stop())
    thread.join();
  else
    thread.detach();
}

static Status checkExtents(const ExpertStoreOptions &options) {
  int64_t wanted = int64_t(options.layers.size()) * options.experts;
  if (wanted <= 0 || int64_t(options.extents.size()) != wanted)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin, ": has ",
                      options.extents.size(), " experts to fetch, must be ",
                      wanted);
  for (const ExpertExtent &extent : options.extents) {
    if (extent.offset % 4096 != 0)
      return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                        ": an expert starts at ", extent.offset,
                        ", must be a multiple of 4096");
    if (extent.size == 0 || extent.size > options.entryBytes)
      return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                        ": an expert has ", extent.size,
                        " bytes, must be between 1 and ", options.entryBytes);
    if (!extent.address)
      return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                        ": an expert has no address");
  }
  return Status();
}

static Status checkPool(const ExpertStoreOptions &options) {
  if (options.entryBytes == 0 || options.entryBytes % 4096 != 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin, ": entries of ",
                      options.entryBytes,
                      " bytes, must be a positive multiple of 4096");
  if (!options.pool || reinterpret_cast<uintptr_t>(options.pool) % 4096 != 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                      ": the pool of experts is not aligned to 4096 bytes");
  if (options.capacity < 1 || options.capacity > INT32_MAX)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin, ": ",
                      options.capacity,
                      " experts in memory requested, must be at least 1");
  if (options.pieceBytes == 0 || options.pieceBytes % 4096 != 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin, ": reads of ",
                      options.pieceBytes,
                      " bytes, must be a positive multiple of 4096");
  if (!(options.readTimeout > 0))
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                      ": read timeout is ", options.readTimeout,
                      " seconds, must be above 0");
  return Status();
}

static Status checkPartition(const ExpertStoreOptions &options) {
  const std::vector<int64_t> &shares = options.partition;
  if (shares.empty())
    return Status();
  if (shares.size() != options.layers.size())
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                      ": the partition has ", shares.size(),
                      " layers, the model has ", options.layers.size(),
                      " with experts");
  for (int64_t share : shares)
    if (share < 1 || share > options.capacity)
      return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                        ": a layer's share is ", share,
                        " experts, must be between 1 and ", options.capacity);
  int64_t sum = std::accumulate(shares.begin(), shares.end(), int64_t(0));
  if (sum > options.capacity)
    return makeStatus(MOERT_INVALID_ARGUMENT, options.origin,
                      ": the partition has ", sum,
                      " experts, the budget holds ", options.capacity);
  return Status();
}

Status ExpertStore::create(ExpertStoreOptions options,
                           std::unique_ptr<ExpertStore> *out) {
  MOERT_RETURN_IF_ERROR(checkPool(options));
  MOERT_RETURN_IF_ERROR(checkExtents(options));
  MOERT_RETURN_IF_ERROR(checkPartition(options));
  *out = std::make_unique<ThreadedStore>(std::move(options));
  return Status();
}
