//===- Planes.cpp - which plane takes weights, and when they come ---------===//
//
// A plane has an array and one buffer. The load of the next weights may begin as
// soon as the buffer is free, long before anybody multiplies by them; the array
// takes them behind the last activation of those before.
//===----------------------------------------------------------------------===//
#include "Schedule/Scheduler.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace moe::lpu;

/// Streams by which a load of a plane can come begin here: each plane has a block
/// of its own, in which packed codes find two places, and tries the others after it.
static SmallVector<int, 2> firstLoadStreams(const Machine &machine,
                                            const Task &install,
                                            int64_t plane) {
  SmallVector<int, 2> result;
  int64_t first = firstLoadStream(machine, plane);
  int64_t streams = install.expands ? 8 : machine.mxm.streams;
  for (int64_t i = 0; i < machine.streams; i += streams)
    result.push_back(int((first + i) % machine.streams));
  return result;
}

/// The first stream of a free block, or -1.
int Scheduler::findLoadStreams(const Task &install, int half, int64_t plane,
                               int64_t cycle) const {
  const StreamTable &streams = chips[install.chip].streams[install.side][1];
  int64_t mxm = machine.position.mxm;
  for (int first : firstLoadStreams(machine, install, plane)) {
    bool isFree = true;
    for (const PortUse &use : install.ports) {
      if (use.node != half || use.sink >= 0)
        continue;
      uint32_t mask = 1u << (first + use.plane);
      int64_t column = machine.columnOf(use.slice);
      for (int64_t i = 0; i < use.times && isFree; ++i)
        isFree = !(streams.busy(cycle - mxm + i, column, mxm) & mask);
      if (!isFree)
        break;
    }
    if (isFree)
      return first;
  }
  return -1;
}

/// A stream for the map, which flows a little before the data; -1: none.
int Scheduler::findMapStream(const Task &install, int half, int64_t cycle,
                             int firstStream) const {
  const StreamTable &streams = chips[install.chip].streams[install.side][1];
  int64_t low = 0, high = 0, last = 0, vectors = 0;
  uint32_t own = 0;
  for (const PortUse &use : install.ports) {
    if (use.node != half)
      continue;
    int64_t column = machine.columnOf(use.slice);
    if (use.sink >= 0) {
      low = column;
      vectors = use.times;
      continue;
    }
    high = std::max(high, column);
    own |= 1u << (firstStream + use.plane);
    last = std::max(last, column);
  }
  // The map's streams must not be the data's.
  uint32_t busy = own;
  int64_t diagonal =
      cycle - machine.position.mxm - machine.latency.gather;
  for (int64_t i = 0; i < vectors; ++i)
    busy |= streams.busy(diagonal + i, low, high);
  uint32_t all = uint32_t((uint64_t(1) << machine.streams) - 1);
  return all & ~busy ? llvm::countr_zero(all & ~busy) : -1;
}

/// First cycle from `from` on in which a half can begin to load.
int64_t Scheduler::findLoad(const Task &install, int half, int64_t plane,
                            int64_t from, int &stream, int &mapStream) const {
  const Resources &chip = chips[install.chip];
  for (int64_t cycle = from;; ++cycle) {
    stream = findLoadStreams(install, half, plane, cycle);
    if (stream < 0)
      continue;
    bool isFree = true;
    for (const PortUse &use : install.ports)
      isFree &= use.node != half || chip.arePortsFree(use, cycle);
    if (isFree && install.map >= 0) {
      mapStream = findMapStream(install, half, cycle, stream);
      isFree = mapStream >= 0;
    }
    if (isFree)
      return cycle;
  }
}

void Scheduler::takeLoad(const Task &install, int half,
                         const Placement &placement) {
  Resources &chip = chips[install.chip];
  StreamTable &streams = chip.streams[install.side][1];
  int64_t cycle = placement.loads[half], mxm = machine.position.mxm;
  int64_t low = 0, high = 0;
  for (const PortUse &use : install.ports) {
    if (use.node != half)
      continue;
    chip.takePorts(use, cycle);
    int64_t column = machine.columnOf(use.slice);
    if (use.sink >= 0) {
      low = column;
      continue;
    }
    high = std::max(high, column);
    for (int64_t i = 0; i < use.times; ++i)
      streams.take(cycle - mxm + i, column, mxm,
                   1u << (placement.loadStreams[half] + use.plane));
  }
  for (int64_t i = 0; install.map >= 0 && i < loadCycles(); ++i)
    streams.take(cycle - mxm - machine.latency.gather + i, low, high,
                 1u << placement.mapStreams[half]);
}

/// The plane whose weights are done with first; if all are needed, one whose
/// weights come again later.
int Scheduler::choosePlane(const Task &install, const Task &user) const {
  const auto &ofSide = planes[install.side][install.chip];
  int64_t width = int64_t(install.buffers.size());
  int best = -1;
  std::pair<bool, int64_t> bestCost;
  for (int64_t p = 0; p + width <= int64_t(ofSide.size()); p += width) {
    std::pair<bool, int64_t> cost{false, 0};
    bool isNeeded = false;
    for (int64_t i = p; i < p + width; ++i) {
      const Plane &plane = ofSide[i];
      bool isHeld = plane.task >= 0 && planeOf[plane.task] >= 0;
      isNeeded |= isHeld && llvm::is_contained(user.installs, plane.task);
      cost.first |= isHeld && users[plane.task] > 0;
      int64_t loaded = plane.bufferFree + loadCycles();
      cost.second = std::max({cost.second, loaded,
                              plane.lastFed + machine.mxm.depth});
    }
    if (!isNeeded && (best < 0 || cost < bestCost)) {
      best = int(p);
      bestCost = cost;
    }
  }
  return best;
}

void Scheduler::placeInstall(int index, int plane) {
  const Task &task = program.tasks[index];
  auto &ofSide = planes[task.side][task.chip];
  Placement placement;
  placement.plane = plane;
  int64_t install = 0;
  for (size_t half = 0; half < task.buffers.size(); ++half) {
    Plane &each = ofSide[plane + half];
    placement.after = each.lastUser;
    int64_t from = std::max(each.bufferFree, earliest(task, int(half)));
    placement.loads[half] =
        findLoad(task, int(half), plane + int64_t(half), from,
                 placement.loadStreams[half],
                 placement.mapStreams[half]);
    takeLoad(task, int(half), placement);
    recordTouches(task, int(half), placement.loads[half]);
    install = std::max({install, placement.loads[half] + loadCycles(),
                        each.lastFed + machine.mxm.depth});
  }
  placement.install = install;
  placement.start = placement.loads[0];
  for (size_t half = 0; half < task.buffers.size(); ++half) {
    Plane &each = ofSide[plane + half];
    if (each.task >= 0)
      planeOf[each.task] = -1;
    each.task = index;
    each.ready = install + machine.latency.install;
    each.bufferFree = std::max(
        install + machine.latency.install,
        placement.loads[half] + loadCycles() + machine.mxm.overhead);
  }
  planeOf[index] = plane;
  finish(index, placement, install + 1);
}

LogicalResult Scheduler::ensureInstalled(int index, const Task &user) {
  if (planeOf[index] >= 0)
    return success();
  const Task &task = program.tasks[index];
  int plane = choosePlane(task, user);
  if (plane < 0)
    return user.op->emitError()
           << "cluster \"" << user.name << "\" can never be placed: it needs "
           << "more weights at once than the " << machine.mxm.planes
           << " planes of a hemisphere hold";
  schedule->reinstalls += users[index] < int(task.users.size());
  placeInstall(index, plane);
  return success();
}
