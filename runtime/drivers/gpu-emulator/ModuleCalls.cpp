//===- ModuleCalls.cpp - loading and launching kernels --------------------===//
#include "ApiCalls.h"

#include <cstdio>
#include <cstring>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

/// PTX and cubins are for other devices.
static CuResult loadData(CuModule *, const void *image, unsigned count,
                         CuJitOption *options, void **values) {
  return withMachine([&](Machine &) {
    char *log = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == CuJitErrorLogBuffer)
        log = static_cast<char *>(values[i]);
      if (options[i] == CuJitErrorLogBufferBytes)
        size = reinterpret_cast<uintptr_t>(values[i]);
    }
    if (log && size)
      std::snprintf(log, size, "the emulated GPU runs neither PTX nor cubins");
    return image ? CuNoBinaryForGpu : CuInvalidValue;
  });
}

static CuResult loadImage(CuModule *module, const moert_gpu_image_t *image,
                          char *log, size_t size) {
  return withMachine([&](Machine &machine) {
    if (CuResult result = machine.forbidCaptures(); result != CuSuccess)
      return result;
    Status status = machine.load(*image, module);
    if (status.ok())
      return CuSuccess;
    if (log && size)
      std::snprintf(log, size, "%s", status.message());
    return CuNoBinaryForGpu;
  });
}

static CuResult unload(CuModule module) {
  return withMachine([&](Machine &machine) {
    if (!machine.modules.has(module))
      return CuInvalidHandle;
    if (CuResult result = machine.forbidCaptures(); result != CuSuccess)
      return result;
    machine.unload(module);
    return CuSuccess;
  });
}

static CuResult getFunction(CuFunction *function, CuModule module,
                            const char *name) {
  return withMachine([&](Machine &machine) {
    if (!machine.modules.has(module))
      return CuInvalidHandle;
    auto found = module->functions.find(name);
    if (found == module->functions.end())
      return CuNotFound;
    *function = &found->second;
    return CuSuccess;
  });
}

static CuResult setAttribute(CuFunction function, CuFunctionAttribute attribute,
                             int value) {
  return withMachine([&](Machine &) {
    if (attribute != CuFunctionMaxDynamicShared || value < 0 ||
        value > int(maxSharedBytes))
      return CuInvalidValue;
    function->maxShared = value;
    return CuSuccess;
  });
}

static CuResult getAttribute(int *value, CuFunctionAttribute attribute,
                             CuFunction function) {
  return withMachine([&](Machine &) {
    switch (attribute) {
    case CuFunctionMaxThreads:
      *value = static_cast<int>(function->kernel->threads);
      return CuSuccess;
    case CuFunctionMaxDynamicShared:
      *value = function->maxShared;
      return CuSuccess;
    case CuFunctionSharedBytes:
    case CuFunctionLocalBytes:
    case CuFunctionRegisters:
      *value = 0;
      return CuSuccess;
    }
    return CuInvalidValue;
  });
}

/// Values of the parameters, each in eight bytes.
static std::vector<uint64_t> copyParameters(const moert_gpu_kernel_t &kernel,
                                            void **parameters) {
  std::vector<uint64_t> values(kernel.parameter_count);
  for (uint32_t i = 0; i < kernel.parameter_count; ++i)
    std::memcpy(&values[i], parameters[i], kernel.parameter_bytes[i]);
  return values;
}

static CuResult launch(CuFunction function, unsigned blocksX, unsigned blocksY,
                       unsigned blocksZ, unsigned threadsX, unsigned threadsY,
                       unsigned threadsZ, unsigned sharedBytes, CuStream stream,
                       void **parameters, void **extra) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (!function)
      return CuInvalidHandle;
    const moert_gpu_kernel_t &kernel = *function->kernel;
    if (blocksX == 0 || blocksX > maxBlocksX || blocksY == 0 ||
        blocksY > maxBlocksY || blocksZ != 1)
      return CuInvalidValue;
    // Kernels count on the size of their blocks.
    if (threadsX != kernel.threads || threadsY != 1 || threadsZ != 1)
      return CuInvalidValue;
    if (sharedBytes > unsigned(function->maxShared))
      return CuInvalidValue;
    if (extra || (kernel.parameter_count && !parameters))
      return CuInvalidValue;
    auto values = copyParameters(kernel, parameters);
    Machine *on = &machine;
    return machine.enqueue(
        in, makeAction([=, &kernel, values = std::move(values)] {
          return on->run(kernel, sharedBytes, blocksX, blocksY, values);
        }));
  });
}

void emulator::addModuleCalls(CudaApi &api) {
  api.cuModuleLoadDataEx = loadData;
  api.moert_emulator_load_image = loadImage;
  api.cuModuleUnload = unload;
  api.cuModuleGetFunction = getFunction;
  api.cuFuncSetAttribute = setAttribute;
  api.cuFuncGetAttribute = getAttribute;
  api.cuLaunchKernel = launch;
}
