//===- Weights.h - where a session reads weights from -----------*- C++ -*-===//
#ifndef MOERT_SESSION_WEIGHTS_H
#define MOERT_SESSION_WEIGHTS_H

#include "session/Session.h"

namespace moert {

/// A copy of the module's weights in memory of the device, which has huge pages
/// where the machine has them: decoding reads weights from end to end, and is
/// held up by page walks of a mapped file. The copy stays empty where memory is
/// not ample (twice the weights), or weights are few; then the file is read.
Status copyWeights(const moert_module_t &module, const moert_driver_t &driver,
                   moert_device_t *device, int threads, DeviceMemory *out);

/// Bytes of all weights but experts, each aligned.
uint64_t denseBytes(const fb::Module &module);

/// Copies these out of the file to where forward takes them from, whatever
/// becomes of it later, and points their cells (in the module's order) there.
Status copyDenseWeights(const moert_module_t &module,
                        const moert_driver_t &driver, moert_device_t *device,
                        DeviceMemory *out, std::vector<const void *> *cells);

} // namespace moert

#endif // MOERT_SESSION_WEIGHTS_H
