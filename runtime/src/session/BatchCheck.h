//===- BatchCheck.h - what a batch may ask for ------------------*- C++ -*-===//
#ifndef MOERT_SESSION_BATCHCHECK_H
#define MOERT_SESSION_BATCHCHECK_H

#include "base/Status.h"
#include "moert/moert.h"
#include <cstdint>
#include <vector>

namespace moert {

/// Sizes that a batch is checked against.
struct BatchLimits {
  int64_t vocabulary, context, sequences, layers;
};

/// Checks a whole batch before any of it runs. `computed[s]` is the number of
/// positions of sequence s that have been computed.
Status checkBatch(const moert_batch_t &batch, const BatchLimits &limits,
                  const std::vector<int64_t> &computed);

} // namespace moert

#endif // MOERT_SESSION_BATCHCHECK_H
