//===- OffloadBridge.h - experts, asked from device addresses ---*- C++ -*-===//
#ifndef MOERT_GPU_OFFLOADBRIDGE_H
#define MOERT_GPU_OFFLOADBRIDGE_H

#include "gpu/Parameters.h"

namespace moert::gpu {

/// moert_abi_offload_t for code whose lists lie on the device: the device's own
/// tier of experts, and whoever fetches or watches on the host.
class OffloadBridge {
public:
  /// `session` may be null. `guesses`: the tier wants to hear them.
  OffloadBridge(Run &run, Parameters &parameters,
                const moert_abi_offload_t *session, bool guesses);
  ~OffloadBridge();
  /// Null if there is nobody to talk to.
  const moert_abi_offload_t *abi() const;
  /// Whenever the code launches something: guesses are heard late, so that
  /// nobody waits for them.
  void pump();
  int64_t demandingLayers() const { return demands; }

private:
  static OffloadBridge &of(const moert_abi_offload_t *table) {
    return *static_cast<OffloadBridge *>(table->host);
  }
  void record(int64_t layer, int64_t rows, int64_t experts, const float *logits,
              int64_t chosen, const int32_t *ids, const float *weights);
  void prefetch(int64_t layer, int64_t rows, int64_t columns,
                const int32_t *ids, const float *confidence, float threshold);
  void demand(int64_t layer, int64_t rows, int64_t columns, const int32_t *ids);
  int64_t take(int64_t layer, int32_t *experts);
  void cancel(int64_t layer);
  void hearGuesses(bool allAreHere);
  bool wait();

  /// On its way from the device.
  struct Guess {
    int64_t layer, rows, columns;
    const int32_t *ids;
    const float *confidence;
    float threshold;
    std::unique_ptr<Event> arrived;
  };

  Run &run;
  Parameters &parameters;
  ExpertTier *tier;
  const moert_abi_offload_t *session;
  moert_abi_offload_t functions = {};
  std::deque<Guess> guesses; ///< in the order of the code
  int64_t demands = 0;
};

} // namespace moert::gpu

#endif // MOERT_GPU_OFFLOADBRIDGE_H
