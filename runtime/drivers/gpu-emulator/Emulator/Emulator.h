//===- Emulator.h - runs kernels on the host --------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_EMULATOR_H
#define MOERT_DRIVERS_EMULATOR_EMULATOR_H

#include "Block.h"

namespace moert::emulator {

/// Runs one launch at a time; one thread calls. Blocks run at the same time on
/// up to `threads` threads, or, where races are looked for, one after the
/// other.
class Emulator {
public:
  explicit Emulator(int32_t threads = 1, bool checksRaces = false);

  /// Only while nothing runs.
  void setThreads(int32_t count) { threads = count; }
  /// What kernels may touch.
  MemoryMap &getMemory() { return memory; }

  /// Runs all blocks. After a failure, which names the kernel, the block, the
  /// thread and the instruction, memory holds what was written before.
  Status run(const moert_gpu_kernel_t &kernel, int64_t blocksX, int64_t blocksY,
             void *const *parameters);
  /// What kind of failure the last run was.
  Fault getFault() const { return fault; }

private:
  Status check(const moert_gpu_kernel_t &kernel, int64_t blocksX,
               int64_t blocksY) const;
  Status prepare(const moert_gpu_kernel_t &kernel, size_t workers);

  int32_t threads;
  const bool checksRaces;
  Fault fault = Fault::None;
  MemoryMap memory;
  std::vector<std::unique_ptr<Block>> workers; ///< one for each thread
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_EMULATOR_H
