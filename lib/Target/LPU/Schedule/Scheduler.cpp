//===- Scheduler.cpp - tasks get their cycles, one after the other --------===//
#include "Schedule/Scheduler.h"

using namespace mlir;
using namespace moe::lpu;

Scheduler::Scheduler(const ScheduleProgram &program, double urgency)
    : program(program), machine(program.machine), urgency(urgency),
      begin(program.machine.icu.barrier) {
  for (int64_t chip = 0; chip < program.chips; ++chip)
    chips.emplace_back(machine);
  wires.assign(program.chips, std::vector<UnitTable>(machine.c2c.links));
  for (auto &side : planes)
    side.assign(program.chips, std::vector<Plane>(machine.mxm.planes));
  written.assign(program.cells, 0);
  read.assign(program.cells, 0);
  isWritten.assign(program.buffers.size(), false);
  for (const Task &task : program.tasks) {
    for (const Touch &touch : task.touches)
      if (touch.writes)
        isWritten[touch.buffer] = true;
    waits.push_back(task.predecessors);
    users.push_back(int(task.users.size()));
  }
  ready.assign(program.tasks.size(), begin);
  planeOf.assign(program.tasks.size(), -1);
}

//===----------------------------------------------------------------------===//
// Who is next
//===----------------------------------------------------------------------===//

/// A cluster that waits for nobody queues; an install comes when its first user
/// does.
void Scheduler::becomeReady(int index) {
  const Task &task = program.tasks[index];
  if (task.isInstall)
    return release(task, ready[index], /*users=*/true);
  queue.insert({double(ready[index]) - urgency * double(task.height), index});
}

/// Lets successors go on: of an install those that multiply by it, or else those
/// that overwrite its weights in memory.
void Scheduler::release(const Task &task, int64_t start, bool users) {
  for (const Edge &edge : task.successors) {
    bool isUser =
        task.isInstall && llvm::is_contained(task.users, edge.task);
    if (isUser != users)
      continue;
    ready[edge.task] = std::max(ready[edge.task], start + edge.cycles);
    if (--waits[edge.task] == 0)
      becomeReady(edge.task);
  }
}

void Scheduler::finish(int index, const Placement &placement, int64_t end) {
  schedule->placed.push_back({index, placement});
  latest = std::max(latest, end);
}

//===----------------------------------------------------------------------===//
// Dependences
//===----------------------------------------------------------------------===//

/// First start for which all that is touched was written and read before.
int64_t Scheduler::earliest(const Task &task, int half) const {
  int64_t start = begin;
  for (const Touch &touch : task.touches)
    if (touch.half == half)
      start = std::max(start, begin - touch.first);
  for (const Touch &touch : task.touches) {
    if (touch.half != half || !isWritten[touch.buffer])
      continue;
    const PlacedBuffer &buffer = program.buffers[touch.buffer];
    for (int64_t i = 0; i < touch.times; ++i) {
      int64_t cell = buffer.cellOf(touch.index + i * touch.step);
      int64_t from = touch.writes ? std::max(written[cell], read[cell])
                                  : written[cell];
      start = std::max(start, from - touch.first - i * touch.every);
    }
  }
  return start;
}

void Scheduler::recordTouches(const Task &task, int half, int64_t start) {
  for (const Touch &touch : task.touches) {
    if (touch.half != half || !isWritten[touch.buffer])
      continue;
    const PlacedBuffer &buffer = program.buffers[touch.buffer];
    for (int64_t i = 0; i < touch.times; ++i) {
      int64_t cell = buffer.cellOf(touch.index + i * touch.step);
      int64_t &mark = touch.writes ? written[cell] : read[cell];
      mark = std::max(mark,
                      start + touch.last + i * touch.every + touch.done);
    }
  }
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

LogicalResult Scheduler::placeCluster(int index) {
  const Task &task = program.tasks[index];
  for (int install : task.installs)
    if (failed(ensureInstalled(install, task)))
      return failure();
  Placement placement;
  placement.units.assign(task.nodes.size(), -1);
  int64_t start = earliest(task);
  for (size_t n = 0; n < task.nodes.size(); ++n) {
    const Node &node = task.nodes[n];
    if (node.kind != NodeKind::Multiply)
      continue;
    placement.units[n] = planeOf[node.weights];
    const Plane &plane = planes[node.side][task.chip][placement.units[n]];
    start = std::max(start, plane.ready - node.time);
  }
  Resources &chip = chips[task.chip];
  ClusterPlacer placer(machine, task);
  int64_t length = task.end + (task.times - 1) * task.every;
  // Behind all that is placed everything is free.
  int64_t limit = std::max(latest, start) + 2 * length + 64;
  while (!placer.place(chip, start, placement))
    if (++start > limit)
      return task.op->emitError()
             << "cluster \"" << task.name << "\" can never be placed: "
             << placer.obstacle() << " are missing even when nothing else runs";
  ClusterPlacer::take(machine, task, placement, chip);
  recordTouches(task, 0, start);
  for (size_t n = 0; n < task.nodes.size(); ++n) {
    const Node &node = task.nodes[n];
    if (node.kind != NodeKind::Multiply)
      continue;
    int64_t pair = node.word.types % 16 == MOERT_LPU_F16 ? 2 : 1;
    for (int64_t p = 0; p < pair; ++p) {
      Plane &plane = planes[node.side][task.chip][placement.units[n] + p];
      int64_t fed = start + node.time + (task.times - 1) * task.every;
      if (fed >= plane.lastFed)
        plane.lastUser = index;
      plane.lastFed = std::max(plane.lastFed, fed);
    }
  }
  finish(index, placement, start + length);
  release(task, start, /*users=*/false);
  for (int install : task.installs)
    if (--users[install] == 0)
      release(program.tasks[install], ready[install], /*users=*/false);
  return success();
}

LogicalResult Scheduler::run(Schedule &out) {
  schedule = &out;
  for (int t = 0, e = int(program.tasks.size()); t < e; ++t)
    if (waits[t] == 0)
      becomeReady(t);
  while (!queue.empty()) {
    int next = queue.begin()->second;
    queue.erase(queue.begin());
    if (program.tasks[next].isTransfer)
      placeTransfer(next);
    else if (failed(placeCluster(next)))
      return failure();
  }
  out.cycles = latest;
  return success();
}
