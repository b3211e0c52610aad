//===- Parameter.h - whether a parameter can be what it says ----*- C++ -*-===//
#ifndef MOERT_CONTAINER_PARAMETER_H
#define MOERT_CONTAINER_PARAMETER_H

#include "container/Metadata.h"

namespace moert {

/// Checks one entry of the list of parameters: it lies inside WEIGHTS, where
/// such a parameter may lie, and has the size that its shape and its codes
/// need.
Status checkParameter(const fb::Parameter &parameter,
                      std::span<const Code> codes, uint64_t weightsSize,
                      const std::string &origin);

} // namespace moert

#endif // MOERT_CONTAINER_PARAMETER_H
