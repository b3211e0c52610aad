//===- Work.h - what waits to be done on the device -------------*- C++ -*-===//
//
// Nothing runs when it is asked for: a piece of work is done when somebody
// waits for it, or for something behind it. Only streams and events order
// pieces, so a program that forgot to wait reads what is not there yet. By
// default pieces run as late as they may; with a seed, in any order that is
// allowed, as chance has it.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_EMULATOR_WORK_H
#define MOERT_DRIVERS_EMULATOR_WORK_H

#include "gpu/CudaApi.h"
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace moert::emulator {

/// What a piece of work does. Graphs do the same again and again.
using Action = std::shared_ptr<const std::function<gpu::CuResult()>>;

struct Work;
using WorkRef = std::shared_ptr<Work>;

struct Work {
  Action action;               ///< null: it only marks a place
  std::vector<WorkRef> before; ///< what must be done first
  bool isDone = false;
  std::chrono::steady_clock::time_point time; ///< when it was done
};

class Schedule {
public:
  /// With a seed the order is one that is allowed.
  explicit Schedule(std::optional<uint64_t> seed) : seed(seed) {
    if (seed)
      random.seed(*seed);
  }
  ~Schedule() { drop(); }

  /// Null references in `before` are nothing to wait for.
  WorkRef add(Action action, std::vector<WorkRef> before);
  /// Does what must be done for this to be done. Null: nothing.
  void finish(const WorkRef &work);
  void finishAll();
  /// Does at most one piece on the way to this.
  void advance(const WorkRef &work);
  /// What failed since the last call. Whatever was waiting when it failed is
  /// never done.
  gpu::CuResult takeFailure() { return std::exchange(failure, gpu::CuSuccess); }

private:
  bool perform(Work &work);
  void performAny();
  void drop();

  std::deque<WorkRef> pending; ///< as they were added; some may be done
  size_t enough = 64;          ///< pending pieces to look for done ones
  std::vector<Work *> path;
  std::optional<uint64_t> seed;
  std::mt19937_64 random;
  gpu::CuResult failure = gpu::CuSuccess;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_WORK_H
