//===- Claims.cpp - what everything is computed from ----------------------===//
#include "Schedule/Claims.h"

using namespace mlir;
using namespace moe::lpu;

uint32_t moe::lpu::fold(ArrayRef<uint32_t> numbers) {
  uint32_t result = 0;
  for (uint32_t number : numbers)
    result = moert_lpu_mix(result, number);
  return result;
}

Claims::Claims(const ScheduleProgram &program) : program(program) {
  cells.resize(program.cells);
  for (auto [number, buffer] : llvm::enumerate(program.buffers))
    for (int64_t i = 0; i < buffer.cells(); ++i)
      cells[buffer.firstCell + i] =
          fold({buffer.isDynamic ? 2u : 1u, uint32_t(number), uint32_t(i)});
}

uint32_t Claims::outputs() const {
  uint32_t folded = 0;
  for (const PlacedBuffer &buffer : program.buffers) {
    BufferKind kind = BufferOp(buffer.op).getKind();
    if (kind != BufferKind::Output && kind != BufferKind::State &&
        !(program.isPiece && kind == BufferKind::Temporary))
      continue;
    for (int64_t i = 0; i < buffer.cells(); ++i)
      for (int64_t plane = 0; plane < buffer.bytes; ++plane)
        folded = moert_lpu_mix(folded, cells[buffer.firstCell + i]);
  }
  return folded;
}

uint32_t Claims::read(int index, int64_t vector) const {
  const PlacedBuffer &buffer = program.buffers[index];
  uint32_t held = cells[buffer.cellOf(vector)];
  return buffer.isDynamic ? fold({3, held, rowIn(buffer, vector)}) : held;
}

uint32_t Claims::gather(int index, int64_t vector, uint32_t map) const {
  const PlacedBuffer &buffer = program.buffers[index];
  return fold({4, cells[buffer.cellOf(vector)], map, rowIn(buffer, vector)});
}

void Claims::write(int index, int64_t vector, uint32_t map, uint32_t data) {
  const PlacedBuffer &buffer = program.buffers[index];
  uint32_t &cell = cells[buffer.cellOf(vector)];
  cell = buffer.isDynamic ? fold({5, cell, map, data, rowIn(buffer, vector)})
                          : data;
}

void Claims::runCluster(const Task &task) {
  stride = task.nodes.size();
  values.assign(task.times * stride, 0);
  // Nodes may stand before their operands: an ALU may have been put between.
  std::vector<int> order;
  std::vector<bool> isListed(stride);
  auto list = [&](auto &self, int node) -> void {
    if (node < 0 || isListed[node])
      return;
    isListed[node] = true;
    for (int operand : task.nodes[node].operands)
      self(self, operand);
    self(self, task.nodes[node].map);
    order.push_back(node);
  };
  list(list, task.root);
  for (const Sink &sink : task.sinks)
    list(list, sink.map);

  for (int64_t i = 0; i < task.times; ++i) {
    uint32_t *mine = &values[i * stride];
    auto valueOf = [&](int node) { return node < 0 ? 0 : mine[node]; };
    for (int n : order) {
      const Node &node = task.nodes[n];
      const moert_lpu_instruction_t &word = node.word;
      uint32_t first = valueOf(node.operands[0]);
      if (node.kind == NodeKind::Read)
        mine[n] = read(node.buffer, node.index + i * node.step);
      else if (node.kind == NodeKind::Gather)
        mine[n] = gather(node.buffer, node.index + i * node.step,
                         valueOf(node.map));
      else if (node.kind == NodeKind::Multiply)
        mine[n] = fold({10, arrays.lookup(node.weights), first,
                        uint32_t(word.types % 16)});
      else
        mine[n] = fold({6, word.opcode, word.types, uint32_t(word.imm),
                        uint32_t(word.imm >> 32), first,
                        valueOf(node.operands[1]), valueOf(node.map)});
    }
    for (const Sink &sink : task.sinks)
      write(sink.buffer, sink.index + i * sink.step, valueOf(sink.map),
            ofByte(mine[task.root], sink.byte));
  }
}

uint32_t Claims::runTransfer(const Task &task) {
  auto op = cast<TransferOp>(task.op);
  uint32_t value = read(task.transfer.source, op.getFrom());
  write(task.transfer.target, op.getInto(), 0, value);
  return value;
}

uint32_t Claims::readMap(const Task &install) const {
  return read(install.map, 0);
}

uint32_t Claims::readWeights(const Task &install, int half,
                             int64_t vector) const {
  int buffer = install.buffers[half];
  return install.map >= 0 ? gather(buffer, vector, readMap(install))
                          : read(buffer, vector);
}

/// LWX's immediate, or LW's.
static uint32_t immediateOf(const Machine &machine, const Task &task) {
  uint32_t cycles = uint32_t(machine.width() / machine.mxm.streams);
  uint32_t streams = uint32_t(machine.mxm.streams * 7 / 16);
  return task.expands ? cycles | streams << 8 | MOERT_LPU_FORMAT_TRELLIS << 16
                      : cycles;
}

uint32_t Claims::install(int index, const Task &task) {
  const Machine &machine = program.machine;
  uint32_t imm = immediateOf(machine, task);
  int64_t vectors = task.expands ? (imm >> 8 & 255) * (imm & 255)
                                 : imm * machine.mxm.streams;
  for (size_t half = 0; half < task.buffers.size(); ++half) {
    halves[half] = fold({7, uint32_t(task.expands ? MOERT_LPU_LWX : MOERT_LPU_LW),
                         imm, 0});
    for (int64_t i = 0; i < vectors; ++i)
      halves[half] = moert_lpu_mix(
          halves[half], readWeights(task, int(half), task.index + i));
  }
  uint32_t array =
      task.buffers.size() == 2 ? fold({8, halves[0], halves[1]}) : halves[0];
  arrays[index] = array;
  return array;
}
