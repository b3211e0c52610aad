//===- Driver.h - a driver over the CUDA driver API -------------*- C++ -*-===//
#ifndef MOERT_GPU_DRIVER_H
#define MOERT_GPU_DRIVER_H

#include "base/Status.h"
#include "gpu/CudaApi.h"
#include "moert/abi/driver.h"

namespace moert::gpu {

/// The table of functions that a driver uses, which lives forever; a failure
/// says why there is none.
using FindApi = Status (*)(const CudaApi **out);

moert_status_t probe(FindApi find, char *detail, size_t detailSize);
moert_status_t open(FindApi find, const moert_device_options_t *options,
                    moert_device_t **outDevice);
moert_status_t check(FindApi find, const moert_code_t *code);
/// All functions but those three.
moert_driver_t makeDriver(const char *name);

/// The driver of that name.
template <FindApi find> moert_driver_t makeDriver(const char *name) {
  moert_driver_t driver = makeDriver(name);
  driver.probe = [](char *detail, size_t detailSize) {
    return gpu::probe(find, detail, detailSize);
  };
  driver.open = [](const moert_device_options_t *options,
                   moert_device_t **outDevice) {
    return gpu::open(find, options, outDevice);
  };
  driver.check = [](const moert_code_t *code) {
    return gpu::check(find, code);
  };
  return driver;
}

} // namespace moert::gpu

#endif // MOERT_GPU_DRIVER_H
