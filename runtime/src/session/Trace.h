//===- Trace.h - when each operation ran ------------------------*- C++ -*-===//
#ifndef MOERT_SESSION_TRACE_H
#define MOERT_SESSION_TRACE_H

#include "experts/ExpertStore.h"
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace moert {

/// Names that events carry as numbers.
struct TraceNames {
  std::string process;
  std::vector<std::string> operations;
  std::vector<int> layers; ///< decoder layers with experts
  int64_t experts = 1;     ///< of a layer
};

/// Notes starts of operations and spans of forwards, and what an expert store
/// does; writes them as Chrome trace events, which Perfetto and
/// chrome://tracing open: computing and waiting on one track, reads on others.
class Trace {
public:
  Trace();
  /// Operation `op` starts; -1 ends the last one.
  void operation(int64_t op);
  void beginForward(int64_t rows);
  void endForward();

  /// Computing has these experts of a layer, until endExperts.
  void beginExperts(int64_t layer, std::span<const int32_t> experts);
  void endExperts();
  /// From any thread.
  void store(const StoreEvent &event);

  Status write(const std::string &path, const TraceNames &names);

private:
  struct Event {
    int64_t nanoseconds; ///< since the trace began
    int64_t value;       ///< operation, rows of a forward, layer
    enum Kind : uint8_t { Operation, Begin, End, Experts, EndExperts } kind;
  };
  void note(Event::Kind kind, int64_t value);

  int64_t start;
  std::vector<Event> events;
  std::vector<std::vector<int32_t>> handed; ///< of each Experts, in order
  uint64_t dropped = 0;                     ///< beyond the most that is kept
  std::mutex mutex;                         ///< of the two below
  std::vector<StoreEvent> storeEvents;
  uint64_t storeDropped = 0;
};

} // namespace moert

#endif // MOERT_SESSION_TRACE_H
