//===- Emit.h - placed tasks as instructions --------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_EMIT_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_EMIT_H

#include "Schedule/Scheduler.h"
#include <tuple>

namespace moe::lpu {

/// Who issues.
struct TrackName {
  int64_t chip = 0;
  int kind = 0, side = 0;
  int64_t index = 0;
  auto tied() const { return std::tie(chip, kind, side, index); }
  bool operator<(const TrackName &other) const {
    return tied() < other.tied();
  }
};

/// An instruction with its times, as `lpu.issue` has it.
struct ScheduledInstruction {
  TrackName track;
  int64_t cycle = 0, times = 1, every = 1, step = 0;
  moert_lpu_instruction_t word = {};
  llvm::SmallVector<uint32_t, 1> claims; ///< of each time
  uint16_t uses = 0;
  int task = -1;
  int64_t lastCycle() const { return cycle + (times - 1) * every; }
};

/// A queue issues in order: where times of one instruction lie between those of
/// another, each becomes as many instructions as it takes. Sorts by cycle and track.
void separate(std::vector<ScheduledInstruction> &instructions);

/// What a segment is made of.
struct EmittedProgram {
  std::vector<ScheduledInstruction> instructions;
  int64_t cycles = 0;
  uint32_t outputs = 0; ///< the claim of what it leaves
};

/// Instructions of all tasks, in no order, behind a barrier.
EmittedProgram emitInstructions(const ScheduleProgram &program,
                                const Schedule &schedule);

/// Appends those of one transfer (Transfers.cpp).
void emitTransfer(const ScheduleProgram &program, int task,
                  const Placement &placement, uint32_t identity,
                  std::vector<ScheduledInstruction> &out);

/// What a program takes: 1 + the last cycle in which something arrives or is
/// written + superlanes.
int64_t cyclesOf(const Machine &machine,
                 llvm::ArrayRef<ScheduledInstruction> instructions);

/// Appends a segment for a piece of the program.
void writeSegment(const ScheduleProgram &program, const ProgramPiece &piece,
                  const EmittedProgram &emitted);
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_EMIT_H
