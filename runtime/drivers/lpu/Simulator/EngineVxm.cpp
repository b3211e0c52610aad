//===- EngineVxm.cpp - operations of ALUs, chained to the cycle -----------===//
#include "Engine.h"

#include <cstring>

using namespace moert::lpu;

static bool isStream(uint8_t place) { return place < 0x40; }

static bool needsLarge(unsigned opcode) {
  switch (opcode) {
  case MOERT_LPU_MIN:
  case MOERT_LPU_MAX:
  case MOERT_LPU_CVT:
  case MOERT_LPU_EXP2:
  case MOERT_LPU_RSQRT:
  case MOERT_LPU_TANH:
    return true;
  default:
    return false;
  }
}

/// A source: a stream as it was at the VXM's entry, a result of just now, or
/// the latch.
Engine::Operand Engine::operand(const Issue &issue, uint8_t place, int planes,
                                uint32_t *buffer) {
  const TrackInfo &track = *queues[issue.track].info;
  Chip &chip = *chips[track.chip];
  if (isStream(place)) {
    const uint64_t entry = uint64_t(machine.latency.vxmEntry);
    if (now < entry)
      hazard(2, issue, "streams of before the start");
    Taken taken = take(issue, place, planes, 0, now - entry, "operand");
    if (data)
      wordsOfPlanes(taken.bytes, planes, machine.width(), buffer);
    return {taken.identity, buffer, taken.value[0]};
  }
  if (place == MOERT_LPU_FROM_LATCH) {
    Alu &alu = chip.alus[size_t(track.index)];
    if (!alu.latch)
      hazard(24, issue, "nothing is in the latch");
    if (alu.latch->planes != planes)
      hazard(4, issue,
             "a vector of " + std::to_string(planes) + " bytes from a latch of " +
                 std::to_string(alu.latch->planes));
    return {alu.latch->identity, alu.latchWords, alu.latch};
  }
  unsigned source = place & 15;
  Alu &alu = chip.alus[source];
  const uint64_t latency = uint64_t(machine.latency.alu);
  AluResult &taken =
      alu.results[size_t(now - latency) & (alu.results.size() - 1)];
  if (now < latency || taken.cycle != now - latency)
    hazard(24, issue,
           "ALU " + std::to_string(source) + " has no result in this cycle");
  ++taken.takes;
  ++taken.value->taken[0];
  uint32_t places = taken.takes + taken.hasStream;
  if (places > uint32_t(machine.vxm.fanout))
    hazard(25, issue,
           "the result of " + describe(*taken.value) + " goes to " +
               std::to_string(places) + " places, an ALU has wires to " +
               std::to_string(machine.vxm.fanout));
  return {taken.value->identity, taken.words, taken.value};
}

void Engine::checkReach(const Issue &issue) {
  const Instruction &i = issue.instruction;
  const int alu = queues[issue.track].info->index;
  const auto &reach = machine.vxm.reach[size_t(alu)];
  for (uint8_t place : {i.src0, i.src1, i.dst})
    if (isStream(place) && !reach[(place & 31) / 4])
      hazard(22, issue,
             "group " + std::to_string((place & 31) / 4) +
                 " of streams is out of reach");
  if (isStream(i.src0) && isStream(i.src1) &&
      ((i.src0 ^ i.src1) & MOERT_LPU_WESTWARD) &&
      (i.src0 & 31) / 4 == (i.src1 & 31) / 4)
    hazard(23, issue,
           "group " + std::to_string((i.src0 & 31) / 4) +
               " of streams from both sides");
}

void Engine::compute(const Issue &issue) {
  const Instruction &i = issue.instruction;
  const TrackInfo &track = *queues[issue.track].info;
  const unsigned opcode = i.opcode & ~MOERT_LPU_FLAG;
  const unsigned type = i.types & 15, to = i.types >> 4;
  if (needsLarge(opcode) && !machine.vxm.large[size_t(track.index)])
    hazard(21, issue, "the ALU is a small one");
  checkReach(issue);
  ++result->busy.alu;

  const int planes = planesOf(type);
  Operand a = operand(issue, i.src0, planes, scratch.data()), b;
  Alu &alu = chips[track.chip]->alus[size_t(track.index)];
  if (opcode == MOERT_LPU_LATCH) {
    claim(issue, fold({a.identity}), a.value);
    // The latch holds a value of its own, as that of a stream is gone.
    Value *kept = makeValue(issue, a.identity, planes, 0);
    if (alu.latch)
      release(alu.latch);
    alu.latch = kept;
    if (data)
      std::memcpy(alu.latchWords, a.words,
                  size_t(machine.width()) * sizeof(uint32_t));
    return;
  }
  const bool two = aluSources(opcode) == 2;
  if (two)
    b = operand(issue, i.src1, planes, scratch.data() + paddedLanes);
  claim(issue, two ? fold({a.identity, b.identity}) : fold({a.identity}),
        a.value);
  uint32_t identity =
      fold({6, i.opcode, i.types, uint32_t(i.imm), uint32_t(i.imm >> 32),
            a.identity, b.identity, 0});

  const bool emits = i.dst != MOERT_LPU_NOWHERE;
  Value *value =
      makeValue(issue, identity, planesOf(to), emits ? planesOf(to) : 0);
  AluResult &slot = alu.results[size_t(now) & (alu.results.size() - 1)];
  if (slot.value)
    release(slot.value);
  slot.value = value;
  slot.cycle = now;
  slot.takes = 0;
  slot.hasStream = emits;
  if (data) {
    AluOutcome outcome =
        aluCompute(opcode, i.opcode & MOERT_LPU_FLAG, type, to, a.words,
                   b.words, machine.width(), slot.words);
    if (outcome.overflow)
      warn(result->overflow, issue, "H37: an int32 overflows");
    if (outcome.notANumber)
      warn(result->notANumber, issue, "H38: a result is not a number");
    if (emits)
      planesOfWords(slot.words, planesOf(to), machine.width(), value->bytes);
  }
  if (emits)
    put(issue, value, i.dst, i.dst & MOERT_LPU_WESTWARD ? -1 : 1,
        now + uint64_t(machine.latency.alu));
}
