//===- Install.cpp - which slices give a plane its weights, and when ------===//
#include "Schedule/Program.h"
#include <limits>

using namespace mlir;
using namespace moe::lpu;

/// Streams that a load takes: packed codes are 7 bits of each two weights.
static int64_t streamsOf(const Machine &machine, const Task &task) {
  return task.expands ? machine.mxm.streams * 7 / 16 : machine.mxm.streams;
}

/// Ports of one half, relative to the cycle in which the load begins.
static void addHalf(const ScheduleProgram &program, Task &task, int half) {
  const Machine &machine = program.machine;
  const PlacedBuffer &buffer = program.buffers[task.buffers[half]];
  int64_t streams = streamsOf(machine, task);
  int64_t cycles = machine.width() / machine.mxm.streams;
  int64_t latency =
      task.map >= 0 ? machine.latency.gather : machine.latency.read;
  for (int64_t stream = 0; stream < streams; ++stream) {
    PortUse use;
    use.side = buffer.side;
    use.slice = buffer.sliceOf(task.index + stream, 0);
    use.time = machine.columnOf(use.slice) - machine.position.mxm - latency;
    use.times = cycles;
    use.row = buffer.rowOf(task.index + stream);
    use.rowStep = buffer.step;
    int64_t last = use.row + (cycles - 1) * use.rowStep;
    int64_t low = task.map >= 0 ? buffer.row : use.row;
    if (task.map >= 0)
      last = buffer.rowOf(buffer.count - 1);
    use.banks = 0;
    for (int64_t bank = low / machine.mem.rows; bank <= last / machine.mem.rows;
         ++bank)
      use.banks |= 1 << bank;
    use.node = half;
    use.plane = stream;
    task.ports.push_back(use);
    Touch touch{task.buffers[half], task.index + stream, streams, false};
    touch.first = touch.last = use.time;
    touch.done = task.map >= 0 ? machine.latency.gather : 1;
    touch.times = cycles;
    touch.half = half;
    task.touches.push_back(touch);
  }
}

/// The map flows outward with the data, `gather` cycles before it.
static LogicalResult addMap(const ScheduleProgram &program, Task &task,
                            int half) {
  const Machine &machine = program.machine;
  const PlacedBuffer &map = program.buffers[task.map];
  PortUse use;
  use.side = map.side;
  use.slice = map.sliceOf(0, 0);
  int64_t column = machine.columnOf(use.slice);
  for (int64_t slice : program.buffers[task.buffers[half]].slices)
    if (machine.columnOf(slice) < column)
      return task.op->emitError()
             << "map lies in column " << column << ", weights in column "
             << machine.columnOf(slice) << ", which it cannot flow to";
  use.time = column - machine.position.mxm - machine.latency.gather -
             machine.latency.read;
  use.times = machine.width() / machine.mxm.streams;
  use.row = map.rowOf(0);
  use.banks = 1 << (use.row / machine.mem.rows);
  use.node = half;
  use.sink = task.map;
  task.ports.push_back(use);
  Touch touch{task.map, 0, 0, false};
  touch.first = touch.last = use.time;
  touch.times = use.times;
  touch.half = half;
  task.touches.push_back(touch);
  return success();
}

LogicalResult moe::lpu::shapeInstall(const ScheduleProgram &program,
                                     Task &task) {
  const Machine &machine = program.machine;
  for (auto [half, index] : llvm::enumerate(task.buffers)) {
    const PlacedBuffer &buffer = program.buffers[index];
    int64_t streams = streamsOf(machine, task);
    if (buffer.groups() != streams)
      return task.op->emitError()
             << "weights in \"" << BufferOp(buffer.op).getName() << "\" lie in "
             << buffer.groups() << " slices, a load takes " << streams;
    addHalf(program, task, int(half));
    if (task.map >= 0 && failed(addMap(program, task, int(half))))
      return failure();
  }
  return success();
}
