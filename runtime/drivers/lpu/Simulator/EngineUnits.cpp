//===- EngineUnits.cpp - MXM, SXM and links at work -----------------------===//
#include "Engine.h"

#include "Expander.h"
#include <cstring>

using namespace moert::lpu;

void Engine::check(const Issue &issue, const Violation &violation) const {
  if (violation)
    hazard(violation.hazard, issue, violation.what);
}

//===-- MXM ---------------------------------------------------------------===//

static uint64_t cyclesOf(const moert_lpu_instruction_t &i) {
  switch (i.opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_LW:
  case MOERT_LPU_ABC:
  case MOERT_LPU_ACC:
    return i.imm;
  case MOERT_LPU_LWX:
    return i.imm & 0xff;
  default:
    return 1;
  }
}

void Engine::matrix(const Issue &issue) {
  const TrackInfo &track = *queues[issue.track].info;
  const Instruction &i = issue.instruction;
  Mxm &mxm = *chips[track.chip]->mxm[track.hemisphere];
  const uint64_t cycles = cyclesOf(i);
  use(issue, cycles);
  const unsigned type = i.types & 15;
  switch (i.opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_LW:
  case MOERT_LPU_LWX:
    check(issue, mxm.load(track.index, now, i.row, int64_t(cycles)));
    return startWork(issue, cycles);
  case MOERT_LPU_IW:
    check(issue, mxm.install(track.index, now, type));
    return claim(issue, fold({mxm.getInstalled(track.index)}));
  case MOERT_LPU_CLEAR:
    check(issue, mxm.clear(track.index, now));
    return claim(issue, 0);
  default:
    return startWork(issue, cycles);
  }
}

/// LW, LWX: columns of one cycle.
void Engine::load(Work &work) {
  const Issue &issue = work.issue;
  const TrackInfo &track = *queues[issue.track].info;
  const Instruction &i = issue.instruction;
  Mxm &mxm = *chips[track.chip]->mxm[track.hemisphere];
  const bool packed = i.opcode == MOERT_LPU_LWX;
  const int count = packed ? int(i.imm >> 8 & 0xff) : int(groupColumns);
  const uint8_t *streams[32];
  const Value *first = nullptr;
  for (int s = 0; s < count; ++s) {
    Taken taken = take(issue, uint8_t(i.src0 + s), 1,
                       queues[issue.track].column, now, "weights", true);
    streams[s] = taken.bytes[0];
    work.parts.push_back(taken.identity);
    first = first ? first : taken.value[0];
  }
  const int64_t group = i.row + int64_t(work.done);
  if (data && !packed)
    mxm.takeColumns(track.index, group, streams);
  if (data && packed) {
    uint8_t *expanded = columns.get();
    uint8_t *out[groupColumns];
    for (int64_t c = 0; c < groupColumns; ++c)
      out[c] = expanded + size_t(c) * paddedLanes;
    expandColumns(i.imm >> 16 & 0xff, streams, count, machine.width(), out);
    mxm.takeColumns(track.index, group, out);
  }
  ++result->busy.install;
  if (work.done + 1 < work.cycles)
    return;
  uint32_t identity = fold({7, i.opcode, uint32_t(i.imm), i.row});
  if (uint32_t before = mxm.getLoaded(track.index))
    identity = moert_lpu_mix(identity, before);
  for (uint32_t part : work.parts)
    identity = moert_lpu_mix(identity, part);
  mxm.setLoaded(track.index, identity);
  claim(issue, fold({identity}), first);
}

/// ABC: the activation of one cycle.
void Engine::feed(Work &work) {
  const Issue &issue = work.issue;
  const TrackInfo &track = *queues[issue.track].info;
  const unsigned type = issue.instruction.types & 15;
  Taken taken = take(issue, issue.instruction.src0, planesOf(type),
                     queues[issue.track].column, now, "activation");
  Mxm &mxm = *chips[track.chip]->mxm[track.hemisphere];
  check(issue, mxm.feed(track.index, now, type, taken.identity, taken.bytes));
  feeds.push_back(issue);
  ++result->busy.feed;
  work.fold = moert_lpu_mix(work.fold, taken.identity);
  if (work.done + 1 == work.cycles)
    claim(issue, work.fold, taken.value[0]);
}

/// A result that no ACC takes is lost.
void Engine::checkDrained(const Issue &feed) const {
  const TrackInfo &track = *queues[feed.track].info;
  if (chips[track.chip]->mxm[track.hemisphere]->isUndrained(track.index, now))
    hazard(17, feed, "its result of cycle " + std::to_string(now) +
                         " meets 0 ACCs");
}

/// Products of a cycle that are worth the waking of threads: two chips are at
/// work.
[[maybe_unused]] static constexpr int leastShared = 8;

/// Results of this cycle's ACCs: each is of a plane of its own.
void Engine::multiply() {
  while (drained.size() < drains.size())
    drained.emplace_back(paddedLanes);
  const int count = int(drains.size());
#pragma omp parallel for num_threads(options.threads)                          \
    if (data && options.threads > 1 && count >= leastShared)
  for (int n = 0; n < count; ++n) {
    Work &work = works[drains[size_t(n)]];
    const Instruction &i = work.issue.instruction;
    const TrackInfo &track = *queues[work.issue.track].info;
    Mxm &mxm = *chips[track.chip]->mxm[track.hemisphere];
    Drained &out = drained[size_t(n)];
    work.slot = size_t(n);
    out.sum = {};
    out.violation =
        mxm.drain(track.index, now, i.types & 15, i.opcode & MOERT_LPU_FLAG,
                  int64_t(work.done), data ? out.words.get() : nullptr,
                  out.sum);
  }
}

/// ACC: the result of one cycle.
void Engine::drain(Work &work, Drained &drained) {
  const Issue &issue = work.issue;
  const Instruction &i = issue.instruction;
  check(issue, drained.violation);
  const Mxm::Sum &sum = drained.sum;
  if (sum.overflow)
    warn(result->overflow, issue, "H37: an int32 overflows");
  if (sum.notANumber)
    warn(result->notANumber, issue, "H38: a result is not a number");
  ++result->busy.drain;
  work.fold = moert_lpu_mix(work.fold, sum.identity);
  if (work.done + 1 == work.cycles)
    claim(issue, work.fold);
  if (i.dst == MOERT_LPU_NOWHERE)
    return;
  Value *value = makeValue(issue, sum.identity, 4, 4);
  if (data)
    planesOfWords(drained.words.get(), 4, machine.width(), value->bytes);
  put(issue, value, i.dst, queues[issue.track].column,
      now + uint64_t(machine.latency.mxmResult));
  release(value);
}

//===-- SXM ---------------------------------------------------------------===//

/// PERMUTE: lanes of the map, checked.
void Engine::takeMap(const Issue &issue, Taken &map) {
  map = take(issue, issue.instruction.map, 2, queues[issue.track].column, now,
             "map");
  if (!data)
    return;
  auto *lanes = reinterpret_cast<uint16_t *>(scratch.data());
  for (int64_t l = 0; l < machine.width(); ++l)
    lanes[l] = uint16_t(map.bytes[0][l] | map.bytes[1][l] << 8);
  if (!isBijective(lanes, machine.width()))
    hazard(27, issue, "its map is not a bijection of " +
                          std::to_string(machine.width()) + " lanes");
}

void Engine::exchange(const Issue &issue) {
  const Instruction &i = issue.instruction;
  const int64_t column = queues[issue.track].column;
  const int64_t lanes = machine.lanes, width = machine.width();
  const unsigned type = i.types & 15;
  const int planes = planesOf(type);
  ++result->busy.sxm;
  Taken a = take(issue, i.src0, planes, column, now, "operand"), b, map;
  uint64_t latency = 0;
  switch (i.opcode) {
  case MOERT_LPU_SHIFT:
    latency = uint64_t(machine.latency.shift);
    break;
  case MOERT_LPU_PERMUTE:
    latency = uint64_t(machine.latency.permute);
    takeMap(issue, map);
    break;
  case MOERT_LPU_DISTRIBUTE:
    latency = uint64_t(machine.latency.distribute);
    for (int64_t l = 0; l < 16; ++l)
      if (int64_t from = int64_t(i.imm >> 4 * l & 15); from >= lanes)
        hazard(28, issue, "lane " + std::to_string(from) +
                              " of a superlane of " + std::to_string(lanes));
    break;
  case MOERT_LPU_ROTATE:
    latency = uint64_t(machine.latency.rotate);
    if (i.imm >= uint64_t(lanes))
      hazard(28, issue, "by " + std::to_string(i.imm) + " of " +
                            std::to_string(lanes) + " lanes of a superlane");
    break;
  case MOERT_LPU_SELECT:
    latency = uint64_t(machine.latency.select);
    if (i.imm >> lanes)
      hazard(28, issue, "a lane beyond the " + std::to_string(lanes) +
                            " of a superlane");
    b = take(issue, i.src1, planes, column, now, "operand");
    break;
  }
  uint32_t folded = fold({a.identity});
  if (b.planes)
    folded = moert_lpu_mix(folded, b.identity);
  if (map.planes)
    folded = moert_lpu_mix(folded, map.identity);
  claim(issue, folded, a.value[0]);
  Value *value = makeValue(
      issue,
      fold({6, i.opcode, i.types, uint32_t(i.imm), uint32_t(i.imm >> 32),
            a.identity, b.identity, map.identity}),
      planes, planes);
  for (int p = 0; data && p < planes; ++p) {
    uint8_t *out = value->bytes[p];
    if (i.opcode == MOERT_LPU_SHIFT)
      shiftNorth(a.bytes[p], lanes, width, int64_t(i.imm), out);
    else if (i.opcode == MOERT_LPU_PERMUTE)
      (void)permuteLanes(a.bytes[p],
                         reinterpret_cast<uint16_t *>(scratch.data()), width,
                         out);
    else if (i.opcode == MOERT_LPU_DISTRIBUTE)
      distributeLanes(a.bytes[p], i.imm, lanes, width, out);
    else if (i.opcode == MOERT_LPU_ROTATE)
      rotateLanes(a.bytes[p], i.imm, lanes, width, out);
    else
      selectLanes(a.bytes[p], b.bytes[p], i.imm, lanes, width, out);
  }
  put(issue, value, i.dst, column, now + latency);
  release(value);
}

void Engine::transpose(const Issue &issue) {
  const Instruction &i = issue.instruction;
  const int64_t column = queues[issue.track].column;
  const int count = int(machine.lanes);
  ++result->busy.sxm;
  const uint8_t *in[32];
  uint8_t *out[32];
  uint32_t folded = 0;
  const Value *first = nullptr;
  for (int s = 0; s < count; ++s) {
    Taken taken = take(issue, uint8_t(i.src0 + s), 1, column, now, "operand");
    in[s] = taken.bytes[0];
    folded = moert_lpu_mix(folded, taken.identity);
    first = first ? first : taken.value[0];
  }
  claim(issue, folded, first);
  std::vector<Value *> values;
  for (int s = 0; s < count; ++s) {
    uint32_t identity =
        fold({6, i.opcode, i.types, uint32_t(i.imm), uint32_t(i.imm >> 32),
              folded, uint32_t(s), 0});
    values.push_back(makeValue(issue, identity, 1, 1));
    out[s] = values.back()->bytes[0];
  }
  if (data)
    transposeLanes(in, machine.lanes, machine.width(), out);
  for (int s = 0; s < count; ++s) {
    put(issue, values[size_t(s)], uint8_t(i.dst + s), column,
        now + uint64_t(machine.latency.transpose));
    release(values[size_t(s)]);
  }
}

//===-- links -------------------------------------------------------------===//

void Engine::link(const Issue &issue) {
  const TrackInfo &track = *queues[issue.track].info;
  const Instruction &i = issue.instruction;
  const int64_t column = queues[issue.track].column;
  const LinkEnd end{track.chip, track.index};
  const size_t width = data ? size_t(machine.width()) : 0;
  if (i.opcode == MOERT_LPU_DESKEW) {
    check(issue, links->deskew(end, now));
    return claim(issue, 0);
  }
  LinkVector vector;
  if (i.opcode == MOERT_LPU_SEND) {
    Taken taken = take(issue, i.src0, 1, column, now, "vector", true);
    const Value &value = *taken.value[0];
    claim(issue, fold({value.identity}), &value);
    vector.identity = value.identity;
    // Which byte plane of how many.
    vector.producer =
        uint64_t(value.firstPlane + taken.held[0]) |
        uint64_t(value.planes) << 8;
    if (data)
      vector.bytes.assign(taken.bytes[0], taken.bytes[0] + width);
    ++result->busy.links;
    last = std::max(last, now + uint64_t(machine.c2c.hopCycles));
    return check(issue, links->send(end, now, std::move(vector)));
  }
  check(issue, links->receive(end, now, vector));
  claim(issue, fold({vector.identity}));
  Value *value = makeValue(issue, vector.identity, int(vector.producer >> 8), 1,
                           int(vector.producer & 0xff));
  if (data)
    std::memcpy(value->bytes[0], vector.bytes.data(), width);
  put(issue, value, i.dst, column, now + 1);
  release(value);
}
