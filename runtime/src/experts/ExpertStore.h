//===- ExpertStore.h - experts that come when they are wanted ---*- C++ -*-===//
//
// A pool of equal places in memory, a thread that reads, and the table of who
// is where. Compiled code talks to it through moert_abi_offload_t.
//===----------------------------------------------------------------------===//
#ifndef MOERT_EXPERTS_EXPERTSTORE_H
#define MOERT_EXPERTS_EXPERTSTORE_H

#include "cache/CachePolicy.h"
#include "experts/ExpertReader.h"
#include "moert/abi/module.h"
#include <functional>
#include <vector>

namespace moert {

/// Where one expert lies in the file, and who points to it.
struct ExpertExtent {
  uint64_t offset = 0; ///< in the file; a multiple of 4096
  uint64_t size = 0;
  uint64_t checksum = 0;      ///< XXH3-64
  /// Its cell of moert_abi_forward_t::parameters.
  const void **address = nullptr;
};

/// Something that happened, for a trace of the session. `guessed`: nobody
/// wanted the expert for certain when it happened.
struct StoreEvent {
  enum Kind { ReadBegin, ReadEnd, WaitBegin, WaitEnd, Evict, Drop } kind;
  ExpertKey key; ///< -1 for waits
  bool guessed;
  int64_t nanoseconds; ///< of the steady clock
};

struct ExpertStoreOptions {
  std::string origin;       ///< file name for messages
  std::vector<int> layers;  ///< decoder layers with experts, ascending
  int64_t experts = 0;      ///< of a layer
  std::vector<ExpertExtent> extents; ///< by key
  void *pool = nullptr;     ///< capacity * entryBytes, 4096-byte aligned
  /// Keeps the pool alive. A store that ends while a read never does leaves the
  /// pool to it; without an owner it waits, as memory must not be freed under a
  /// device that writes to it.
  std::shared_ptr<void> poolOwner;
  uint64_t entryBytes = 0;  ///< a multiple of 4096, at least of every extent
  int64_t capacity = 0;     ///< at least the experts that one row chooses
  /// Entries of each layer, with a sum of at most `capacity`; empty: all share.
  std::vector<int64_t> partition;
  std::unique_ptr<CachePolicy> policy;
  std::unique_ptr<ExpertReader> reader;
  int32_t prefetch = 0;     ///< moert_prefetch_t
  /// Of one read, a multiple of 4096; what is wanted never waits for more of a
  /// guess than two of them.
  uint64_t pieceBytes = usualPieceBytes;
  double readTimeout = 30;  ///< seconds
  bool checkExtents = true; ///< compare checksums when an expert first arrives
  /// Called from several threads, one at a time, and not after the store has
  /// ended; must not call the store. Empty: nobody watches.
  std::function<void(const StoreEvent &)> watch;
};

struct ExpertStoreStats {
  int64_t hits = 0, misses = 0, useful = 0, wasted = 0;
  uint64_t bytesRead = 0;
  double stallSeconds = 0, linkSeconds = 0;
  bool prefetchStopped = false;
};

class ExpertStore {
public:
  static Status create(ExpertStoreOptions options,
                       std::unique_ptr<ExpertStore> *out);
  virtual ~ExpertStore() = default;

  /// The functions for the forward that has begun; `record` is NULL, for the
  /// caller to set in a copy, and so is `prefetch` where guesses are not
  /// wanted.
  virtual const moert_abi_offload_t &abi() const = 0;
  /// Around each forward. The second fails if any fetch of it did, naming
  /// expert and reason; all later forwards then fail, too.
  virtual void beginForward(int64_t rows) = 0;
  virtual Status endForward() = 0;
  virtual ExpertStoreStats stats() const = 0;
  /// How experts are read: "io_uring, direct".
  virtual const char *readerName() const = 0;
};

} // namespace moert

#endif // MOERT_EXPERTS_EXPERTSTORE_H
