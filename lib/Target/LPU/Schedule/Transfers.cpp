//===- Transfers.cpp - vectors that go over a wire to another chip --------===//
//
// A transfer is rigid, like a cluster, but on two chips: byte plane after byte
// plane is read, flows outward to the link and is sent, and what comes out at the
// other end flows inward and is written. All chips count the same cycles.
//===----------------------------------------------------------------------===//
#include "Schedule/Claims.h"
#include "Schedule/Emit.h"
#include "llvm/ADT/bit.h"
#include <limits>

using namespace mlir;
using namespace moe::lpu;

LogicalResult moe::lpu::shapeTransfer(const ScheduleProgram &program,
                                      Task &task) {
  const Machine &machine = program.machine;
  auto op = cast<TransferOp>(task.op);
  Transfer &transfer = task.transfer;
  const PlacedBuffer &source = program.buffers[transfer.source];
  const PlacedBuffer &target = program.buffers[transfer.target];
  LinkAttr wire = op.getWire();
  transfer.link = wire.getLinkA();
  transfer.peer = wire.getLinkB();
  task.chip = source.chip;
  transfer.chip = target.chip;
  for (auto [buffer, link] : {std::pair(&source, transfer.link),
                              std::pair(&target, transfer.peer)})
    if (buffer->side != sideOfLink(machine, link))
      return op.emitError() << "goes over link " << link << ", which is in the "
                            << stringifySide(Side(sideOfLink(machine, link)))
                            << ", buffer \"" << BufferOp(buffer->op).getName()
                            << "\" is in the "
                            << stringifySide(Side(buffer->side));

  int64_t mxm = machine.position.mxm, first = 0;
  auto columnOf = [&](const PlacedBuffer &buffer, int64_t vector,
                      int64_t plane) {
    return machine.columnOf(buffer.sliceOf(vector, plane));
  };
  // A plane is read so long before it is sent.
  auto lead = [&](int64_t plane) {
    return mxm - columnOf(source, op.getFrom(), plane) + machine.latency.read;
  };
  for (int64_t plane = 0; plane < source.bytes; ++plane)
    first = std::max(first, lead(plane) - plane * machine.c2c.vectorCycles);
  transfer.send = first;
  Touch reads{transfer.source, int64_t(op.getFrom()), 0, false};
  Touch writes{transfer.target, int64_t(op.getInto()), 0, true};
  reads.first = writes.first = std::numeric_limits<int64_t>::max();
  writes.done = machine.latency.write;
  for (int64_t plane = 0; plane < source.bytes; ++plane) {
    int64_t sent = first + plane * machine.c2c.vectorCycles;
    PortUse read;
    read.side = source.side;
    read.slice = source.sliceOf(op.getFrom(), plane);
    read.row = source.rowOf(op.getFrom());
    read.banks = uint8_t(1 << (read.row / machine.mem.rows));
    read.time = sent - lead(plane);
    read.plane = plane;
    task.ports.push_back(read);
    PortUse write = read;
    write.writes = true;
    write.side = target.side;
    write.slice = target.sliceOf(op.getInto(), plane);
    write.row = target.rowOf(op.getInto());
    write.banks = uint8_t(1 << (write.row / machine.mem.rows));
    write.time = sent + machine.c2c.hopCycles + 1 + mxm -
                 columnOf(target, op.getInto(), plane);
    task.ports.push_back(write);
    reads.first = std::min(reads.first, read.time);
    reads.last = std::max(reads.last, read.time);
    writes.first = std::min(writes.first, write.time);
    writes.last = std::max(writes.last, write.time);
  }
  task.touches = {reads, writes};
  task.end = writes.last + machine.latency.write;
  return success();
}

/// Chip, stream table and columns of what a plane flows on.
namespace {
struct Way {
  int64_t chip = 0;
  int side = 0;
  bool outward = false;
  int64_t diagonal = 0, low = 0;
};
} // namespace

static Way wayOf(const Machine &machine, const Task &task, const PortUse &use) {
  Way way;
  way.side = use.side;
  way.outward = !use.writes;
  way.chip = use.writes ? task.transfer.chip : task.chip;
  way.low = machine.columnOf(use.slice);
  way.diagonal = use.writes ? use.time + way.low
                            : use.time + machine.latency.read - way.low;
  return way;
}

void Scheduler::placeTransfer(int index) {
  const Task &task = program.tasks[index];
  const Transfer &transfer = task.transfer;
  constexpr uint32_t issues = 1, sends = 2;
  int64_t mxm = machine.position.mxm;
  int64_t planes = int64_t(task.ports.size()) / 2;
  UnitTable &near = wires[task.chip][transfer.link];
  UnitTable &far = wires[transfer.chip][transfer.peer];
  auto sendOf = [&](int64_t plane) {
    return transfer.send + plane * machine.c2c.vectorCycles;
  };
  Placement placement;
  auto areWiresFree = [&](int64_t start) {
    for (int64_t plane = 0; plane < planes; ++plane) {
      int64_t sent = start + sendOf(plane);
      if (near.busy(sent, machine.c2c.vectorCycles, 1, sends) & sends ||
          near.busy(sent) & issues ||
          far.busy(sent + machine.c2c.hopCycles) & issues)
        return false;
    }
    return true;
  };
  auto arePortsFree = [&](int64_t start) {
    placement.streams.clear();
    for (const PortUse &use : task.ports) {
      Way way = wayOf(machine, task, use);
      const Resources &chip = chips[way.chip];
      uint32_t busy = chip.streams[way.side][way.outward].busy(
          start + way.diagonal, way.low, mxm);
      if (!chip.arePortsFree(use, start) || !~busy)
        return false;
      placement.streams.push_back(llvm::countr_one(busy));
    }
    return true;
  };
  int64_t start = earliest(task);
  // Behind all that is placed everything is free.
  while (!areWiresFree(start) || !arePortsFree(start))
    ++start;
  placement.start = start;
  for (auto [use, stream] : llvm::zip(task.ports, placement.streams)) {
    Way way = wayOf(machine, task, use);
    chips[way.chip].takePorts(use, start);
    chips[way.chip].streams[way.side][way.outward].take(
        start + way.diagonal, way.low, mxm, 1u << stream);
  }
  for (int64_t plane = 0; plane < planes; ++plane) {
    int64_t sent = start + sendOf(plane);
    near.take(sent, issues);
    for (int64_t i = 0; i < machine.c2c.vectorCycles; ++i)
      near.take(sent + i, sends);
    far.take(sent + machine.c2c.hopCycles, issues);
  }
  recordTouches(task, 0, start);
  finish(index, placement, start + task.end);
  release(task, start, /*users=*/false);
}

void moe::lpu::emitTransfer(const ScheduleProgram &program, int index,
                            const Placement &placement, uint32_t identity,
                            std::vector<ScheduledInstruction> &out) {
  const Machine &machine = program.machine;
  const Task &task = program.tasks[index];
  const Transfer &transfer = task.transfer;
  auto op = cast<TransferOp>(task.op);
  auto add = [&](TrackName track, int64_t time, moert_lpu_opcode_t opcode,
                 uint32_t claim) -> ScheduledInstruction & {
    ScheduledInstruction each;
    each.track = track;
    each.cycle = placement.start + time;
    each.word = makeInstruction(opcode);
    each.claims = {claim};
    each.task = index;
    out.push_back(each);
    return out.back();
  };
  for (auto [use, stream] : llvm::zip(task.ports, placement.streams)) {
    bool isEast = use.side == 1;
    int64_t sent =
        transfer.send + use.plane * machine.c2c.vectorCycles;
    if (!use.writes) {
      uint8_t port = streamPort(stream, isEast ? Side::East : Side::West);
      auto &read = add({task.chip, MOERT_LPU_MEM_READ, use.side, use.slice},
                       use.time, MOERT_LPU_READ, fold({identity}));
      read.word.row = uint16_t(use.row);
      read.word.dst = port;
      read.uses = 1;
      add({task.chip, MOERT_LPU_C2C, sideOfLink(machine, transfer.link),
           transfer.link},
          sent, MOERT_LPU_SEND, fold({identity}))
          .word.src0 = port;
      continue;
    }
    uint8_t port = streamPort(stream, isEast ? Side::West : Side::East);
    auto &receive = add({transfer.chip, MOERT_LPU_C2C,
                         sideOfLink(machine, transfer.peer), transfer.peer},
                        sent + machine.c2c.hopCycles, MOERT_LPU_RECV,
                        fold({identity}));
    receive.word.dst = port;
    receive.uses = 1;
    auto &write = add({transfer.chip, MOERT_LPU_MEM_WRITE, use.side, use.slice},
                      use.time, MOERT_LPU_WRITE,
                      fold({identity, uint32_t(transfer.target),
                            uint32_t(op.getInto())}));
    write.word.row = uint16_t(use.row);
    write.word.src0 = port;
  }
}
