//===- Launch.h - a kernel that is being run --------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_LAUNCH_H
#define MOERT_DRIVERS_EMULATOR_LAUNCH_H

#include "moert/abi/gpu.h"
#include <atomic>
#include <mutex>
#include <string>

namespace moert::emulator {

inline constexpr uint32_t warpSize = 32;
inline constexpr uint32_t maxThreads = 1024; ///< of a block
inline constexpr uint32_t maxWarps = maxThreads / warpSize;
/// Dynamic shared memory of a block: what compute capability 8.0 has.
inline constexpr uint32_t maxSharedBytes = 163 << 10;
inline constexpr int64_t maxBlocksX = INT32_MAX, maxBlocksY = 65535;

/// What kernels do that no kernel may do.
enum class Fault {
  None,
  Bounds, ///< an address outside of all memory
  Misaligned,
  Other
};

struct Failure {
  Fault fault = Fault::None;
  int64_t block = 0;
  std::string text; ///< one line
};

/// Shared by all who take blocks of it.
struct Launch {
  const moert_gpu_kernel_t *kernel = nullptr;
  void *const *parameters = nullptr;
  int64_t blocksX = 0, blocksY = 0;
  std::atomic<int64_t> next = 0; ///< block that nobody has taken
  std::atomic<bool> failed = false;

  /// Of several failures the one of the first block counts.
  void fail(Failure failure) {
    std::lock_guard<std::mutex> guard(lock);
    if (first.fault == Fault::None || failure.block < first.block)
      first = std::move(failure);
    failed.store(true, std::memory_order_relaxed);
  }
  const Failure &getFailure() const { return first; }

private:
  std::mutex lock;
  Failure first;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_LAUNCH_H
