//===- Modules.cpp - kernels of loaded code -------------------------------===//
#include "Machine.h"

#include <link.h>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

namespace {
/// The segments of one shared object that nobody writes.
struct Constants {
  uintptr_t inside; ///< an address in the object
  std::vector<std::pair<const void *, uint64_t>> segments;
};
} // namespace

static int collectConstants(dl_phdr_info *info, size_t, void *argument) {
  auto &out = *static_cast<Constants *>(argument);
  std::vector<std::pair<const void *, uint64_t>> segments;
  bool isHere = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD)
      continue;
    uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    isHere |= out.inside - begin < header.p_memsz;
    if (!(header.p_flags & PF_W))
      segments.emplace_back(reinterpret_cast<const void *>(begin),
                            header.p_memsz);
  }
  if (isHere)
    out.segments = std::move(segments);
  return isHere;
}

static Status checkImage(const moert_gpu_image_t &image) {
  if (image.version != MOERT_GPU_VERSION)
    return makeStatus(MOERT_INCOMPATIBLE, "kernels of version ", image.version,
                      ", the emulator knows ", MOERT_GPU_VERSION);
  for (uint64_t i = 0; i < image.kernel_count; ++i)
    if (!image.kernels[i].emulated)
      return makeStatus(MOERT_INCOMPATIBLE, "kernel ", image.kernels[i].name,
                        " was not compiled for the emulator");
  return Status();
}

Status Machine::load(const moert_gpu_image_t &image, CuModule *out) {
  MOERT_RETURN_IF_ERROR(checkImage(image));
  CuModuleStorage *module = modules.make();
  module->image = &image;
  for (uint64_t i = 0; i < image.kernel_count; ++i)
    module->functions[image.kernels[i].name] = {&image.kernels[i],
                                                defaultSharedBytes};
  // Tables of constants lie beside the kernels.
  if (image.kernel_count) {
    Constants constants = {
        reinterpret_cast<uintptr_t>(image.kernels[0].emulated), {}};
    ::dl_iterate_phdr(collectConstants, &constants);
    for (auto [begin, bytes] : constants.segments) {
      emulator.getMemory().add(begin, bytes, /*writable=*/false);
      module->constants.push_back(begin);
    }
  }
  *out = module;
  return Status();
}

void Machine::unload(CuModule module) {
  schedule.finishAll();
  for (const void *begin : module->constants)
    emulator.getMemory().remove(begin);
  modules.remove(module);
}

CuResult Machine::run(const moert_gpu_kernel_t &kernel, uint32_t sharedBytes,
                      int64_t blocksX, int64_t blocksY,
                      const std::vector<uint64_t> &values) {
  // The kernel gets the memory that the launch asked for.
  moert_gpu_kernel_t launched = kernel;
  launched.shared_bytes = sharedBytes;
  std::vector<void *> parameters;
  for (const uint64_t &value : values)
    parameters.push_back(const_cast<uint64_t *>(&value));
  Status status = emulator.run(launched, blocksX, blocksY, parameters.data());
  if (status.ok())
    return CuSuccess;
  failure = status.message();
  constexpr CuResult misaligned = CuResult(716);
  switch (emulator.getFault()) {
  case Fault::Bounds:
    return CuIllegalAddress;
  case Fault::Misaligned:
    return misaligned;
  case Fault::Other:
    return CuLaunchFailed;
  case Fault::None:
    break;
  }
  return status.code() == MOERT_RESOURCE_EXHAUSTED ? CuOutOfMemory
                                                   : CuLaunchFailed;
}
