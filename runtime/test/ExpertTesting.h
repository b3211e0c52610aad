//===- ExpertTesting.h - experts and readers for tests ----------*- C++ -*-===//
#ifndef MOERT_TEST_EXPERTTESTING_H
#define MOERT_TEST_EXPERTTESTING_H

#include "container/Checksum.h"
#include "experts/ExpertStore.h"
#include "moert/moert.h"
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace moert::testing {

/// A file in memory whose reads end when, in what order and how the test says.
/// Outlives the stores that read it.
struct ScriptedFile {
  static constexpr int64_t all = INT64_MAX, never = INT64_MIN;

  std::vector<char> bytes;
  /// What a read returns: `all`, fewer bytes, a negative errno, or `never`.
  /// Gets the request and how many there were before; called by the reading
  /// thread.
  std::function<int64_t(const ReadRequest &, int64_t)> script;
  bool isRandom = false; ///< results come out of order, some of them late
  std::minstd_rand random{1};

  struct Read {
    ReadRequest request;
    int64_t answer;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<ReadRequest> requests; ///< all there ever were
  std::vector<Read> pending, stalled;
  int64_t allowed = INT64_MAX; ///< results that may come
  bool isWoken = false;

  void hold() { allow(0); }
  /// So many more results may come.
  void allow(int64_t results = INT64_MAX) {
    std::lock_guard lock(mutex);
    allowed = results;
    changed.notify_all();
  }
  /// Reads that never end fail after all.
  void endStalled() {
    std::lock_guard lock(mutex);
    script = nullptr;
    for (const Read &read : std::exchange(stalled, {}))
      pending.push_back({read.request, -ECANCELED});
    changed.notify_all();
  }
  std::vector<ReadRequest> waitForRequests(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return requests.size() >= count; });
    return requests;
  }
};

class ScriptedReader : public ExpertReader {
public:
  explicit ScriptedReader(ScriptedFile &file, int depth = 8)
      : file(file), most(depth) {}
  const char *name() const override { return "scripted"; }
  int depth() const override { return most; }

  Status submit(const ReadRequest &request) override {
    std::lock_guard lock(file.mutex);
    int64_t answer = file.script
                         ? file.script(request, int64_t(file.requests.size()))
                         : ScriptedFile::all;
    file.requests.push_back(request);
    (answer == ScriptedFile::never ? file.stalled : file.pending)
        .push_back({request, answer});
    file.changed.notify_all();
    return Status();
  }

  size_t wait(std::span<ReadResult> out, int milliseconds) override {
    std::unique_lock lock(file.mutex);
    auto isOver = [&] {
      return file.isWoken || (file.allowed > 0 && !file.pending.empty());
    };
    if (milliseconds < 0)
      file.changed.wait(lock, isOver);
    else
      file.changed.wait_for(lock, std::chrono::milliseconds(milliseconds),
                            isOver);
    file.isWoken = false;
    size_t count = 0;
    while (!file.pending.empty() && file.allowed > 0 && count < out.size() &&
           !(file.isRandom && file.random() % 3 == 0)) {
      size_t which = file.isRandom ? file.random() % file.pending.size() : 0;
      out[count++] = finish(file.pending[which]);
      file.pending.erase(file.pending.begin() + ptrdiff_t(which));
      --file.allowed;
    }
    return count;
  }

  void wake() override {
    std::lock_guard lock(file.mutex);
    file.isWoken = true;
    file.changed.notify_all();
  }

private:
  using Read = ScriptedFile::Read;
  ReadResult finish(const Read &read);

  ScriptedFile &file;
  int most;
};

/// Ends the process, with a name, if it lives for too long.
class Watchdog {
public:
  explicit Watchdog(const char *what, int seconds = 120)
      : thread([this, what, seconds] {
          std::unique_lock lock(mutex);
          if (changed.wait_for(lock, std::chrono::seconds(seconds),
                               [&] { return isOver; }))
            return;
          std::fprintf(stderr, "%s hangs\n", what);
          std::abort();
        }) {}
  ~Watchdog() {
    {
      std::lock_guard lock(mutex);
      isOver = true;
    }
    changed.notify_all();
    thread.join();
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  bool isOver = false;
  std::thread thread; ///< last: it uses the others
};

/// A policy that checks who drives it, evicts at random, and notes all calls.
class CheckedPolicy : public CachePolicy {
public:
  struct Log {
    std::mutex mutex;
    std::vector<std::string> calls, mistakes;
    std::set<ExpertKey> inside;
    std::set<ExpertKey> pinned; ///< kept by the test
    size_t most = 0;
  };
  CheckedPolicy(std::shared_ptr<Log> log, const CachePolicyOptions &options,
                std::vector<int64_t> partition, uint64_t seed)
      : log(std::move(log)), options(options), partition(std::move(partition)),
        random(seed) {}

  void use(ExpertKey key) override { call("use", key); }
  void insert(ExpertKey key, bool guessed) override {
    call(guessed ? "guess" : "insert", key);
    std::lock_guard lock(log->mutex);
    if (!log->inside.insert(key).second)
      log->mistakes.push_back("inserted twice: " + std::to_string(key));
    if (int64_t(log->inside.size()) > options.capacity)
      log->mistakes.push_back("over capacity");
    int64_t layer = key / options.experts, count = 0;
    for (ExpertKey other : log->inside)
      count += other / options.experts == layer;
    if (!partition.empty() && count > partition[layer])
      log->mistakes.push_back("over the share of layer " +
                              std::to_string(layer));
  }
  void remove(ExpertKey key) override {
    call("remove", key);
    std::lock_guard lock(log->mutex);
    if (!log->inside.erase(key))
      log->mistakes.push_back("removed twice: " + std::to_string(key));
    if (log->pinned.count(key))
      log->mistakes.push_back("removed while in use: " + std::to_string(key));
  }
  ExpertKey victim(const std::function<bool(ExpertKey)> &mayLeave) override {
    std::vector<ExpertKey> candidates;
    for (ExpertKey key : log->inside)
      if (mayLeave(key))
        candidates.push_back(key);
    return candidates.empty() ? -1 : candidates[random() % candidates.size()];
  }

private:
  void call(const char *what, ExpertKey key) {
    std::lock_guard lock(log->mutex);
    log->calls.push_back(what + (" " + std::to_string(key)));
  }

  std::shared_ptr<Log> log;
  CachePolicyOptions options;
  std::vector<int64_t> partition;
  std::minstd_rand random;
};

/// A model's experts, with bytes that tell them apart, and a store of them.
struct TestExperts {
  int64_t layerCount, experts;
  std::vector<uint64_t> sizes; ///< by key
  uint64_t entryBytes = 0;
  ScriptedFile file;
  ExpertStoreOptions options; ///< changed by tests before start()
  std::vector<const void *> cells;
  std::unique_ptr<ExpertStore> store;

  TestExperts(int64_t layerCount, int64_t experts,
              const std::function<uint64_t(int64_t)> &sizeOf);
  ~TestExperts() { end(); }
  void end() {
    file.allow();
    file.endStalled();
    store.reset();
  }
  /// Decoder layers are 1, 3, 5, ...
  int64_t layer(int64_t index) const { return 2 * index + 1; }
  void start(int64_t capacity, const std::string &policy = "lru");
  /// Whether the cell points to the expert's very bytes.
  bool isThere(ExpertKey key) const {
    return cells[key] && !std::memcmp(cells[key], &file.bytes[offsets[key]],
                                      sizes[key]);
  }

  void demand(int64_t index, const std::vector<int32_t> &ids) {
    const moert_abi_offload_t &abi = store->abi();
    abi.demand(&abi, layer(index), 1, int64_t(ids.size()), ids.data());
  }
  std::vector<int32_t> take(int64_t index) {
    const moert_abi_offload_t &abi = store->abi();
    std::vector<int32_t> out(experts);
    out.resize(abi.take(&abi, layer(index), out.data()));
    return out;
  }
  /// All that were demanded, in the order of handing out.
  std::vector<int32_t> takeAll(int64_t index) {
    std::vector<int32_t> all;
    for (auto some = take(index); !some.empty(); some = take(index))
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }
  void prefetch(int64_t index, const std::vector<int32_t> &ids,
                std::vector<float> confidence = {}, float threshold = 0.5f) {
    confidence.resize(ids.size(), 0.9f);
    const moert_abi_offload_t &abi = store->abi();
    if (!abi.prefetch)
      return;
    abi.prefetch(&abi, layer(index), 1, int64_t(ids.size()), ids.data(),
                 confidence.data(), threshold);
  }
  void cancel(int64_t index) {
    const moert_abi_offload_t &abi = store->abi();
    abi.cancel(&abi, layer(index));
  }

  std::vector<uint64_t> offsets;
};

inline ReadResult ScriptedReader::finish(const Read &read) {
  const ReadRequest &request = read.request;
  if (read.answer < 0)
    return {request.id, read.answer};
  uint64_t size = std::min({request.size, uint64_t(read.answer),
                            file.bytes.size() - std::min<uint64_t>(
                                file.bytes.size(), request.offset)});
  std::memcpy(request.memory, file.bytes.data() + request.offset, size);
  return {request.id, int64_t(size)};
}

inline TestExperts::TestExperts(int64_t layerCount, int64_t experts,
                                const std::function<uint64_t(int64_t)> &sizeOf)
    : layerCount(layerCount), experts(experts), cells(layerCount * experts) {
  std::minstd_rand random(7);
  uint64_t offset = 4096;
  for (int64_t key = 0; key < layerCount * experts; ++key) {
    uint64_t size = sizeOf(key), room = (size + 4095) / 4096 * 4096;
    file.bytes.resize(offset + size);
    for (uint64_t i = 0; i < size; ++i)
      file.bytes[offset + i] = char(random());
    uint64_t sum = checksum(
        {reinterpret_cast<const std::byte *>(&file.bytes[offset]), size});
    options.extents.push_back({offset, size, sum, &cells[key]});
    sizes.push_back(size);
    offsets.push_back(offset);
    entryBytes = std::max(entryBytes, room);
    offset += room;
  }
  options.origin = "test.moe";
  for (int64_t i = 0; i < layerCount; ++i)
    options.layers.push_back(int(layer(i)));
  options.experts = experts;
  options.prefetch = MOERT_PREFETCH_ON;
}

inline void TestExperts::start(int64_t capacity, const std::string &policy) {
  options.capacity = capacity;
  options.entryBytes = entryBytes;
  void *pool = std::aligned_alloc(4096, capacity * entryBytes);
  std::memset(pool, 0xAA, capacity * entryBytes);
  options.pool = pool;
  options.poolOwner = std::shared_ptr<void>(pool, std::free);
  if (!options.policy)
    options.policy = findCachePolicy(policy)->create(
        {layerCount * experts, capacity, experts, {}});
  if (!options.reader)
    options.reader = std::make_unique<ScriptedReader>(file);
  Status status = ExpertStore::create(std::move(options), &store);
  if (status)
    std::abort();
}

} // namespace moert::testing

#endif // MOERT_TEST_EXPERTTESTING_H
