//===- KernelImage.h - the kernels of a module, on a device -----*- C++ -*-===//
#ifndef MOERT_GPU_KERNELIMAGE_H
#define MOERT_GPU_KERNELIMAGE_H

#include "gpu/Device.h"
#include <vector>

namespace moert::gpu {

/// Whether what the code's table says can be true. The failures of this file
/// have no file in front.
Status checkImage(const moert_gpu_image_t *image);

/// Whether kernels for this compute capability run on the device.
Status checkCapability(int needed, const DeviceFacts &facts);

class KernelImage {
public:
  /// `image` must outlive it.
  static Status load(const Device &device, const moert_gpu_image_t *image,
                     std::unique_ptr<KernelImage> *out);
  ~KernelImage();
  KernelImage(const KernelImage &) = delete;
  KernelImage &operator=(const KernelImage &) = delete;

  /// Enqueues a kernel, as moert_abi_gpu_t::launch says.
  Status launch(int64_t kernel, int64_t blocksX, int64_t blocksY,
                void *const *parameters) const;

private:
  KernelImage(const Device &device, const moert_gpu_image_t *image)
      : device(device), image(image) {}
  Status loadModule();
  Status loadPtx();
  Status findFunctions();

  const Device &device;
  const moert_gpu_image_t *image;
  CuModule module = nullptr;
  std::vector<CuFunction> functions;
};

} // namespace moert::gpu

#endif // MOERT_GPU_KERNELIMAGE_H
