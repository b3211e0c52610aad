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

} // namespace moert

#endif // MOERT_SESSION_WEIGHTS_H
