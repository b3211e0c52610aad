//===- Scheduler.h - tasks get their cycles, one after the other *- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_SCHEDULER_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_SCHEDULER_H

#include "Schedule/Placement.h"
#include <set>

namespace moe::lpu {

/// A task that has been placed. An install may be placed more than once.
struct PlacedTask {
  int task = 0;
  Placement placement;
};

struct Schedule {
  std::vector<PlacedTask> placed; ///< in the order of placement
  int64_t cycles = 0; ///< first cycle in which nothing is left to do
  int64_t reinstalls = 0;
};

/// List scheduling: of the tasks that wait for nobody, the one that should come
/// first is placed in the first cycle where everything that it needs is free.
class Scheduler {
public:
  /// `urgency` weighs what comes behind a task against when it can start.
  Scheduler(const ScheduleProgram &program, double urgency);
  mlir::LogicalResult run(Schedule &out);

private:
  struct Plane {
    int task = -1;           ///< whose weights are in the array
    int64_t bufferFree = 0;  ///< from which a load may begin
    int64_t ready = 0;       ///< from which activations see the array
    int64_t lastFed = INT64_MIN / 2;
    int lastUser = -1; ///< who fed it then
  };

  void becomeReady(int task);
  void release(const Task &task, int64_t start, bool users);
  mlir::LogicalResult placeCluster(int task);
  void placeTransfer(int task); // Transfers.cpp
  int64_t earliest(const Task &task, int half = 0) const;
  void recordTouches(const Task &task, int half, int64_t start);
  void finish(int task, const Placement &placement, int64_t end);

  // Planes.cpp
  mlir::LogicalResult ensureInstalled(int install, const Task &user);
  int choosePlane(const Task &install, const Task &user) const;
  int64_t findLoad(const Task &install, int half, int64_t plane, int64_t from,
                   int &stream, int &mapStream) const;
  int findLoadStreams(const Task &install, int half, int64_t plane,
                      int64_t cycle) const;
  int findMapStream(const Task &install, int half, int64_t cycle,
                    int firstStream) const;
  void takeLoad(const Task &install, int half, const Placement &placement);
  void placeInstall(int install, int plane);
  int64_t loadCycles() const {
    return machine.width() / machine.mxm.streams;
  }

  const ScheduleProgram &program;
  const Machine &machine;
  double urgency;
  int64_t begin; ///< first cycle after the barrier
  std::vector<Resources> chips;
  std::vector<std::vector<UnitTable>> wires; ///< by chip, link
  std::vector<std::vector<Plane>> planes[2]; ///< of a side: by chip, plane
  std::vector<int64_t> written, read;        ///< by cell: cycles
  std::vector<bool> isWritten;               ///< by buffer
  std::vector<int> waits;                    ///< by task: for how many
  std::vector<int> users;                    ///< by install: not placed yet
  std::vector<int64_t> ready;                ///< by task
  std::vector<int> planeOf;                  ///< by install; -1: in none
  std::set<std::pair<double, int>> queue;
  int64_t latest = 0; ///< first cycle behind all that is placed
  Schedule *schedule = nullptr;
};
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_SCHEDULER_H
