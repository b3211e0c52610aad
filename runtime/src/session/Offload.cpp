//===- Offload.cpp - experts that come and go, in a session ---------------===//
#include "session/Offload.h"

#include "base/Memory.h"
#include "container/Metadata.h"

using namespace moert;

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

/// "belady:FILE" in its two parts; the second may be missing.
static std::pair<std::string, std::string>
splitPolicy(const std::string &name) {
  size_t colon = name.find(':');
  if (colon == std::string::npos)
    return {name, ""};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

Status moert::checkPolicyName(const std::string &name,
                              const std::string &origin) {
  auto [policy, file] = splitPolicy(name);
  const CachePolicyInfo *info = findCachePolicy(policy);
  if (!info)
    return makeStatus(MOERT_NOT_FOUND, origin, ": cache policy '", policy,
                      "' is unknown, this runtime has ", cachePolicyNames());
  if (info->needsFuture && file.empty())
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": cache policy ", policy,
                      " needs a routing trace: ", policy, ":FILE");
  if (!info->needsFuture && name != policy)
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": cache policy ", policy,
                      " takes no file, got '", file, "'");
  return Status();
}

static Status makePolicy(const moert_module_t &module, const ExpertTable &table,
                         int64_t capacity, const std::string &name,
                         std::unique_ptr<CachePolicy> *out) {
  MOERT_RETURN_IF_ERROR(checkPolicyName(name, module.origin()));
  auto [policy, file] = splitPolicy(name);
  const CachePolicyInfo &info = *findCachePolicy(policy);
  std::vector<ExpertKey> future;
  if (info.needsFuture)
    MOERT_RETURN_IF_ERROR(
        readFuture(file, module.metadata(), module.origin(), &future));
  CachePolicyOptions options;
  options.keys = table.count();
  options.capacity = capacity;
  options.experts = table.experts;
  options.future = future;
  *out = info.create(options);
  return Status();
}

//===----------------------------------------------------------------------===//
// Offload
//===----------------------------------------------------------------------===//

static std::string policyOf(const moert_module_t &module,
                            const moert_session_options_t &options) {
  if (options.cache_policy)
    return options.cache_policy;
  std::string name = text(module.metadata().schedule()->policy());
  return name.empty() ? "lrfu" : name;
}

static std::vector<ExpertExtent> extentsOf(const moert_module_t &module,
                                           const ExpertTable &table,
                                           std::vector<const void *> *cells) {
  const fb::Module &metadata = module.metadata();
  uint64_t weights = module.container->sectionOffset(MOERT_SECTION_WEIGHTS);
  std::vector<ExpertExtent> extents;
  for (size_t index : table.parameters) {
    const fb::Parameter &parameter =
        *metadata.parameters()->Get(flatbuffers::uoffset_t(index));
    extents.push_back({weights + parameter.offset(), parameter.size(),
                       parameter.checksum(), &(*cells)[index]});
  }
  return extents;
}

Status Offload::create(const moert_module_t &module, const ExpertTable &table,
                       int64_t capacity, const moert_session_options_t &options,
                       std::vector<const void *> *cells,
                       std::unique_ptr<Offload> *out) {
  std::unique_ptr<Offload> offload(new Offload);
  offload->capacity = capacity;
  offload->entryBytes = table.entryBytes;
  ExpertStoreOptions store;
  MOERT_RETURN_IF_ERROR(makePolicy(module, table, capacity,
                                   policyOf(module, options), &store.policy));
  Status opened = openExpertReader(
      module.container->mappedFile()->descriptor(), &store.reader);
  if (opened)
    return makeStatus(opened.code(), module.origin(),
                      ": cannot read experts: ", opened.message());
  void *pool;
  const uint64_t bytes = uint64_t(capacity) * table.entryBytes;
  Status status = allocateHostMemory(bytes, &pool);
  if (status)
    return makeStatus(status.code(), module.origin(), ": ", capacity,
                      " experts in memory: ", status.message());
  store.poolOwner = std::shared_ptr<void>(
      pool, [bytes](void *memory) { releaseHostMemory(memory, bytes); });

  store.origin = module.origin();
  store.layers = table.layers;
  store.experts = table.experts;
  store.extents = extentsOf(module, table, cells);
  store.pool = pool;
  store.entryBytes = table.entryBytes;
  store.capacity = capacity;
  if (auto *partition = module.metadata().schedule()->partition();
      partition && capacity < table.count()) {
    std::vector<int64_t> entries(partition->begin(), partition->end());
    store.partition =
        scalePartition(entries, capacity, table.chosen, table.experts);
  }
  store.prefetch = options.prefetch;
  store.readTimeout = options.read_timeout;
  store.checkExtents = module.checksExperts;
  store.watch = [self = offload.get()](const StoreEvent &event) {
    self->pass(event);
  };
  MOERT_RETURN_IF_ERROR(
      ExpertStore::create(std::move(store), &offload->experts));
  *out = std::move(offload);
  return Status();
}

void Offload::addTo(moert_session_stats_t *stats) const {
  ExpertStoreStats done = experts->stats();
  stats->expert_capacity = capacity;
  stats->expert_hits = done.hits;
  stats->expert_misses = done.misses;
  stats->prefetch_useful = done.useful;
  stats->prefetch_wasted = done.wasted;
  stats->bytes_read = done.bytesRead;
  stats->stall_seconds = done.stallSeconds;
  stats->link_seconds = done.linkSeconds;
  stats->prefetch_stopped = done.prefetchStopped;
  stats->expert_bytes = uint64_t(capacity) * entryBytes;
  stats->expert_reader = experts->readerName();
}

void Offload::watch(Trace *wanted) {
  std::lock_guard lock(mutex);
  trace = wanted;
}

void Offload::pass(const StoreEvent &event) {
  std::lock_guard lock(mutex);
  if (trace)
    trace->store(event);
}

//===----------------------------------------------------------------------===//
// OffloadTable
//===----------------------------------------------------------------------===//

OffloadTable::OffloadTable(ExpertStore *store, RoutingRecorder *recorder,
                           Trace *trace, bool prefetches)
    : calls{{},
            store ? &store->abi() : nullptr,
            prefetches && store && store->abi().prefetch,
            recorder,
            trace} {
  if (store)
    calls.abi = store->abi();
  calls.abi.size = sizeof(calls.abi);
  if (!prefetches)
    calls.abi.prefetch = nullptr; // guesses need not even be computed
  if (recorder)
    calls.abi.record = record;
  if (recorder && recorder->wantsGuesses())
    calls.abi.prefetch = prefetch;
  if (store && trace)
    calls.abi.take = take;
}

const moert_abi_offload_t *OffloadTable::get() const {
  return calls.store || calls.recorder ? &calls.abi : nullptr;
}

void OffloadTable::record(const moert_abi_offload_t *offload, int64_t layer,
                          int64_t rows, int64_t experts, const float *logits,
                          int64_t chosen, const int32_t *ids,
                          const float *weights) {
  of(offload).recorder->choose(layer, rows, experts, logits, chosen, ids,
                               weights);
}

void OffloadTable::prefetch(const moert_abi_offload_t *offload, int64_t layer,
                            int64_t rows, int64_t columns, const int32_t *ids,
                            const float *confidence, float threshold) {
  const Calls &calls = of(offload);
  calls.recorder->guess(layer, rows, columns, ids, confidence);
  if (calls.prefetches)
    calls.store->prefetch(calls.store, layer, rows, columns, ids, confidence,
                          threshold);
}

int64_t OffloadTable::take(const moert_abi_offload_t *offload, int64_t layer,
                           int32_t *experts) {
  const Calls &calls = of(offload);
  calls.trace->endExperts();
  int64_t count = calls.store->take(calls.store, layer, experts);
  if (count > 0)
    calls.trace->beginExperts(layer, {experts, size_t(count)});
  return count;
}
