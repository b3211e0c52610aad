//===- Exits.h - whether exits can be what they say -------------*- C++ -*-===//
#ifndef MOERT_CONTAINER_EXITS_H
#define MOERT_CONTAINER_EXITS_H

#include "container/Metadata.h"

namespace moert {

/// Checks Module.exits where they are: they stand between layers of the model,
/// their numbers can be true, and a certificate is for this module. The model
/// has been checked before.
Status checkExits(const fb::Module &module, const std::string &origin);

/// Compares the hash of the weights that exits and certificate were made for
/// with the checksums of the parameters.
Status checkExitWeights(const fb::Module &module, const std::string &origin);

} // namespace moert

#endif // MOERT_CONTAINER_EXITS_H
