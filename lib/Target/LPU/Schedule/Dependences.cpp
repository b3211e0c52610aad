//===- Dependences.cpp - who waits for whom, vector by vector -------------===//
#include "Schedule/Program.h"
#include <limits>

using namespace mlir;
using namespace moe::lpu;

namespace {
/// What the tasks so far did to a vector, in cycles of their own.
struct Cell {
  int writer = -1;
  int64_t written = 0;
  llvm::SmallVector<std::pair<int, int64_t>, 2> readers;
};

class Dependences {
public:
  explicit Dependences(ScheduleProgram &program)
      : program(program), cells(size_t(program.cells)) {}
  void find();

private:
  void addTouch(int task, const Touch &touch);
  void addEdge(int from, int to, int64_t cycles);
  void measureHeights();

  ScheduleProgram &program;
  std::vector<Cell> cells;
  std::vector<bool> isWritten; ///< by buffer
  /// Of the task at hand: from whom, and how many cycles.
  llvm::DenseMap<int, int64_t> incoming;
};
} // namespace

void Dependences::addEdge(int from, int to, int64_t cycles) {
  if (from < 0 || from == to)
    return;
  auto [place, isNew] = incoming.try_emplace(from, cycles);
  place->second = std::max(place->second, cycles);
}

void Dependences::addTouch(int task, const Touch &touch) {
  if (!isWritten[touch.buffer])
    return;
  const PlacedBuffer &buffer = program.buffers[touch.buffer];
  for (int64_t i = 0; i < touch.times; ++i) {
    Cell &cell = cells[buffer.cellOf(touch.index + i * touch.step)];
    int64_t first = touch.first + i * touch.every;
    int64_t done = touch.last + i * touch.every + touch.done;
    addEdge(cell.writer, task, cell.written - first);
    if (!touch.writes) {
      bool isKnown = !cell.readers.empty() && cell.readers.back().first == task;
      if (isKnown)
        cell.readers.back().second = std::max(cell.readers.back().second, done);
      else
        cell.readers.push_back({task, done});
      continue;
    }
    for (auto [reader, end] : cell.readers)
      addEdge(reader, task, end - first);
    cell.readers.clear();
    cell.written = cell.writer == task ? std::max(cell.written, done) : done;
    cell.writer = task;
  }
}

void Dependences::find() {
  isWritten.assign(program.buffers.size(), false);
  for (const Task &task : program.tasks)
    for (const Touch &touch : task.touches)
      if (touch.writes)
        isWritten[touch.buffer] = true;
  const Machine &machine = program.machine;
  int64_t load = machine.width() / machine.mxm.streams;
  for (int t = 0, e = int(program.tasks.size()); t < e; ++t) {
    Task &task = program.tasks[t];
    incoming.clear();
    for (bool writes : {false, true})
      for (const Touch &touch : task.touches)
        if (touch.writes == writes)
          addTouch(t, touch);
    for (const Node &node : task.nodes)
      if (node.kind == NodeKind::Multiply)
        addEdge(node.weights, t, load + machine.latency.install - node.time);
    llvm::SmallVector<std::pair<int, int64_t>> sorted(incoming.begin(),
                                                      incoming.end());
    llvm::sort(sorted);
    for (auto [from, cycles] : sorted)
      program.tasks[from].successors.push_back({t, cycles});
    task.predecessors = int(sorted.size());
  }
  measureHeights();
}

void Dependences::measureHeights() {
  for (Task &task : llvm::reverse(program.tasks)) {
    task.height = task.end + (task.times - 1) * task.every;
    for (const Edge &edge : task.successors)
      task.height = std::max(task.height,
                             edge.cycles + program.tasks[edge.task].height);
  }
}

void moe::lpu::findDependences(ScheduleProgram &program) {
  Dependences(program).find();
}

LogicalResult moe::lpu::checkRepetitions(const ScheduleProgram &program,
                                         const Task &task) {
  struct State {
    int64_t written = std::numeric_limits<int64_t>::min();
    int64_t read = std::numeric_limits<int64_t>::min();
  };
  llvm::DenseMap<int64_t, State> states;
  llvm::DenseMap<int, bool> written;
  for (const Touch &touch : task.touches)
    written[touch.buffer] |= touch.writes;
  for (int64_t i = 0; i < task.times; ++i)
    for (bool writes : {false, true})
      for (const Touch &touch : task.touches) {
        if (touch.writes != writes || !written.lookup(touch.buffer))
          continue;
        const PlacedBuffer &buffer = program.buffers[touch.buffer];
        State &state = states[buffer.cellOf(touch.index + i * touch.step)];
        int64_t first = touch.first + i * touch.every;
        int64_t done = touch.last + i * touch.every + touch.done;
        int64_t needed =
            writes ? std::max(state.written, state.read) : state.written;
        if (first < needed)
          return task.op->emitError()
                 << "repetition " << i << " of \"" << task.name << "\" "
                 << (writes ? "writes" : "reads") << " vector "
                 << touch.index + i * touch.step << " of \""
                 << BufferOp(buffer.op).getName() << "\" in cycle " << first
                 << ", those before it are done in cycle " << needed;
        int64_t &mark = writes ? state.written : state.read;
        mark = std::max(mark, done);
      }
  return success();
}
