//===- Executable.h - a module's code with its kernels ----------*- C++ -*-===//
#ifndef MOERT_GPU_EXECUTABLE_H
#define MOERT_GPU_EXECUTABLE_H

#include "experts/PrefetchSwitch.h"
#include "gpu/Graphs.h"
#include "gpu/Inputs.h"
#include "gpu/KernelImage.h"
#include "gpu/OffloadBridge.h"
#include "native/CodeImage.h"

namespace moert::gpu {

class Executable {
public:
  /// Failures name the code's file.
  static Status create(const Device &device, const moert_code_t &code,
                       std::unique_ptr<Executable> *out);

  Status forward(const moert_abi_forward_t &args,
                 void (*trace)(void *host, int64_t op), void *host);
  void describeUse(moert_device_use_t *out) const;

private:
  explicit Executable(const Device &device)
      : device(device), pinned(device), inputs(device), graphs(device) {}
  Status takeMetadata(const moert_code_t &code);
  /// What the environment of the code points to, of one forward.
  struct Forward;
  Status runForward(const moert_abi_forward_t &args,
                    void (*trace)(void *host, int64_t op), void *host);
  Status runCode(Forward &forward);
  Status launchAll(Forward &forward);
  GraphKey keyOf(const Forward &forward) const;

  const Device &device;
  std::string origin; ///< for messages
  std::unique_ptr<CodeImage> code;
  std::unique_ptr<KernelImage> kernels;
  std::vector<uint64_t> metadata; ///< bytes, aligned
  const fb::Module *module = nullptr;
  PinnedArena pinned;
  Inputs inputs;
  std::unique_ptr<Parameters> parameters;
  std::unique_ptr<PrefetchSwitch> guessing;
  Graphs graphs;
};

} // namespace moert::gpu

#endif // MOERT_GPU_EXECUTABLE_H
