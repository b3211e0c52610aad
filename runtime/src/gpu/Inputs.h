//===- Inputs.h - a batch on the device -------------------------*- C++ -*-===//
#ifndef MOERT_GPU_INPUTS_H
#define MOERT_GPU_INPUTS_H

#include "gpu/Run.h"

namespace moert::gpu {

/// The arrays of a batch and its logits, in memory of the device that stays.
class Inputs {
public:
  explicit Inputs(const Device &device) : arrays(device), logits(device) {}

  /// Copies the batch; `out` becomes the run's arguments with addresses of the
  /// device, but for parameters and tables of functions.
  Status bring(Run &run, uint64_t logitBytes, moert_abi_forward_t *out);
  /// Copies the logits to the session's; waits.
  Status takeLogits(Run &run, uint64_t logitBytes);

private:
  DeviceBlock arrays, logits;
};

} // namespace moert::gpu

#endif // MOERT_GPU_INPUTS_H
