//===- Trace.h - when each operation ran ------------------------*- C++ -*-===//
#ifndef MOERT_SESSION_TRACE_H
#define MOERT_SESSION_TRACE_H

#include "base/Status.h"
#include <cstdint>
#include <string>
#include <vector>

namespace moert {

/// Notes starts of operations and spans of forwards; writes them as Chrome
/// trace events, which Perfetto and chrome://tracing open.
class Trace {
public:
  Trace();
  /// Operation `op` starts; -1 ends the last one.
  void operation(int64_t op);
  void beginForward(int64_t rows);
  void endForward();

  /// `operations` are the module's names for traces.
  Status write(const std::string &path, const std::string &process,
               const std::vector<std::string> &operations) const;

private:
  struct Event {
    int64_t nanoseconds; ///< since the trace began
    int64_t value;       ///< operation, or rows of a forward
    enum Kind : uint8_t { Operation, Begin, End } kind;
  };
  void note(Event::Kind kind, int64_t value);

  int64_t start;
  std::vector<Event> events;
  uint64_t dropped = 0; ///< beyond the most that is kept
};

} // namespace moert

#endif // MOERT_SESSION_TRACE_H
