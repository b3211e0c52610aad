//===- GpuEmulatorDriver.cpp - runs code for GPUs on the host -------------===//
#include "EmulatedCuda.h"
#include "gpu/Driver.h"

using namespace moert;
using namespace moert::gpu;

static Status findEmulator(const CudaApi **out) {
  *out = &emulator::getCudaApi();
  return Status();
}

extern "C" const moert_driver_t *moert_driver_gpu_emulator(void) {
  static const moert_driver_t driver = makeDriver<findEmulator>("gpu-emulator");
  return &driver;
}
