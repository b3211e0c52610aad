//===- EmulatedCuda.h - the CUDA driver API, on the host --------*- C++ -*-===//
//
// All functions of the table work as the driver API says, on one device that is
// emulated. What they refuse they refuse as a real driver does, and a kernel
// that fails ends all that waits; unlike a real context, this one is then as
// new.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_EMULATOR_EMULATEDCUDA_H
#define MOERT_DRIVERS_EMULATOR_EMULATEDCUDA_H

#include "gpu/CudaApi.h"

namespace moert::emulator {

const gpu::CudaApi &getCudaApi();

// Parts of the table, one for each file.
void addDeviceCalls(gpu::CudaApi &api);
void addMemoryCalls(gpu::CudaApi &api);
void addStreamCalls(gpu::CudaApi &api);
void addModuleCalls(gpu::CudaApi &api);
void addGraphCalls(gpu::CudaApi &api);

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_EMULATEDCUDA_H
