//===- KernelImage.cpp - the kernels of a module, on a device -------------===//
#include "gpu/KernelImage.h"

#include <cstring>

using namespace moert;
using namespace moert::gpu;

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static constexpr uint64_t mostKernels = uint64_t(1) << 20;
static constexpr uint32_t mostParameters = 512; // of 8 bytes: 4 KiB in all

template <typename... Parts> static Status damaged(const Parts &...parts) {
  return makeStatus(MOERT_DATA_LOSS, "code ", parts...);
}

static Status checkKernel(const moert_gpu_kernel_t &kernel, uint64_t index) {
  if (!kernel.name || !*kernel.name)
    return damaged("has no name for kernel ", index);
  auto wrong = [&](const auto &...parts) {
    return damaged("has a kernel ", kernel.name, " with ", parts...);
  };
  if (kernel.threads == 0 || kernel.threads % 32 != 0 || kernel.threads > 1024)
    return wrong("blocks of ", kernel.threads,
                 " threads, must be a multiple of 32 up to 1024");
  if (kernel.shared_bytes > uint32_t(INT32_MAX))
    return wrong(kernel.shared_bytes, " bytes of shared memory, must be up to ",
                 INT32_MAX);
  if (kernel.parameter_count > mostParameters)
    return wrong(kernel.parameter_count, " parameters, must be up to ",
                 mostParameters);
  if (kernel.parameter_count && !kernel.parameter_bytes)
    return wrong(kernel.parameter_count, " parameters and no sizes of them");
  for (uint32_t i = 0; i < kernel.parameter_count; ++i)
    if (uint32_t bytes = kernel.parameter_bytes[i]; bytes != 4 && bytes != 8)
      return wrong("a parameter of ", bytes, " bytes, must be 4 or 8");
  return Status();
}

Status gpu::checkImage(const moert_gpu_image_t *image) {
  if (!image)
    return makeStatus(MOERT_INCOMPATIBLE,
                      "has no kernels for a GPU: its code "
                      "has no symbol ",
                      MOERT_GPU_IMAGE_SYMBOL);
  if (image->version != MOERT_GPU_VERSION)
    return makeStatus(MOERT_INCOMPATIBLE, "code has kernels of version ",
                      image->version, ", this runtime knows ",
                      MOERT_GPU_VERSION);
  if (image->size < sizeof(*image))
    return damaged("has a table of kernels of ", image->size,
                   " bytes, must be at least ", sizeof(*image));
  if (image->ptx ? !image->ptx_size || image->ptx[image->ptx_size - 1]
                 : image->ptx_size)
    return damaged("has PTX of ", image->ptx_size,
                   " bytes that does not end with 0");
  if (!image->cubin != !image->cubin_size)
    return damaged("has a cubin of ", image->cubin_size,
                   " bytes that is not there");
  if (image->compute_capability && !image->ptx && !image->cubin)
    return damaged("has no kernels for compute capability ",
                   versionText(int(image->compute_capability)));
  if (image->kernel_count > mostKernels)
    return damaged("has ", image->kernel_count, " kernels, must be up to ",
                   mostKernels);
  if (image->kernel_count && !image->kernels)
    return damaged("has ", image->kernel_count, " kernels and no list of them");
  for (uint64_t i = 0; i < image->kernel_count; ++i)
    MOERT_RETURN_IF_ERROR(checkKernel(image->kernels[i], i));
  return Status();
}

Status gpu::checkCapability(int needed, const DeviceFacts &facts) {
  if (needed <= facts.capability)
    return Status();
  return makeStatus(MOERT_INCOMPATIBLE, "needs compute capability ",
                    versionText(needed), ", ", facts.name, " has ",
                    versionText(facts.capability));
}

//===----------------------------------------------------------------------===//
// KernelImage
//===----------------------------------------------------------------------===//

/// What a compiler wrote, in one line.
static std::string oneLine(const char *log, size_t size) {
  std::string line;
  for (size_t i = 0; i < size && log[i]; ++i) {
    const bool isSpace = log[i] == '\n' || log[i] == '\r' || log[i] == '\t';
    if (!isSpace)
      line += log[i];
    else if (!line.empty() && line.back() != ' ')
      line += log[i] == '\t' ? " " : "; ";
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == ';'))
    line.pop_back();
  return line;
}

static std::string cudaVersion(const DeviceFacts &facts) {
  return std::to_string(facts.version / 1000) + "." +
         std::to_string(facts.version % 1000 / 10);
}

Status KernelImage::loadPtx() {
  char log[4096] = "";
  CuJitOption options[] = {CuJitErrorLogBuffer, CuJitErrorLogBufferBytes};
  void *values[] = {log, pointerTo(sizeof(log) - 1)};
  const CuResult result =
      device.api.cuModuleLoadDataEx(&module, image->ptx, 2, options, values);
  if (result == CuUnsupportedPtxVersion)
    return makeStatus(MOERT_INCOMPATIBLE, "kernels are PTX ",
                      versionText(int(image->ptx_version)),
                      ", the driver, of CUDA ", cudaVersion(device.facts),
                      ", is too old for that");
  Status status = statusOf(device.api, result, "compile the kernels");
  const std::string said = oneLine(log, sizeof(log));
  if (!status || said.empty())
    return status;
  return makeStatus(status.code(), status.message(), ": ", said);
}

Status KernelImage::loadModule() {
  const CudaApi &api = device.api;
  if (api.moert_emulator_load_image) {
    for (uint64_t i = 0; i < image->kernel_count; ++i)
      if (!image->kernels[i].emulated)
        return makeStatus(MOERT_INCOMPATIBLE, "kernel ", image->kernels[i].name,
                          " is not compiled for the emulator");
    char log[4096] = "";
    CuResult result =
        api.moert_emulator_load_image(&module, image, log, sizeof(log));
    Status status = statusOf(api, result, "load the kernels");
    const std::string said = oneLine(log, sizeof(log));
    return !status || said.empty()
               ? std::move(status)
               : makeStatus(status.code(), status.message(), ": ", said);
  }
  if (image->compute_capability == 0)
    return makeStatus(MOERT_INCOMPATIBLE,
                      "has kernels for the emulator only, this is ",
                      device.facts.name);
  const int made = int(image->compute_capability);
  MOERT_RETURN_IF_ERROR(checkCapability(made, device.facts));
  if (image->cubin && made == device.facts.capability) {
    CuResult result =
        api.cuModuleLoadDataEx(&module, image->cubin, 0, nullptr, nullptr);
    if (result == CuSuccess || !image->ptx)
      return statusOf(api, result, "load the kernels");
  }
  if (!image->ptx)
    return makeStatus(MOERT_INCOMPATIBLE, "has kernels for compute capability ",
                      versionText(made), " and no PTX, ", device.facts.name,
                      " has ", versionText(device.facts.capability));
  return loadPtx();
}

/// More than this a kernel may use only if it says so.
static constexpr uint32_t usualSharedBytes = 48 << 10;

Status KernelImage::findFunctions() {
  const CudaApi &api = device.api;
  functions.resize(image->kernel_count);
  for (uint64_t i = 0; i < image->kernel_count; ++i) {
    const moert_gpu_kernel_t &kernel = image->kernels[i];
    CuResult result =
        api.cuModuleGetFunction(&functions[i], module, kernel.name);
    if (result == CuNotFound)
      return makeStatus(MOERT_DATA_LOSS, "code has no kernel ", kernel.name);
    MOERT_RETURN_IF_ERROR(statusOf(api, result, "find a kernel"));
    if (kernel.shared_bytes > uint32_t(device.facts.sharedBytes))
      return makeStatus(MOERT_INCOMPATIBLE, "kernel ", kernel.name, " needs ",
                        kernel.shared_bytes, " bytes of shared memory, ",
                        device.facts.name, " has ", device.facts.sharedBytes);
    if (kernel.shared_bytes > usualSharedBytes)
      MOERT_RETURN_IF_ERROR(statusOf(
          api,
          api.cuFuncSetAttribute(functions[i], CuFunctionMaxDynamicShared,
                                 int(kernel.shared_bytes)),
          "grant a kernel shared memory"));
  }
  return Status();
}

Status KernelImage::load(const Device &device, const moert_gpu_image_t *image,
                         std::unique_ptr<KernelImage> *out) {
  MOERT_RETURN_IF_ERROR(checkImage(image));
  std::unique_ptr<KernelImage> loaded(new KernelImage(device, image));
  MOERT_RETURN_IF_ERROR(loaded->loadModule());
  MOERT_RETURN_IF_ERROR(loaded->findFunctions());
  *out = std::move(loaded);
  return Status();
}

KernelImage::~KernelImage() {
  if (module)
    device.api.cuModuleUnload(module);
}

Status KernelImage::launch(int64_t kernel, int64_t blocksX, int64_t blocksY,
                           void *const *parameters) const {
  if (kernel < 0 || kernel >= int64_t(functions.size()))
    return makeStatus(MOERT_INTERNAL, "kernel ", kernel,
                      " is launched, the code has ", functions.size());
  constexpr int64_t mostX = INT32_MAX, mostY = 65535;
  const moert_gpu_kernel_t &described = image->kernels[kernel];
  if (blocksX < 0 || blocksY < 0 || blocksX > mostX || blocksY > mostY)
    return makeStatus(MOERT_INTERNAL, "kernel ", described.name,
                      " is launched with ", blocksX, " times ", blocksY,
                      " blocks, must be up to ", mostX, " times ", mostY);
  if (blocksX == 0 || blocksY == 0)
    return Status();
  CuResult result = device.api.cuLaunchKernel(
      functions[size_t(kernel)], unsigned(blocksX), unsigned(blocksY), 1,
      described.threads, 1, 1, described.shared_bytes, device.compute,
      const_cast<void **>(parameters), nullptr);
  if (result == CuSuccess)
    return Status();
  Status status = statusOf(device.api, result, "launch it");
  return makeStatus(status.code(), "kernel ", described.name, ": ",
                    status.message());
}
