//===- AluChoice.cpp - ALUs and streams of a cluster, by backtracking -----===//
#include "Schedule/Placement.h"
#include "llvm/ADT/bit.h"

using namespace moe::lpu;

/// A search that takes longer than this moves on to the next cycle.
static constexpr int64_t mostSteps = 3000;

static bool needsLarge(const Node &node) {
  switch (node.word.opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_MIN:
  case MOERT_LPU_MAX:
  case MOERT_LPU_CVT:
  case MOERT_LPU_RELU:
  case MOERT_LPU_EXP2:
  case MOERT_LPU_RSQRT:
  case MOERT_LPU_TANH:
    return true;
  default:
    return false;
  }
}

/// Kind of SXM unit; -1: none.
static int switchOf(const Node &node) {
  switch (node.kind) {
  case NodeKind::Shift:
    return 0;
  case NodeKind::Permute:
    return 1;
  case NodeKind::Distribute:
    return 2;
  default:
    return -1;
  }
}

static uint32_t lowBits(int64_t count) {
  return uint32_t((uint64_t(1) << count) - 1);
}

ClusterPlacer::ClusterPlacer(const Machine &machine, const Task &task)
    : machine(machine), task(task) {
  reach.resize(machine.vxm.alus);
  for (int64_t alu = 0; alu < machine.vxm.alus; ++alu) {
    large |= uint32_t(machine.vxm.large[alu]) << alu;
    for (int64_t group = 0; group < machine.streams / 4; ++group)
      if (machine.vxm.reach[alu][group])
        reach[alu] |= 15u << (4 * group);
  }
  nodesOf.resize(task.tokens.size());
  sameTime.resize(task.nodes.size());
  allowed.resize(task.nodes.size());
  std::vector<bool> isListed(task.tokens.size());
  auto addToken = [&](int token) {
    if (token < 0 || isListed[token])
      return;
    isListed[token] = true;
    choices.push_back({false, token});
  };
  for (int n = 0, e = int(task.nodes.size()); n < e; ++n) {
    const Node &node = task.nodes[n];
    if (node.kind != NodeKind::Alu)
      continue;
    allowed[n] = needsLarge(node) ? large : lowBits(machine.vxm.alus);
    choices.push_back({true, n});
    for (int operand : node.operands)
      if (operand >= 0 && task.nodes[operand].token >= 0) {
        nodesOf[task.nodes[operand].token].push_back(n);
        addToken(task.nodes[operand].token);
      }
    if (node.token >= 0) {
      nodesOf[node.token].push_back(n);
      addToken(node.token);
    }
    for (int other = 0; other < n; ++other) {
      const Node &before = task.nodes[other];
      int64_t distance = std::abs(before.time - node.time);
      if (before.kind == NodeKind::Alu && distance % task.every == 0 &&
          distance / task.every < task.times) {
        sameTime[n].push_back(other);
        sameTime[other].push_back(n);
      }
    }
  }
  for (int token = 0, e = int(task.tokens.size()); token < e; ++token)
    addToken(token);
}

/// Ports of memory, the SXM and the MXM: there is nothing to choose.
bool ClusterPlacer::checkUnits(const Resources &resources, int64_t start,
                               Placement &placement) {
  for (const PortUse &use : task.ports)
    if (!resources.arePortsFree(use, start)) {
      what = use.writes ? "a slice's port for writes"
                        : "a slice's port for reads";
      return false;
    }
  const int64_t counts[] = {machine.sxm.shifters, machine.sxm.permuters,
                            machine.sxm.distributors};
  for (int n = 0, e = int(task.nodes.size()); n < e; ++n) {
    const Node &node = task.nodes[n];
    if (node.kind == NodeKind::Multiply) {
      uint32_t mask = 1u << placement.units[n];
      if (resources.feeds[node.side].busy(start + node.time, task.times,
                                          task.every, mask) &
          mask) {
        what = "a plane's activations";
        return false;
      }
      continue;
    }
    int kind = switchOf(node);
    if (kind < 0)
      continue;
    uint32_t all = lowBits(counts[kind]);
    uint32_t taken = resources.switches[node.side][kind].busy(
        start + node.time, task.times, task.every, all);
    for (int other = 0; other < n; ++other) {
      const Node &before = task.nodes[other];
      int64_t distance = std::abs(before.time - node.time);
      if (switchOf(before) == kind && before.side == node.side &&
          distance % task.every == 0 && distance / task.every < task.times)
        taken |= 1u << placement.units[other];
    }
    if (!(all & ~taken)) {
      what = "a unit of the SXM";
      return false;
    }
    placement.units[n] = llvm::countr_zero(all & ~taken);
  }
  return true;
}

bool ClusterPlacer::findFree(const Resources &resources, int64_t start) {
  free.assign(task.nodes.size(), 0);
  open.assign(task.tokens.size(), 0);
  for (size_t t = 0; t < task.tokens.size(); ++t) {
    const Token &token = task.tokens[t];
    uint32_t busy = resources.streams[token.side][token.outward].busy(
        start + token.diagonal, token.low, token.high, task.times, task.every);
    open[t] = firstStreams(~busy & lowBits(machine.streams), token.bytes);
    if (!open[t]) {
      what = "streams";
      return false;
    }
  }
  for (size_t n = 0; n < task.nodes.size(); ++n) {
    if (task.nodes[n].kind != NodeKind::Alu)
      continue;
    free[n] = allowed[n] & ~resources.alus.busy(start + task.nodes[n].time,
                                                task.times, task.every,
                                                allowed[n]);
    if (!free[n]) {
      what = "ALUs";
      return false;
    }
  }
  return true;
}

uint32_t ClusterPlacer::alusOf(int index, const Placement &placement) const {
  const Node &node = task.nodes[index];
  uint32_t options = free[index];
  for (int other : sameTime[index])
    if (placement.units[other] >= 0)
      options &= ~(1u << placement.units[other]);
  auto mustReach = [&](int token) {
    for (uint32_t rest = options; rest; rest &= rest - 1) {
      int alu = llvm::countr_zero(rest);
      uint32_t reached = reach[alu];
      uint32_t streams = placement.streams[token] >= 0
                             ? 1u << placement.streams[token]
                             : open[token];
      if (!(streams & reached))
        options &= ~(1u << alu);
    }
  };
  for (int operand : node.operands)
    if (operand >= 0 && task.nodes[operand].token >= 0)
      mustReach(task.nodes[operand].token);
  if (node.token >= 0)
    mustReach(node.token);
  return options;
}

uint32_t ClusterPlacer::streamsOf(int index, const Placement &placement) const {
  const Token &token = task.tokens[index];
  uint32_t options = open[index];
  for (int other : task.meets[index])
    if (placement.streams[other] >= 0) {
      uint32_t taken =
          streamMask(placement.streams[other], task.tokens[other].bytes);
      // Where it would begin on one of them, or before them and reach them.
      for (int64_t byte = 0; byte < token.bytes; ++byte)
        options &= ~(taken >> byte);
    }
  for (int n : nodesOf[index]) {
    if (placement.units[n] >= 0)
      options &= reach[placement.units[n]];
    // An ALU takes a group of streams from one side only.
    const Node &node = task.nodes[n];
    for (int operand : node.operands) {
      if (operand < 0 || node.token == index)
        continue;
      int sibling = task.nodes[operand].token;
      if (sibling >= 0 && sibling != index && placement.streams[sibling] >= 0 &&
          task.tokens[sibling].side != token.side)
        options &= ~(15u << (placement.streams[sibling] & ~3));
    }
  }
  return options;
}

uint32_t ClusterPlacer::optionsOf(const Choice &choice,
                                  const Placement &placement) const {
  return choice.isAlu ? alusOf(choice.index, placement)
                      : streamsOf(choice.index, placement);
}

/// An activation comes on a stream of its own plane's loads, which wait for it
/// anyway. A loop that is longer than a load keeps to one block, so that loads find
/// another one free.
void ClusterPlacer::preferStreams(const Placement &placement) {
  preferred.assign(task.tokens.size(), 0);
  if (task.times * task.every > machine.width() / machine.mxm.streams) {
    preferred.assign(task.tokens.size(),
                     loadStreamsOf(machine, machine.mxm.planes - 1));
    return;
  }
  for (size_t n = 0; n < task.nodes.size(); ++n) {
    const Node &node = task.nodes[n];
    if (node.kind == NodeKind::Multiply)
      preferred[task.nodes[node.operands[0]].token] =
          loadStreamsOf(machine, placement.units[n]);
  }
}

bool ClusterPlacer::choose(size_t depth, Placement &placement) {
  if (depth == choices.size())
    return true;
  if (++steps > mostSteps)
    return false;
  const Choice &choice = choices[depth];
  uint32_t options = optionsOf(choice, placement);
  int &value = choice.isAlu ? placement.units[choice.index]
                            : placement.streams[choice.index];
  // Large ALUs are rare: small ones come first.
  uint32_t first = choice.isAlu ? ~large : preferred[choice.index];
  for (uint32_t rest : {options & first, options & ~first})
    for (; rest; rest &= rest - 1) {
      value = llvm::countr_zero(rest);
      if (choose(depth + 1, placement))
        return true;
    }
  value = -1;
  return false;
}

bool ClusterPlacer::place(const Resources &resources, int64_t start,
                          Placement &placement) {
  placement.start = start;
  if (!checkUnits(resources, start, placement) || !findFree(resources, start))
    return false;
  for (size_t n = 0; n < task.nodes.size(); ++n)
    if (task.nodes[n].kind == NodeKind::Alu)
      placement.units[n] = -1;
  placement.streams.assign(task.tokens.size(), -1);
  preferStreams(placement);
  steps = 0;
  what = "ALUs that reach the streams that are free";
  return choose(0, placement);
}

void ClusterPlacer::take(const Machine &machine, const Task &task,
                         const Placement &placement, Resources &resources) {
  for (const PortUse &use : task.ports)
    resources.takePorts(use, placement.start);
  for (int64_t i = 0; i < task.times; ++i) {
    int64_t start = placement.start + i * task.every;
    for (size_t t = 0; t < task.tokens.size(); ++t) {
      const Token &token = task.tokens[t];
      resources.streams[token.side][token.outward].take(
          start + token.diagonal, token.low, token.high,
          streamMask(placement.streams[t], token.bytes));
    }
    for (size_t n = 0; n < task.nodes.size(); ++n) {
      const Node &node = task.nodes[n];
      int64_t cycle = start + node.time;
      uint32_t mask = placement.units[n] >= 0 ? 1u << placement.units[n] : 0;
      if (node.kind == NodeKind::Alu)
        resources.alus.take(cycle, mask);
      else if (node.kind == NodeKind::Multiply)
        resources.feeds[node.side].take(
            cycle, node.word.types % 16 == MOERT_LPU_F16 ? mask | mask << 1
                                                         : mask);
      else if (int kind = switchOf(node); kind >= 0)
        resources.switches[node.side][kind].take(cycle, mask);
    }
  }
}
