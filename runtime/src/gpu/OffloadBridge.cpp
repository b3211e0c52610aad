//===- OffloadBridge.cpp - experts, asked from device addresses -----------===//
#include "gpu/OffloadBridge.h"

using namespace moert;
using namespace moert::gpu;

OffloadBridge::OffloadBridge(Run &run, Parameters &parameters,
                             const moert_abi_offload_t *session, bool guesses)
    : run(run), parameters(parameters), tier(parameters.tier()),
      session(session) {
  functions.size = sizeof(functions);
  functions.host = this;
  if (session && session->record)
    functions.record = [](const moert_abi_offload_t *table, int64_t layer,
                          int64_t rows, int64_t experts, const float *logits,
                          int64_t chosen, const int32_t *ids,
                          const float *weights) {
      of(table).record(layer, rows, experts, logits, chosen, ids, weights);
    };
  if ((session && session->prefetch) || (tier && guesses))
    functions.prefetch = [](const moert_abi_offload_t *table, int64_t layer,
                            int64_t rows, int64_t columns, const int32_t *ids,
                            const float *confidence, float threshold) {
      of(table).prefetch(layer, rows, columns, ids, confidence, threshold);
    };
  if (!tier)
    return;
  functions.demand = [](const moert_abi_offload_t *table, int64_t layer,
                        int64_t rows, int64_t columns, const int32_t *ids) {
    of(table).demand(layer, rows, columns, ids);
  };
  functions.take = [](const moert_abi_offload_t *table, int64_t layer,
                      int32_t *experts) {
    return of(table).take(layer, experts);
  };
  functions.cancel = [](const moert_abi_offload_t *table, int64_t layer) {
    of(table).cancel(layer);
  };
  tier->begin(run, session && session->take ? session : nullptr,
              run.args.parameters);
}

OffloadBridge::~OffloadBridge() {
  if (tier)
    tier->end();
}

const moert_abi_offload_t *OffloadBridge::abi() const {
  return functions.record || functions.prefetch || functions.take ? &functions
                                                                  : nullptr;
}

void OffloadBridge::record(int64_t layer, int64_t rows, int64_t experts,
                           const float *logits, int64_t chosen,
                           const int32_t *ids, const float *weights) {
  const float *shown = run.fetch(logits, rows * experts);
  const int32_t *chosenIds = run.fetch(ids, rows * chosen);
  const float *chosenWeights = run.fetch(weights, rows * chosen);
  if (!run.wait())
    return;
  hearGuesses(/*allAreHere=*/true);
  session->record(session, layer, rows, experts, shown, chosen, chosenIds,
                  chosenWeights);
}

void OffloadBridge::prefetch(int64_t layer, int64_t rows, int64_t columns,
                             const int32_t *ids, const float *confidence,
                             float threshold) {
  Guess guess = {layer,
                 rows,
                 columns,
                 run.fetch(ids, rows * columns),
                 run.fetch(confidence, rows * columns),
                 threshold,
                 std::make_unique<Event>(run.device)};
  if (run.hasFailed())
    return;
  run.note(guess.arrived->record(run.device.compute));
  guesses.push_back(std::move(guess));
}

/// Passes on guesses that have come from the device.
void OffloadBridge::hearGuesses(bool allAreHere) {
  while (!guesses.empty() && !run.hasFailed() &&
         (allAreHere || guesses.front().arrived->isDone())) {
    const Guess guess = std::move(guesses.front());
    guesses.pop_front();
    if (session && session->prefetch)
      session->prefetch(session, guess.layer, guess.rows, guess.columns,
                        guess.ids, guess.confidence, guess.threshold);
    if (tier)
      tier->guess(guess.layer, {guess.ids, size_t(guess.rows * guess.columns)},
                  guess.confidence, guess.threshold);
  }
}

void OffloadBridge::pump() {
  if (run.hasFailed())
    return;
  hearGuesses(/*allAreHere=*/false);
  if (tier)
    tier->pump();
}

/// For what was launched; guesses are copied meanwhile.
bool OffloadBridge::wait() {
  if (tier->hasGuesses() || !guesses.empty()) {
    Event launched(run.device);
    run.note(launched.record(run.device.compute));
    while (!run.hasFailed() && !launched.isDone())
      pump();
  }
  return run.wait();
}

void OffloadBridge::demand(int64_t layer, int64_t rows, int64_t columns,
                           const int32_t *ids) {
  ++demands;
  const int32_t *list = run.fetch(ids, rows * columns);
  if (!wait())
    return;
  hearGuesses(/*allAreHere=*/true);
  tier->demand(layer, {list, size_t(rows * columns)});
}

int64_t OffloadBridge::take(int64_t layer, int32_t *experts) {
  std::vector<int32_t> list(size_t(parameters.expertMap().experts));
  const int64_t count = tier->take(layer, list.data());
  list.resize(size_t(count));
  parameters.giveExperts(run, layer, list);
  run.give(experts, list.data(), list.size() * sizeof(int32_t));
  return run.hasFailed() ? 0 : count;
}

void OffloadBridge::cancel(int64_t layer) {
  std::erase_if(guesses,
                [&](const Guess &guess) { return guess.layer == layer; });
  tier->cancel(layer);
  if (session && session->cancel)
    session->cancel(session, layer);
}
