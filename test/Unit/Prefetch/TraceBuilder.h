//===- TraceBuilder.h - routing traces for tests ----------------*- C++ -*-===//
#ifndef MOE_TEST_UNIT_PREFETCH_TRACEBUILDER_H
#define MOE_TEST_UNIT_PREFETCH_TRACEBUILDER_H

#include "moe/Prefetch/RoutingTrace.h"

namespace moe {

struct TraceOptions {
  int64_t layers = 4, experts = 8, chosen = 2, rows = 64;
  int64_t guesses = 0; ///< recorded: random ones
  int64_t rowsPerForward = 1;
  uint64_t seed = 1;
  /// Logits of expert e are lower by skew * log(1 + rank of e in its layer).
  double skew = 0;
  /// Share of a logit that is that of the row before.
  double locality = 0;
  /// Share of a layer's logits that the layer before determines.
  double coupling = 0;
};

/// A trace of a made-up router, choosing the largest logits; the same on every
/// machine.
RoutingTrace makeTrace(const TraceOptions &options);

/// The bytes of a trace file, whether they are valid or not.
std::string toBytes(const RoutingTrace &trace);

/// A file of bytes, as long as this lives.
class TraceFile {
public:
  explicit TraceFile(const std::string &bytes);
  ~TraceFile();
  const std::string &getPath() const { return path; }

private:
  std::string path;
};

} // namespace moe

#endif // MOE_TEST_UNIT_PREFETCH_TRACEBUILDER_H
