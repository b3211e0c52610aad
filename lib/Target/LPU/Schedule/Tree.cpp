//===- Tree.cpp - when what of a cluster happens, but for its start -------===//
//
// A tree is laid out from its root upward: who takes a value says where it must be
// when, and so when it is made. A value that cannot flow to who takes it goes through
// an ALU: streams end at the VXM, and only there they turn.
//===----------------------------------------------------------------------===//
#include "Schedule/Program.h"
#include <limits>

using namespace mlir;
using namespace moe::lpu;

namespace {

/// Who takes a value: the VXM, the SXM or MXM of a side, or memory of a side.
enum class Place : uint8_t { Vxm, Sxm, Mxm, Memory };

class TreeShaper {
public:
  TreeShaper(const ScheduleProgram &program, Task &task)
      : program(program), machine(program.machine), task(task) {}
  LogicalResult shape();

private:
  LogicalResult resolve(int index, Place place, int side);
  LogicalResult adapt(int &index, Place place, int side);
  bool flows(const Node &node, Place place, int side, bool &outward) const;
  bool flowsToSinks(const Node &node, bool &outward) const;
  int addPass(int index);
  int sideOfSwitch(const Node &node, Place place, int side) const;

  void setTimes();
  void timeToken(int index, int64_t time, int64_t column);
  void timeAlu(int index, int64_t time);
  void timeSinkMap(int map, int64_t diagonal, const Sink &sink);
  int addToken(int index, int64_t diagonal);
  void reach(int token, int64_t column, int uses);
  void addPorts(int node, int sink, int buffer, int64_t index, int64_t step,
                bool outward, int64_t diagonal, int64_t latency);
  void startAtZero();
  bool delay(int read);
  bool delayOneRead();
  LogicalResult checkMap(Operation *op, int map, int buffer, bool outward);
  LogicalResult checkMaps();
  LogicalResult checkPorts();
  void findMeetings();

  std::pair<int64_t, int64_t> columnsOf(int buffer) const;
  int64_t latencyOf(const Node &node) const;
  const PlacedBuffer &bufferOf(int index) const {
    return program.buffers[index];
  }

  const ScheduleProgram &program;
  const Machine &machine;
  Task &task;
};
} // namespace

std::pair<int64_t, int64_t> TreeShaper::columnsOf(int buffer) const {
  int64_t low = std::numeric_limits<int64_t>::max(), high = 0;
  for (int64_t slice : bufferOf(buffer).slices) {
    low = std::min(low, machine.columnOf(slice));
    high = std::max(high, machine.columnOf(slice));
  }
  return {low, high};
}

int64_t TreeShaper::latencyOf(const Node &node) const {
  switch (node.kind) {
  case NodeKind::Read:
    return machine.latency.read;
  case NodeKind::Gather:
    return machine.latency.gather;
  case NodeKind::Alu:
    return machine.latency.alu;
  case NodeKind::Permute:
    return machine.latency.permute;
  case NodeKind::Shift:
    return machine.latency.shift;
  case NodeKind::Distribute:
    return machine.latency.distribute;
  case NodeKind::Multiply:
    return machine.latency.mxmResult;
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// Sides
//===----------------------------------------------------------------------===//

/// Whether what flows from a node comes past all sinks, and on which way.
bool TreeShaper::flowsToSinks(const Node &node, bool &outward) const {
  int64_t low = std::numeric_limits<int64_t>::max(), high = 0;
  for (const Sink &sink : task.sinks) {
    auto [first, last] = columnsOf(sink.buffer);
    low = std::min(low, first);
    high = std::max(high, last);
  }
  outward = node.kind == NodeKind::Alu;
  if (node.kind != NodeKind::Read && node.kind != NodeKind::Gather)
    return true;
  auto [first, last] = columnsOf(node.buffer);
  outward = last <= low;
  return outward || high <= first;
}

/// Whether a node's result can flow to who takes it.
bool TreeShaper::flows(const Node &node, Place place, int side,
                       bool &outward) const {
  bool isAlu = node.kind == NodeKind::Alu;
  outward = isAlu;
  if (place == Place::Vxm) {
    outward = false;
    return true;
  }
  if (isAlu)
    return true;
  if (node.side != side)
    return false;
  if (place == Place::Memory)
    return flowsToSinks(node, outward);
  bool isFromMemory =
      node.kind == NodeKind::Read || node.kind == NodeKind::Gather;
  outward = isFromMemory || place == Place::Mxm;
  return place == Place::Sxm || node.kind != NodeKind::Multiply;
}

/// The SXM that suits who gives it its operands, or who takes its result.
int TreeShaper::sideOfSwitch(const Node &node, Place place, int side) const {
  if (node.map >= 0)
    return bufferOf(task.nodes[node.map].buffer).side;
  const Node &operand = task.nodes[node.operands[0]];
  switch (operand.kind) {
  case NodeKind::Read:
  case NodeKind::Gather:
    return bufferOf(operand.buffer).side;
  case NodeKind::Multiply:
    return program.tasks[operand.weights].side;
  case NodeKind::Permute:
  case NodeKind::Shift:
  case NodeKind::Distribute:
    return sideOfSwitch(operand, place, side);
  case NodeKind::Alu:
    break;
  }
  return place == Place::Vxm ? bufferOf(task.sinks[0].buffer).side : side;
}

int TreeShaper::addPass(int index) {
  Node pass;
  pass.kind = NodeKind::Alu;
  pass.op = task.nodes[index].op;
  pass.word = makeInstruction(MOERT_LPU_PASS);
  pass.bytes = task.nodes[index].bytes;
  auto type = cast<StreamType>(pass.op->getResult(0).getType());
  pass.word.types = typesField(type.getElementType(), type.getElementType());
  pass.operands[0] = index;
  task.nodes.push_back(pass);
  return int(task.nodes.size()) - 1;
}

/// Chooses a node's side and those of all below it.
LogicalResult TreeShaper::resolve(int index, Place place, int side) {
  Node node = task.nodes[index];
  switch (node.kind) {
  case NodeKind::Gather:
    node.side = bufferOf(node.buffer).side;
    task.nodes[node.map].side = node.side;
    break;
  case NodeKind::Read:
    node.side = bufferOf(node.buffer).side;
    break;
  case NodeKind::Alu:
    node.side = side;
    for (int &operand : node.operands)
      if (operand >= 0 && failed(adapt(operand, Place::Vxm, -1)))
        return failure();
    break;
  case NodeKind::Multiply:
    node.side = program.tasks[node.weights].side;
    if (failed(adapt(node.operands[0], Place::Mxm, node.side)))
      return failure();
    break;
  case NodeKind::Permute:
    node.side = sideOfSwitch(node, place, side);
    task.nodes[node.map].side = node.side;
    task.nodes[node.map].outward = true;
    if (failed(adapt(node.operands[0], Place::Sxm, node.side)))
      return failure();
    break;
  case NodeKind::Shift:
  case NodeKind::Distribute:
    node.side = sideOfSwitch(node, place, side);
    if (failed(adapt(node.operands[0], Place::Sxm, node.side)))
      return failure();
    break;
  }
  task.nodes[index] = node;
  return success();
}

/// Resolves a node, and puts an ALU between it and who takes it if need be.
LogicalResult TreeShaper::adapt(int &index, Place place, int side) {
  if (failed(resolve(index, place, side)))
    return failure();
  bool outward = false;
  if (flows(task.nodes[index], place, side, outward)) {
    task.nodes[index].outward = outward;
    return success();
  }
  task.nodes[index].outward = false;
  index = addPass(index);
  task.nodes[index].side = side;
  task.nodes[index].outward = true;
  return success();
}

//===----------------------------------------------------------------------===//
// Times
//===----------------------------------------------------------------------===//

int TreeShaper::addToken(int index, int64_t diagonal) {
  Token token;
  token.side = task.nodes[index].side;
  token.outward = task.nodes[index].outward;
  token.diagonal = diagonal;
  token.bytes = task.nodes[index].bytes;
  token.low = std::numeric_limits<int64_t>::max();
  task.nodes[index].token = int(task.tokens.size());
  task.tokens.push_back(token);
  return task.nodes[index].token;
}

/// A token must be alive in a column, where so many take it.
void TreeShaper::reach(int index, int64_t column, int uses) {
  Token &token = task.tokens[index];
  token.low = std::min(token.low, column);
  token.high = std::max(token.high, column);
  token.uses += uses;
}

/// Ports of an access to a buffer by what flows on a diagonal. A vector of another
/// group lies in other slices, so repetitions may go through several.
void TreeShaper::addPorts(int node, int sink, int bufferIndex, int64_t index,
                          int64_t step, bool outward, int64_t diagonal,
                          int64_t latency) {
  const PlacedBuffer &buffer = bufferOf(bufferIndex);
  const bool writes = sink >= 0;
  const int64_t firstPlane =
      writes && task.sinks[sink].byte >= 0 ? task.sinks[sink].byte : 0;
  int64_t groups = buffer.groups(), strands = 1;
  while (strands < task.times && step * strands % groups != 0)
    ++strands;
  Touch touch{bufferIndex, index, step, writes};
  touch.first = std::numeric_limits<int64_t>::max();
  touch.last = std::numeric_limits<int64_t>::min();
  touch.times = task.times;
  touch.every = task.every;
  bool isIndirect = node >= 0 ? task.nodes[node].kind == NodeKind::Gather
                              : task.sinks[sink].map >= 0;
  touch.done = writes && !isIndirect ? machine.latency.write
               : isIndirect          ? machine.latency.gather
                                     : 1;
  for (int64_t strand = 0; strand < strands; ++strand) {
    int64_t first = index + strand * step;
    int64_t next = first + strands * step;
    for (int64_t plane = 0; plane < buffer.bytes; ++plane) {
      PortUse use;
      use.side = buffer.side;
      use.slice = buffer.sliceOf(first, plane);
      use.writes = writes;
      int64_t column = machine.columnOf(use.slice);
      use.time = (outward ? diagonal + column : diagonal - column) - latency;
      touch.first = std::min(touch.first, use.time);
      touch.last = std::max(touch.last, use.time);
      use.time += strand * task.every;
      use.times = (task.times - strand + strands - 1) / strands;
      use.every = strands * task.every;
      use.first = strand;
      use.stride = strands;
      use.row = buffer.rowOf(first);
      use.rowStep = use.times > 1 ? buffer.rowOf(next) - use.row : 0;
      int64_t lastRow = use.row + (use.times - 1) * use.rowStep;
      int64_t low = std::min(use.row, lastRow), high = std::max(use.row, lastRow);
      if (isIndirect) {
        low = buffer.row;
        high = buffer.rowOf(buffer.count - 1);
      }
      use.banks = 0;
      for (int64_t bank = low / machine.mem.rows; bank <= high / machine.mem.rows;
           ++bank)
        use.banks |= 1 << bank;
      use.node = node;
      use.sink = sink;
      use.plane = firstPlane + plane;
      task.ports.push_back(use);
    }
  }
  task.touches.push_back(touch);
}

/// An ALU's dispatch, and with it all below it.
void TreeShaper::timeAlu(int index, int64_t time) {
  task.nodes[index].time = time;
  for (int operand : task.nodes[index].operands) {
    if (operand < 0)
      continue;
    if (task.nodes[operand].kind == NodeKind::Alu)
      timeAlu(operand, time - machine.latency.alu);
    else
      timeToken(operand, time - machine.latency.vxmEntry, 0);
  }
}

/// A node whose result is at a column in a cycle, and all below it.
void TreeShaper::timeToken(int index, int64_t time, int64_t column) {
  Node &node = task.nodes[index];
  int64_t diagonal = node.outward ? time - column : time + column;
  int token = addToken(index, diagonal);
  reach(token, column, 1);
  auto madeAt = [&](int64_t place) {
    reach(token, place, 0);
    node.time = (node.outward ? diagonal + place : diagonal - place) -
                latencyOf(node);
    return node.time;
  };
  switch (node.kind) {
  case NodeKind::Read:
  case NodeKind::Gather: {
    auto [low, high] = columnsOf(node.buffer);
    reach(token, low, 0);
    reach(token, high, 0);
    addPorts(index, -1, node.buffer, node.index, node.step, node.outward,
             diagonal, latencyOf(node));
    if (node.kind == NodeKind::Read)
      return;
    // The map flows from its slice past those of the buffer, or against the
    // data, if they lie in one column.
    int map = node.map;
    auto [mapLow, mapHigh] = columnsOf(task.nodes[map].buffer);
    task.nodes[map].outward = mapHigh <= low;
    int64_t taken = (node.outward ? diagonal + low : diagonal - low) -
                    machine.latency.gather;
    int bytes = int(bufferOf(node.buffer).bytes);
    timeToken(map, taken, low);
    reach(task.nodes[map].token, high, bytes - 1);
    return;
  }
  case NodeKind::Alu:
    timeAlu(index, madeAt(1));
    return;
  case NodeKind::Multiply:
    timeToken(node.operands[0], madeAt(machine.position.mxm),
              machine.position.mxm);
    return;
  case NodeKind::Permute: {
    int map = node.map, operand = node.operands[0];
    int64_t taken = madeAt(machine.position.sxm);
    timeToken(operand, taken, machine.position.sxm);
    timeToken(map, taken, machine.position.sxm);
    return;
  }
  case NodeKind::Shift:
  case NodeKind::Distribute:
    timeToken(node.operands[0], madeAt(machine.position.sxm),
              machine.position.sxm);
    return;
  }
}

/// A map that is at each slice of a sink when the data is.
void TreeShaper::timeSinkMap(int map, int64_t diagonal, const Sink &sink) {
  Node &root = task.nodes[task.root];
  auto [low, high] = columnsOf(sink.buffer);
  auto [mapLow, mapHigh] = columnsOf(task.nodes[map].buffer);
  task.nodes[map].side = bufferOf(sink.buffer).side;
  task.nodes[map].outward = mapHigh <= low;
  timeToken(map, root.outward ? diagonal + low : diagonal - low, low);
  reach(task.nodes[map].token, high, int(bufferOf(sink.buffer).bytes) - 1);
}

void TreeShaper::setTimes() {
  task.tokens.clear();
  task.ports.clear();
  task.touches.clear();
  // The root's token is at the first sink in cycle 0.
  auto [column, last] = columnsOf(task.sinks[0].buffer);
  timeToken(task.root, 0, column);
  int token = task.nodes[task.root].token;
  task.tokens[token].uses = 0;
  bool outward = task.nodes[task.root].outward;
  int64_t diagonal = task.tokens[token].diagonal;
  int uses[4] = {};
  for (auto [i, sink] : llvm::enumerate(task.sinks)) {
    auto [low, high] = columnsOf(sink.buffer);
    reach(token, low, 0);
    reach(token, high, 0);
    // Uses count by byte plane.
    for (int64_t plane = 0; plane < 4; ++plane)
      if (sink.byte < 0 || sink.byte == plane)
        task.tokens[token].uses =
            std::max(task.tokens[token].uses, ++uses[plane]);
    addPorts(-1, int(i), sink.buffer, sink.index, sink.step, outward, diagonal,
             0);
    if (sink.map >= 0)
      timeSinkMap(sink.map, diagonal, sink);
  }
  startAtZero();
}

/// Moves all times so that the first dispatch is in cycle 0.
void TreeShaper::startAtZero() {
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t most = std::numeric_limits<int64_t>::min();
  auto cover = [&](int64_t time) {
    least = std::min(least, time);
    most = std::max(most, time);
  };
  for (const PortUse &use : task.ports)
    cover(use.time - use.first * task.every);
  for (const Node &node : task.nodes)
    if (node.kind != NodeKind::Read && node.kind != NodeKind::Gather)
      cover(node.time);
  for (PortUse &use : task.ports)
    use.time -= least;
  for (Node &node : task.nodes)
    node.time -= least;
  for (Token &token : task.tokens)
    token.diagonal -= least;
  for (Touch &touch : task.touches) {
    touch.first -= least;
    touch.last -= least;
  }
  task.begin = 0;
  task.end = most - least + 1;
}

//===----------------------------------------------------------------------===//
// A tree that meets itself
//===----------------------------------------------------------------------===//

/// Whether two sequences of cycles have one in common.
static bool meet(int64_t a, int64_t aTimes, int64_t aEvery, int64_t b,
                 int64_t bTimes, int64_t bEvery) {
  if (aTimes > bTimes)
    return meet(b, bTimes, bEvery, a, aTimes, aEvery);
  for (int64_t i = 0; i < aTimes; ++i) {
    int64_t distance = a + i * aEvery - b;
    if (distance >= 0 && distance % bEvery == 0 && distance / bEvery < bTimes)
      return true;
  }
  return false;
}

static bool collide(const PortUse &a, const PortUse &b) {
  if (a.side != b.side || a.slice != b.slice)
    return false;
  if (a.writes != b.writes && !(a.banks & b.banks))
    return false;
  return meet(a.time, a.times, a.every, b.time, b.times, b.every);
}

/// An ALU between a read and who takes it; false if nobody does who could wait.
bool TreeShaper::delay(int read) {
  for (size_t taker = 0; read >= 0 && taker < task.nodes.size(); ++taker)
    for (int which : {0, 1}) {
      if (task.nodes[taker].operands[which] != read)
        continue;
      int pass = addPass(read);
      task.nodes[read].outward = false;
      task.nodes[pass].side = task.nodes[taker].side;
      task.nodes[pass].outward = true;
      task.nodes[taker].operands[which] = pass;
      return true;
    }
  return false;
}

/// Delays one of two accesses to a slice in the same cycle by an ALU; false if
/// there is nothing to delay.
bool TreeShaper::delayOneRead() {
  for (size_t i = 0; i < task.ports.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      PortUse a = task.ports[i], b = task.ports[j];
      bool isSame = a.node == b.node && a.sink == b.sink;
      if (!isSame && collide(a, b) && (delay(a.node) || delay(b.node)))
        return true;
    }
  return false;
}

LogicalResult TreeShaper::checkPorts() {
  for (size_t i = 0; i < task.ports.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (const PortUse &a = task.ports[i], &b = task.ports[j]; collide(a, b)) {
        auto nameOf = [&](const PortUse &use) {
          int buffer = use.node >= 0 ? task.nodes[use.node].buffer
                                     : task.sinks[use.sink].buffer;
          return BufferOp(bufferOf(buffer).op).getName();
        };
        return task.op->emitError()
               << "cluster \"" << task.name << "\" can never be placed: it "
               << (a.writes == b.writes ? a.writes ? "writes " : "reads "
                                        : "reads and writes ")
               << "\"" << nameOf(b) << "\" and \"" << nameOf(a)
               << "\" in one cycle in slice " << a.slice;
      }
  for (const Node &node : task.nodes)
    for (const Node &other : task.nodes)
      if (&node < &other && node.kind == NodeKind::Multiply &&
          other.kind == NodeKind::Multiply && node.weights == other.weights &&
          meet(node.time, task.times, task.every, other.time, task.times,
               task.every))
        return task.op->emitError()
               << "cluster \"" << task.name
               << "\" can never be placed: two activations come to its "
                  "weights in cycle "
               << node.time << " and " << other.time << " of repetitions "
               << task.every << " cycles apart";
  return success();
}

/// Finds tokens of which repetitions are in one place at once.
void TreeShaper::findMeetings() {
  task.meets.assign(task.tokens.size(), {});
  for (size_t i = 0; i < task.tokens.size(); ++i)
    for (size_t j = 0; j < task.tokens.size(); ++j) {
      const Token &a = task.tokens[i], &b = task.tokens[j];
      bool together = i != j && a.side == b.side && a.outward == b.outward &&
                      a.low <= b.high && b.low <= a.high;
      int64_t distance = std::abs(a.diagonal - b.diagonal);
      if (together && distance % task.every == 0 &&
          distance / task.every < task.times)
        task.meets[i].push_back(int(j));
    }
}

/// Maps of gathers and scatters must be at each slice when it takes them.
LogicalResult TreeShaper::checkMap(Operation *op, int map, int buffer,
                                   bool outward) {
  const Node &node = task.nodes[map];
  auto [low, high] = columnsOf(buffer);
  auto [mapLow, mapHigh] = columnsOf(node.buffer);
  bool follows = outward ? mapHigh <= low : mapLow >= high;
  if (low == high || follows)
    return success();
  return op->emitError() << "map in column " << mapLow
                         << " cannot flow with data of columns " << low
                         << " to " << high;
}

LogicalResult TreeShaper::checkMaps() {
  for (Node &node : task.nodes) {
    if (node.kind == NodeKind::Gather &&
        failed(checkMap(node.op, node.map, node.buffer, node.outward)))
      return failure();
  }
  for (const Sink &sink : task.sinks)
    if (sink.map >= 0 &&
        failed(checkMap(sink.op, sink.map, sink.buffer,
                        task.nodes[task.root].outward)))
      return failure();
  return success();
}

LogicalResult TreeShaper::shape() {
  if (failed(adapt(task.root, Place::Memory,
                   bufferOf(task.sinks[0].buffer).side)))
    return failure();
  if (failed(checkMaps()))
    return failure();
  setTimes();
  for (int64_t i = 0; i < machine.vxm.alus && delayOneRead(); ++i) {
    if (failed(checkMaps()))
      return failure();
    setTimes();
  }
  if (failed(checkPorts()))
    return failure();
  findMeetings();
  return success();
}

LogicalResult moe::lpu::shapeTree(const ScheduleProgram &program, Task &task) {
  return TreeShaper(program, task).shape();
}
