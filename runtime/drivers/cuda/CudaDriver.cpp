//===- CudaDriver.cpp - runs code for GPUs on the first NVIDIA GPU --------===//
#include "gpu/Driver.h"

#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>

using namespace moert;
using namespace moert::gpu;

/// Fills the table. What a library lacks is said by its name.
static Status findFunctions(void *library, const std::string &name,
                            CudaApi *api) {
  auto find = [&](auto &pointer, const char *symbol) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(
        ::dlsym(library, symbol));
    return pointer != nullptr;
  };
#define F(function, parameters)                                                \
  if (!find(api->function, #function))                                         \
    return makeStatus(MOERT_UNAVAILABLE, name, " has no function " #function);
  MOERT_CUDA_FUNCTIONS(F)
#undef F
#define F(function, result, parameters) find(api->function, #function);
  MOERT_CUDA_EXTENSIONS(F)
#undef F
  return Status();
}

/// The functions of libcuda, or of the library that MOERT_LIBCUDA names. One
/// that was loaded stays: its threads may run until the process ends.
static Status findCuda(const CudaApi **out) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const CudaApi>> loaded;
  const char *chosen = std::getenv("MOERT_LIBCUDA");
  const std::string name = chosen && *chosen ? chosen : "libcuda.so.1";
  std::lock_guard lock(mutex);
  std::unique_ptr<const CudaApi> &cell = loaded[name];
  if (!cell) {
    void *library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return makeStatus(MOERT_UNAVAILABLE,
                        "cannot load the NVIDIA driver: ", ::dlerror());
    auto api = std::make_unique<CudaApi>();
    Status status = findFunctions(library, name, api.get());
    if (status) {
      ::dlclose(library);
      return status;
    }
    cell = std::move(api);
  }
  *out = cell.get();
  return Status();
}

extern "C" const moert_driver_t *moert_driver_cuda(void) {
  static const moert_driver_t driver = makeDriver<findCuda>("cuda");
  return &driver;
}
