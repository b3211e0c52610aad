//===- Offload.h - experts that come and go, in a session -------*- C++ -*-===//
#ifndef MOERT_SESSION_OFFLOAD_H
#define MOERT_SESSION_OFFLOAD_H

#include "experts/ExpertStore.h"
#include "session/Experts.h"
#include "session/Routing.h"
#include "session/Session.h"
#include "session/Trace.h"
#include <mutex>

namespace moert {

/// The store of a session that holds only some experts, with its memory.
class Offload {
public:
  /// `cells` are moert_abi_forward_t::parameters, of which those of experts
  /// will be written.
  static Status create(const moert_module_t &module, const ExpertTable &table,
                       int64_t capacity, const moert_session_options_t &options,
                       std::vector<const void *> *cells,
                       std::unique_ptr<Offload> *out);

  ExpertStore &store() { return *experts; }
  /// Adds what experts did and take to a session's statistics.
  void addTo(moert_session_stats_t *stats) const;
  /// From now on events go there, or nowhere.
  void watch(Trace *trace);

private:
  Offload() = default;
  void pass(const StoreEvent &event);

  int64_t capacity = 0;
  uint64_t entryBytes = 0;
  std::mutex mutex; ///< of `trace`, which threads of the store read
  Trace *trace = nullptr;
  std::unique_ptr<ExpertStore> experts; ///< ends first
};

/// What one forward is handed as `offload`: the store's functions, with those
/// in front that note what goes through.
class OffloadTable {
public:
  /// Any of the three may be null.
  OffloadTable(ExpertStore *store, RoutingRecorder *recorder, Trace *trace,
               bool prefetches);
  /// Null if there is nobody to talk to.
  const moert_abi_offload_t *get() const;

private:
  struct Calls {
    moert_abi_offload_t abi; ///< first: what the functions get is this struct
    const moert_abi_offload_t *store;
    bool prefetches; ///< the store is told of guesses
    RoutingRecorder *recorder;
    Trace *trace;
  };
  static const Calls &of(const moert_abi_offload_t *offload) {
    return *reinterpret_cast<const Calls *>(offload);
  }
  static void record(const moert_abi_offload_t *offload, int64_t layer,
                     int64_t rows, int64_t experts, const float *logits,
                     int64_t chosen, const int32_t *ids, const float *weights);
  static void prefetch(const moert_abi_offload_t *offload, int64_t layer,
                       int64_t rows, int64_t columns, const int32_t *ids,
                       const float *confidence, float threshold);
  static int64_t take(const moert_abi_offload_t *offload, int64_t layer,
                      int32_t *experts);

  Calls calls;
};

/// Whether a policy of this name can be made: "lrfu", "belady:FILE". Reads no
/// file.
Status checkPolicyName(const std::string &name, const std::string &origin);

} // namespace moert

#endif // MOERT_SESSION_OFFLOAD_H
