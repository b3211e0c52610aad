//===- Program.cpp - buffers, clusters and installs are read --------------===//
#include "Schedule/Program.h"

using namespace mlir;
using namespace moe::lpu;

namespace {
/// Reads one program.
class Reader {
public:
  Reader(ProgramOp op, ScheduleProgram &program) : program(program) {
    program.op = op;
    program.chips = op.getChips();
  }
  LogicalResult read(const ProgramPiece &piece);

private:
  LogicalResult addBuffer(BufferOp op);
  LogicalResult addInstall(InstallOp op);
  LogicalResult addCluster(ClusterOp op);
  LogicalResult addTransfer(TransferOp op);
  LogicalResult addNode(Task &task, Operation &op);
  void addSink(Task &task, Operation *op, Value value, Value buffer,
               int64_t index, int64_t step, Value map);
  int nodeOf(Value value) const { return nodes.lookup(value); }
  void findDynamic();

  ScheduleProgram &program;
  llvm::DenseMap<Value, int> buffers, installs, nodes;
  llvm::DenseMap<Value, int> roots;
};
} // namespace

LogicalResult Reader::addBuffer(BufferOp op) {
  auto type = cast<VectorsType>(op.getType());
  PlacedBuffer buffer;
  buffer.op = op;
  buffer.chip = op.getChip();
  buffer.bytes = bytesOf(type.getElementType());
  buffer.count = type.getCount();
  PlaceAttr place = op.getPlaceAttr();
  if (!place)
    return op.emitError() << "buffer \"" << op.getName()
                          << "\" has no place yet";
  buffer.side = int(place.getSide());
  buffer.slices.assign(place.getSlices().begin(), place.getSlices().end());
  buffer.row = place.getRow();
  buffer.step = place.getStep();
  buffers[op.getResult()] = int(program.buffers.size());
  program.buffers.push_back(std::move(buffer));
  return success();
}

/// Sets what is dynamic, before anything is asked for its cells.
void Reader::findDynamic() {
  program.op.walk([&](Operation *op) {
    Value buffer;
    if (auto gather = dyn_cast<GatherOp>(op))
      buffer = gather.getBuffer();
    else if (auto scatter = dyn_cast<ScatterOp>(op))
      buffer = scatter.getBuffer();
    auto install = dyn_cast<InstallOp>(op);
    if (install && install.getMap()) {
      program.buffers[buffers.lookup(install.getBuffer())].isDynamic = true;
      buffer = install.getHigh();
    }
    if (buffer)
      program.buffers[buffers.lookup(buffer)].isDynamic = true;
  });
  for (PlacedBuffer &buffer : program.buffers) {
    buffer.firstCell = program.cells;
    program.cells += buffer.cells();
  }
}

LogicalResult Reader::addInstall(InstallOp op) {
  Task task;
  task.op = op;
  task.isInstall = true;
  task.name = op.getName().value_or("install").str();
  task.buffers.push_back(buffers.lookup(op.getBuffer()));
  if (op.getHigh())
    task.buffers.push_back(buffers.lookup(op.getHigh()));
  task.index = op.getIndex();
  if (op.getMap())
    task.map = buffers.lookup(op.getMap());
  task.expands = op.getExpand();
  const PlacedBuffer &buffer = program.buffers[task.buffers[0]];
  task.side = buffer.side;
  task.chip = buffer.chip;
  if (failed(shapeInstall(program, task)))
    return failure();
  installs[op.getResult()] = int(program.tasks.size());
  program.tasks.push_back(std::move(task));
  return success();
}

void Reader::addSink(Task &task, Operation *op, Value value, Value buffer,
                     int64_t index, int64_t step, Value map) {
  Sink sink;
  sink.op = op;
  sink.buffer = buffers.lookup(buffer);
  sink.index = index;
  sink.step = step;
  sink.map = map ? nodeOf(map) : -1;
  task.sinks.push_back(sink);
  task.root = nodeOf(value);
}

static uint8_t typesOf(Value source, Value result) {
  return typesField(cast<StreamType>(source.getType()).getElementType(),
                    cast<StreamType>(result.getType()).getElementType());
}

/// Lanes of each lane of a superlane, a nibble each.
static uint64_t packLanes(ArrayRef<int64_t> lanes) {
  uint64_t packed = 0;
  for (auto [i, lane] : llvm::enumerate(lanes))
    packed |= uint64_t(lane & 15) << (4 * i);
  return packed;
}

LogicalResult Reader::addNode(Task &task, Operation &op) {
  Node node;
  node.op = &op;
  node.word = makeInstruction(MOERT_LPU_NOP);
  auto setWord = [&](unsigned opcode, Value source) {
    node.word.opcode = uint8_t(opcode);
    node.word.types = typesOf(source, op.getResult(0));
  };
  if (auto read = dyn_cast<ReadOp>(op)) {
    node.word.opcode = MOERT_LPU_READ;
    node.buffer = buffers.lookup(read.getBuffer());
    node.index = read.getIndex();
    node.step = read.getStep();
  } else if (auto gather = dyn_cast<GatherOp>(op)) {
    node.kind = NodeKind::Gather;
    node.word.opcode = MOERT_LPU_GATHER;
    node.buffer = buffers.lookup(gather.getBuffer());
    node.index = gather.getIndex();
    node.step = gather.getStep();
    node.map = nodeOf(gather.getMap());
  } else if (auto alu = dyn_cast<AluOp>(op)) {
    node.kind = NodeKind::Alu;
    unsigned flag = alu.getSaturate() ? MOERT_LPU_FLAG : 0;
    setWord(unsigned(alu.getKind()) | flag, alu.getLhs());
    node.operands[0] = nodeOf(alu.getLhs());
    if (alu.getRhs())
      node.operands[1] = nodeOf(alu.getRhs());
  } else if (auto permute = dyn_cast<PermuteOp>(op)) {
    node.kind = NodeKind::Permute;
    setWord(MOERT_LPU_PERMUTE, permute.getValue());
    node.operands[0] = nodeOf(permute.getValue());
    node.map = nodeOf(permute.getMap());
  } else if (auto shift = dyn_cast<ShiftOp>(op)) {
    node.kind = NodeKind::Shift;
    setWord(MOERT_LPU_SHIFT, shift.getValue());
    node.operands[0] = nodeOf(shift.getValue());
    node.word.imm = uint64_t(shift.getSuperlanes());
  } else if (auto distribute = dyn_cast<DistributeOp>(op)) {
    node.kind = NodeKind::Distribute;
    setWord(MOERT_LPU_DISTRIBUTE, distribute.getValue());
    node.operands[0] = nodeOf(distribute.getValue());
    node.word.imm = packLanes(distribute.getLanes());
  } else if (auto multiply = dyn_cast<MultiplyOp>(op)) {
    node.kind = NodeKind::Multiply;
    setWord(MOERT_LPU_ABC, multiply.getValue());
    node.operands[0] = nodeOf(multiply.getValue());
    node.weights = installs.lookup(multiply.getWeights());
    if (!llvm::is_contained(task.installs, node.weights))
      task.installs.push_back(node.weights);
  } else {
    llvm_unreachable("an operation of clusters that is not known here");
  }
  auto type = cast<StreamType>(op.getResult(0).getType());
  node.bytes = bytesOf(type.getElementType());
  nodes[op.getResult(0)] = int(task.nodes.size());
  task.nodes.push_back(node);
  return success();
}

/// The tree below one node, of which only it and its leaves remain.
static int copyTree(const Task &from, Task &to, int node) {
  Node copy = from.nodes[node];
  for (int &operand : copy.operands)
    if (operand >= 0)
      operand = copyTree(from, to, operand);
  if (copy.map >= 0)
    copy.map = copyTree(from, to, copy.map);
  to.nodes.push_back(copy);
  return int(to.nodes.size()) - 1;
}

LogicalResult Reader::addCluster(ClusterOp op) {
  Task all;
  all.op = op;
  all.name = op.getName().value_or("cluster").str();
  all.times = op.getTimes();
  all.every = op.getEvery();
  nodes.clear();
  for (Operation &each : op.getBody().front()) {
    if (auto write = dyn_cast<WriteOp>(each))
      for (int64_t copy = 0; copy < int64_t(write.getCopies()); ++copy) {
        addSink(all, write, write.getValue(), write.getBuffer(),
                write.getIndex() + copy, write.getStep(), {});
        all.sinks.back().byte = write.getByte().value_or(-1);
      }
    else if (auto scatter = dyn_cast<ScatterOp>(each))
      addSink(all, scatter, scatter.getValue(), scatter.getBuffer(),
              scatter.getIndex(), scatter.getStep(), scatter.getMap());
    else if (failed(addNode(all, each)))
      return failure();
  }
  all.chip = program.buffers[all.sinks[0].buffer].chip;
  // A result leaves the VXM on one side; both sides take two trees, of which
  // the one that writes what they read comes last.
  int first = 0;
  for (const Sink &sink : all.sinks)
    for (const Node &node : all.nodes)
      if (node.buffer == sink.buffer && program.buffers[sink.buffer].side == 0)
        first = 1;
  for (int side : {first, 1 - first}) {
    Task task = all;
    task.nodes.clear();
    task.sinks.clear();
    for (const Sink &sink : all.sinks)
      if (program.buffers[sink.buffer].side == side)
        task.sinks.push_back(sink);
    if (task.sinks.empty())
      continue;
    task.root = copyTree(all, task, all.root);
    for (Sink &sink : task.sinks)
      if (sink.map >= 0)
        sink.map = copyTree(all, task, sink.map);
    if (failed(shapeTree(program, task)) ||
        failed(checkRepetitions(program, task)))
      return failure();
    for (int install : task.installs)
      program.tasks[install].users.push_back(int(program.tasks.size()));
    program.tasks.push_back(std::move(task));
  }
  return success();
}

LogicalResult Reader::addTransfer(TransferOp op) {
  Task task;
  task.op = op;
  task.isTransfer = true;
  task.name = op.getName().value_or("transfer").str();
  task.transfer.source = buffers.lookup(op.getSource());
  task.transfer.target = buffers.lookup(op.getTarget());
  if (failed(shapeTransfer(program, task)))
    return failure();
  program.tasks.push_back(std::move(task));
  return success();
}

LogicalResult Reader::read(const ProgramPiece &piece) {
  for (BufferOp op : program.op.getOps<BufferOp>())
    if (failed(addBuffer(op)))
      return failure();
  findDynamic();
  for (Operation *step : piece.steps) {
    Operation &op = *step;
    if (auto install = dyn_cast<InstallOp>(op)) {
      if (failed(addInstall(install)))
        return failure();
    } else if (auto cluster = dyn_cast<ClusterOp>(op)) {
      if (failed(addCluster(cluster)))
        return failure();
    } else if (auto transfer = dyn_cast<TransferOp>(op)) {
      if (failed(addTransfer(transfer)))
        return failure();
    }
  }
  return success();
}

std::vector<ProgramPiece> moe::lpu::cutProgram(ProgramOp op) {
  std::vector<ProgramPiece> pieces(1);
  for (Operation &each : op.getBody().front()) {
    if (isa<ClusterOp, InstallOp, TransferOp>(each))
      pieces.back().steps.push_back(&each);
    auto boundary = dyn_cast<BoundaryOp>(each);
    if (!boundary)
      continue;
    pieces.back().name = boundary.getName().str();
    pieces.back().score = boundary.getScore();
    pieces.emplace_back();
  }
  pieces.back().name = "step";
  return pieces;
}

LogicalResult moe::lpu::readProgram(ProgramOp op, const ProgramPiece &piece,
                                    ScheduleProgram &program) {
  llvm::Expected<Machine> machine = findMachine(op.getMachine());
  if (!machine)
    return op.emitError() << llvm::toString(machine.takeError());
  program.machine = std::move(*machine);
  program.isPiece = !op.getOps<BoundaryOp>().empty();
  return Reader(op, program).read(piece);
}
