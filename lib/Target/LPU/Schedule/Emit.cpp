//===- Emit.cpp - placed tasks as instructions ----------------------------===//
#include "Schedule/Emit.h"
#include "Schedule/Claims.h"
#include "mlir/IR/Builders.h"
#include <set>

using namespace mlir;
using namespace moe::lpu;

namespace {
class InstructionEmitter {
public:
  InstructionEmitter(const ScheduleProgram &program, const Schedule &schedule)
      : program(program), schedule(schedule), claims(program) {}
  EmittedProgram emit();

private:
  using Word = moert_lpu_instruction_t;
  void emitCluster(int index, const Placement &placement);
  void emitPort(const PortUse &use, const Placement &placement);
  void emitNode(int node, const Placement &placement);
  void emitProduct(int node, const Placement &placement);
  void emitInstall(int index, const Placement &placement);
  void emitLoadPort(const PortUse &use, const Placement &placement);
  void emitBarrier();

  ScheduledInstruction start(int kind, int side, int64_t index,
                             int64_t cycle) const;
  /// Sets the claims of all repetitions.
  void setClaims(ScheduledInstruction &instruction,
                 function_ref<uint32_t(int64_t)> claimOf) const;
  uint8_t portOf(int token, int64_t plane, const Placement &placement) const;
  uint8_t sourceOf(int node, const Placement &placement) const;
  int64_t vectorOf(const PortUse &use, int64_t repetition) const;

  const ScheduleProgram &program;
  const Schedule &schedule;
  Claims claims;
  const Task *task = nullptr;
  int taskIndex = -1;
  std::vector<ScheduledInstruction> result;
};
} // namespace

ScheduledInstruction InstructionEmitter::start(int kind, int side,
                                               int64_t index,
                                               int64_t cycle) const {
  ScheduledInstruction instruction;
  instruction.track = {task->chip, kind, side, index};
  instruction.cycle = cycle;
  instruction.times = task->times;
  instruction.every = task->every;
  instruction.task = taskIndex;
  return instruction;
}

void InstructionEmitter::setClaims(
    ScheduledInstruction &instruction,
    function_ref<uint32_t(int64_t)> claimOf) const {
  instruction.claims.clear();
  for (int64_t i = 0; i < instruction.times; ++i)
    instruction.claims.push_back(claimOf(i));
}

/// A side's outward streams flow away from the VXM: east in the east.
static uint8_t port(int64_t stream, int side, bool outward) {
  return streamPort(stream, (side == 1) == outward ? Side::East : Side::West);
}

uint8_t InstructionEmitter::portOf(int index, int64_t plane,
                                   const Placement &placement) const {
  const Token &token = task->tokens[index];
  return port(placement.streams[index] + plane, token.side, token.outward);
}

uint8_t InstructionEmitter::sourceOf(int node,
                                     const Placement &placement) const {
  if (node < 0)
    return MOERT_LPU_NOWHERE;
  int token = task->nodes[node].token;
  return token >= 0 ? portOf(token, 0, placement)
                    : aluPort(placement.units[node]);
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

void InstructionEmitter::emitPort(const PortUse &use,
                                  const Placement &placement) {
  int kind = use.writes ? MOERT_LPU_MEM_WRITE : MOERT_LPU_MEM_READ;
  ScheduledInstruction out =
      start(kind, use.side, use.slice, placement.start + use.time);
  out.times = use.times;
  out.every = use.every;
  out.step = use.rowStep;
  auto repetition = [&](int64_t i) { return use.first + i * use.stride; };
  if (use.writes) {
    const Sink &sink = task->sinks[use.sink];
    bool scatters = sink.map >= 0;
    out.word = makeInstruction(scatters ? MOERT_LPU_SCATTER : MOERT_LPU_WRITE);
    out.word.src0 = portOf(task->nodes[task->root].token, use.plane, placement);
    if (scatters)
      out.word.map = portOf(task->nodes[sink.map].token, 0, placement);
    setClaims(out, [&](int64_t i) {
      int64_t k = repetition(i);
      uint32_t claim =
          fold(Claims::ofByte(claims.of(k, task->root), sink.byte));
      if (scatters)
        claim = moert_lpu_mix(claim, claims.of(k, sink.map));
      claim = moert_lpu_mix(claim, uint32_t(sink.buffer));
      return moert_lpu_mix(claim, uint32_t(sink.index + k * sink.step));
    });
  } else {
    const Node &node = task->nodes[use.node];
    out.word = node.word;
    out.word.dst = portOf(node.token, use.plane, placement);
    if (node.map >= 0)
      out.word.map = portOf(task->nodes[node.map].token, 0, placement);
    out.uses = uint16_t(task->tokens[node.token].uses);
    setClaims(out, [&](int64_t i) {
      return fold(claims.of(repetition(i), use.node));
    });
  }
  out.word.row = uint16_t(use.row);
  result.push_back(out);
}

/// Feeds an activation and drains its result.
void InstructionEmitter::emitProduct(int index, const Placement &placement) {
  const Node &node = task->nodes[index];
  int64_t cycle = placement.start + node.time;
  ScheduledInstruction feed =
      start(MOERT_LPU_MXM_FEED, node.side, placement.units[index], cycle);
  feed.word = node.word;
  feed.word.src0 = sourceOf(node.operands[0], placement);
  feed.word.imm = 1;
  setClaims(feed,
            [&](int64_t i) { return fold(claims.of(i, node.operands[0])); });
  result.push_back(feed);
  ScheduledInstruction drain =
      start(MOERT_LPU_MXM_DRAIN, node.side, placement.units[index], cycle);
  drain.word = makeInstruction(MOERT_LPU_ACC);
  drain.word.types = node.word.types;
  drain.word.dst = portOf(node.token, 0, placement);
  drain.word.imm = 1;
  drain.uses = uint16_t(task->tokens[node.token].uses);
  setClaims(drain, [&](int64_t i) { return fold(claims.of(i, index)); });
  result.push_back(drain);
}

void InstructionEmitter::emitNode(int index, const Placement &placement) {
  const Node &node = task->nodes[index];
  int kind = MOERT_LPU_VXM;
  switch (node.kind) {
  case NodeKind::Read:
  case NodeKind::Gather:
    return;
  case NodeKind::Multiply:
    return emitProduct(index, placement);
  case NodeKind::Shift:
    kind = MOERT_LPU_SXM_SHIFT;
    break;
  case NodeKind::Permute:
    kind = MOERT_LPU_SXM_PERMUTE;
    break;
  case NodeKind::Distribute:
    kind = MOERT_LPU_SXM_DISTRIBUTE;
    break;
  case NodeKind::Alu:
    break;
  }
  ScheduledInstruction out =
      start(kind, kind == MOERT_LPU_VXM ? 0 : node.side, placement.units[index],
            placement.start + node.time);
  out.word = node.word;
  out.word.src0 = sourceOf(node.operands[0], placement);
  out.word.src1 = sourceOf(node.operands[1], placement);
  out.word.map = sourceOf(node.map, placement);
  out.uses = 1;
  if (node.token >= 0) {
    out.word.dst = portOf(node.token, 0, placement);
    out.uses = uint16_t(task->tokens[node.token].uses);
  }
  setClaims(out, [&](int64_t i) {
    uint32_t claim = 0;
    for (int source : {node.operands[0], node.operands[1], node.map})
      if (source >= 0)
        claim = moert_lpu_mix(claim, claims.of(i, source));
    return claim;
  });
  result.push_back(out);
}

void InstructionEmitter::emitCluster(int, const Placement &placement) {
  claims.runCluster(*task);
  for (const PortUse &use : task->ports)
    emitPort(use, placement);
  for (int node = 0, e = int(task->nodes.size()); node < e; ++node)
    emitNode(node, placement);
}

//===----------------------------------------------------------------------===//
// Installs
//===----------------------------------------------------------------------===//

void InstructionEmitter::emitLoadPort(const PortUse &use,
                                      const Placement &placement) {
  int half = use.node;
  bool isMap = use.sink >= 0, gathers = task->map >= 0 && !isMap;
  ScheduledInstruction out = start(MOERT_LPU_MEM_READ, use.side, use.slice,
                                   placement.loads[half] + use.time);
  out.times = use.times;
  out.every = use.every;
  out.step = use.rowStep;
  out.word = makeInstruction(gathers ? MOERT_LPU_GATHER : MOERT_LPU_READ);
  out.word.row = uint16_t(use.row);
  uint8_t map = port(placement.mapStreams[half], use.side, true);
  int64_t streams = 0;
  for (const PortUse &other : task->ports)
    streams += other.node == half && other.sink < 0;
  if (gathers)
    out.word.map = map;
  out.word.dst =
      isMap ? map
            : port(placement.loadStreams[half] + use.plane, use.side, true);
  out.uses = isMap ? uint16_t(streams) : 1;
  setClaims(out, [&](int64_t i) {
    return fold(isMap
                    ? claims.readMap(*task)
                    : claims.readWeights(
                          *task, half, task->index + use.plane + i * streams));
  });
  result.push_back(out);
}

void InstructionEmitter::emitInstall(int index, const Placement &placement) {
  uint32_t array = claims.install(index, *task);
  int64_t streams = 0;
  for (const PortUse &use : task->ports) {
    emitLoadPort(use, placement);
    streams += use.node == 0 && use.sink < 0;
  }
  const Machine &machine = program.machine;
  uint64_t cycles = uint64_t(machine.width() / machine.mxm.streams);
  for (size_t half = 0; half < task->buffers.size(); ++half) {
    ScheduledInstruction load =
        start(MOERT_LPU_MXM_LOAD, task->side, placement.plane + int64_t(half),
              placement.loads[half]);
    load.word = makeInstruction(task->expands ? MOERT_LPU_LWX : MOERT_LPU_LW);
    load.word.src0 = port(placement.loadStreams[half], task->side, true);
    load.word.imm = cycles;
    if (task->expands)
      load.word.imm |= uint64_t(streams) << 8 | MOERT_LPU_FORMAT_TRELLIS << 16;
    load.claims = {fold(claims.loaded(int(half)))};
    result.push_back(load);
  }
  ScheduledInstruction install =
      start(MOERT_LPU_MXM_LOAD, task->side, placement.plane, placement.install);
  install.word = makeInstruction(MOERT_LPU_IW);
  install.word.types =
      task->buffers.size() == 2 ? MOERT_LPU_F16 | MOERT_LPU_F16 << 4 : 0;
  install.claims = {fold(array)};
  result.push_back(install);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// All tracks wait for one notification.
void InstructionEmitter::emitBarrier() {
  std::set<TrackName> tracks;
  for (const ScheduledInstruction &each : result)
    tracks.insert(each.track);
  auto add = [&](TrackName track, moert_lpu_opcode_t opcode) {
    ScheduledInstruction out;
    out.track = track;
    out.word = makeInstruction(opcode);
    out.claims = {0};
    result.push_back(out);
  };
  std::set<int64_t> chips;
  for (const TrackName &track : tracks) {
    add(track, MOERT_LPU_SYNC);
    chips.insert(track.chip);
  }
  for (int64_t chip : chips)
    add({chip, MOERT_LPU_ICU, 0, 0}, MOERT_LPU_NOTIFY);
}

EmittedProgram InstructionEmitter::emit() {
  // By task, in the order of the program, which identities follow.
  std::vector<SmallVector<const Placement *, 1>> places(program.tasks.size());
  for (const PlacedTask &each : schedule.placed)
    places[each.task].push_back(&each.placement);
  for (int t = 0, e = int(program.tasks.size()); t < e; ++t) {
    task = &program.tasks[t];
    taskIndex = t;
    for (const Placement *placement : places[t])
      if (task->isTransfer)
        emitTransfer(program, t, *placement, claims.runTransfer(*task), result);
      else
        task->isInstall ? emitInstall(t, *placement)
                        : emitCluster(t, *placement);
  }
  emitBarrier();
  return {std::move(result), 0, claims.outputs()};
}

EmittedProgram moe::lpu::emitInstructions(const ScheduleProgram &program,
                                          const Schedule &schedule) {
  return InstructionEmitter(program, schedule).emit();
}

/// Cycles from dispatch to the arrival of a result; negative: there is none.
static int64_t arrivalOf(const Machine &machine, uint8_t opcode) {
  switch (opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_READ:
    return machine.latency.read;
  case MOERT_LPU_GATHER:
    return machine.latency.gather;
  case MOERT_LPU_WRITE:
    return machine.latency.write - 1;
  case MOERT_LPU_SCATTER:
    return machine.latency.gather - 1;
  case MOERT_LPU_ACC:
    return machine.latency.mxmResult;
  case MOERT_LPU_SEND:
    return machine.c2c.hopCycles;
  case MOERT_LPU_RECV:
    return 1;
  case MOERT_LPU_SHIFT:
    return machine.latency.shift;
  case MOERT_LPU_PERMUTE:
    return machine.latency.permute;
  case MOERT_LPU_DISTRIBUTE:
    return machine.latency.distribute;
  default:
    return -1;
  }
}

int64_t moe::lpu::cyclesOf(const Machine &machine,
                           llvm::ArrayRef<ScheduledInstruction> instructions) {
  int64_t last = 0;
  for (const ScheduledInstruction &each : instructions) {
    int64_t arrival = arrivalOf(machine, each.word.opcode);
    if (each.track.kind == MOERT_LPU_VXM && each.word.dst != MOERT_LPU_NOWHERE)
      arrival = machine.latency.alu;
    if (arrival >= 0)
      last = std::max(last, each.lastCycle() + arrival);
  }
  return last + 1 + machine.superlanes;
}

void moe::lpu::writeSegment(const ScheduleProgram &program,
                            const ProgramPiece &piece,
                            const EmittedProgram &emitted) {
  ProgramOp op = program.op;
  MLIRContext *context = op.getContext();
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(&op.getBody().front());
  auto segment =
      SegmentOp::create(builder, op.getLoc(), piece.name, emitted.cycles,
                        emitted.outputs, piece.score);
  Block &body = segment.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  std::vector<StringAttr> names;
  for (const Task &task : program.tasks)
    names.push_back(StringAttr::get(context, task.name));
  for (const ScheduledInstruction &each : emitted.instructions) {
    auto track =
        TrackAttr::get(context, each.track.chip, TrackKind(each.track.kind),
                       Side(each.track.side), each.track.index);
    bool isOfTask = each.task >= 0;
    uint32_t repeats =
        each.times > 1 ? fold(llvm::ArrayRef(each.claims).drop_front()) : 0;
    IssueOp::create(
        builder, isOfTask ? program.tasks[each.task].op->getLoc() : op.getLoc(),
        each.cycle, track, each.word, each.claims[0], each.uses, each.times,
        each.every, each.step, repeats,
        isOfTask ? names[each.task] : StringAttr());
  }
}
