//===- Emulator.cpp - runs kernels on the host ----------------------------===//
#include "Emulator.h"

#include "base/OpenMP.h"
#include <algorithm>

using namespace moert;
using namespace moert::emulator;

Emulator::Emulator(int32_t threads, bool checksRaces)
    : threads(threads), checksRaces(checksRaces) {}

Status Emulator::check(const moert_gpu_kernel_t &kernel, int64_t blocksX,
                       int64_t blocksY) const {
  const char *name = kernel.name;
  if (!kernel.emulated)
    return makeStatus(MOERT_UNIMPLEMENTED, "kernel ", name,
                      " was not compiled for the emulator");
  if (kernel.threads == 0 || kernel.threads > maxThreads ||
      kernel.threads % warpSize)
    return makeStatus(MOERT_OUT_OF_RANGE, "kernel ", name, " has blocks of ",
                      kernel.threads, " threads: must be a multiple of ",
                      warpSize, " up to ", maxThreads);
  if (kernel.shared_bytes > maxSharedBytes)
    return makeStatus(MOERT_OUT_OF_RANGE, "kernel ", name, " needs ",
                      kernel.shared_bytes,
                      " bytes of shared memory, a block has ", maxSharedBytes);
  if (blocksX < 0 || blocksX > maxBlocksX || blocksY < 0 ||
      blocksY > maxBlocksY)
    return makeStatus(MOERT_OUT_OF_RANGE, "kernel ", name, ": ", blocksX, "x",
                      blocksY, " blocks requested, at most ", maxBlocksX, "x",
                      maxBlocksY, " are possible");
  return Status();
}

Status Emulator::prepare(const moert_gpu_kernel_t &kernel, size_t count) {
  while (workers.size() < count)
    workers.push_back(std::make_unique<Block>(memory, checksRaces));
  for (size_t i = 0; i < count; ++i)
    MOERT_RETURN_IF_ERROR(workers[i]->prepare(kernel));
  return Status();
}

Status Emulator::run(const moert_gpu_kernel_t &kernel, int64_t blocksX,
                     int64_t blocksY, void *const *parameters) {
  fault = Fault::None;
  MOERT_RETURN_IF_ERROR(check(kernel, blocksX, blocksY));
  int64_t blocks = blocksX * blocksY;
  if (blocks == 0)
    return Status();
  int32_t count = checksRaces || blocks == 1 ? 1 : std::max(threads, 1);
  MOERT_RETURN_IF_ERROR(prepare(kernel, static_cast<size_t>(count)));
  Launch launch;
  launch.kernel = &kernel;
  launch.parameters = parameters;
  launch.blocksX = blocksX;
  launch.blocksY = blocksY;
  if (count == 1) {
    workers[0]->run(launch);
  } else {
    // Whoever of the team there is takes blocks until none is left.
#pragma omp parallel num_threads(count)
    workers[static_cast<size_t>(omp_get_thread_num())]->run(launch);
  }
  const Failure &failure = launch.getFailure();
  fault = failure.fault;
  if (fault == Fault::None)
    return Status();
  return Status(fault == Fault::Other ? MOERT_INTERNAL : MOERT_OUT_OF_RANGE,
                failure.text);
}
