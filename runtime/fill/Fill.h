//===- Fill.h - weights for a module that has none --------------*- C++ -*-===//
#ifndef MOERT_FILL_FILL_H
#define MOERT_FILL_FILL_H

#include "base/Status.h"
#include <cstdint>
#include <functional>
#include <string>

namespace moert {

/// Copies a module that was compiled with --no-weights to `path` and gives it
/// weights that a seed determines, on every machine the same: elements from
/// N(0, 0.02), or 1 where a parameter is one row; random codes, with scales that
/// make them as large. `progress` is told of bytes that are done, and of all.
Status fillModule(const std::string &module, const std::string &path,
                  uint64_t seed,
                  const std::function<void(uint64_t, uint64_t)> &progress);

/// Bytes of the weights that such a module would get.
Status missingWeights(const std::string &module, uint64_t *bytes);

} // namespace moert

#endif // MOERT_FILL_FILL_H
