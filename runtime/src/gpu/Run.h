//===- Run.h - one forward under way ----------------------------*- C++ -*-===//
#ifndef MOERT_GPU_RUN_H
#define MOERT_GPU_RUN_H

#include "gpu/Staging.h"

namespace moert::gpu {

/// Compiled code cannot be told of failures: the first one stays here, and
/// whatever comes behind it does nothing.
class Run {
public:
  Run(const Device &device, PinnedArena &pinned,
      const moert_abi_forward_t &args)
      : device(device), pinned(pinned), args(args) {}

  bool hasFailed() const { return !first.ok(); }
  void note(Status status) {
    if (status && first.ok())
      first = std::move(status);
  }
  Status takeFailure() { return std::move(first); }

  /// A copy of what the kernels that were launched leave at an address of the
  /// device, there after wait(); null after a failure.
  template <typename T> T *fetch(const T *from, int64_t count) {
    return static_cast<T *>(fetchBytes(from, uint64_t(count) * sizeof(T)));
  }
  /// Waits for all that was launched; false after a failure.
  bool wait();
  /// Copies to the device, for kernels that are launched from now on. `from`
  /// may change afterwards.
  void give(void *to, const void *from, uint64_t bytes);
  /// Pinned, for the rest of the forward; null after a failure.
  void *room(uint64_t bytes);

  const Device &device;
  PinnedArena &pinned;
  const moert_abi_forward_t &args; ///< the session's

private:
  void *fetchBytes(const void *from, uint64_t bytes);
  Status first;
};

} // namespace moert::gpu

#endif // MOERT_GPU_RUN_H
