//===- SchedulePass.cpp - clusters get their cycles -----------------------===//
#include "Passes.h"
#include "Schedule/Emit.h"

namespace moe::lpu {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;

namespace {
struct SchedulePass : moe::lpu::impl::SchedulePassBase<SchedulePass> {
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      if (failed(schedule(program)))
        return signalPassFailure();
  }

  LogicalResult schedule(ProgramOp op);
};
} // namespace

LogicalResult SchedulePass::schedule(ProgramOp op) {
  if (op.getOps<ClusterOp>().empty() && op.getOps<InstallOp>().empty() &&
      op.getOps<TransferOp>().empty())
    return success();
  ScheduleProgram program;
  if (failed(readProgram(op, program)))
    return failure();
  findDependences(program);
  // What is urgent is what much comes behind; how much that counts against
  // starting soon is tried.
  std::optional<Schedule> best;
  for (double urgency : {1.0, 0.25, 0.0}) {
    Schedule schedule;
    if (failed(Scheduler(program, urgency).run(schedule)))
      return failure();
    if (!best || schedule.cycles < best->cycles)
      best = std::move(schedule);
  }
  std::vector<ScheduledInstruction> instructions =
      emitInstructions(program, *best);
  writeSegment(program, instructions,
               cyclesOf(program.machine, instructions));
  return success();
}
