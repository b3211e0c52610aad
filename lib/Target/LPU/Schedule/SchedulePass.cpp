//===- SchedulePass.cpp - clusters get their cycles -----------------------===//
#include "Passes.h"
#include "Schedule/Report.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/ToolOutputFile.h"

namespace moe::lpu {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;

namespace {
struct SchedulePass : moe::lpu::impl::SchedulePassBase<SchedulePass> {
  using SchedulePassBase::SchedulePassBase;
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      if (failed(schedule(program)))
        return signalPassFailure();
  }

  LogicalResult schedule(ProgramOp op);
  LogicalResult writeReport(const llvm::json::Value &data);
};
} // namespace

LogicalResult SchedulePass::writeReport(const llvm::json::Value &data) {
  std::string message;
  auto file = openOutputFile(report, &message);
  if (!file)
    return getOperation().emitError() << "report: " << message;
  if (StringRef(report).ends_with(".json"))
    file->os() << data << "\n";
  else
    file->os() << schedulePage(data);
  file->keep();
  return success();
}

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
  for (double urgency : {4.0, 1.0, 0.0}) {
    Schedule schedule;
    if (failed(Scheduler(program, urgency).run(schedule)))
      return failure();
    if (!best || schedule.cycles < best->cycles)
      best = std::move(schedule);
  }
  std::vector<ScheduledInstruction> instructions =
      emitInstructions(program, *best);
  std::vector<ScheduledInstruction> whole = instructions;
  separate(instructions);
  int64_t cycles = cyclesOf(program.machine, instructions);
  ScheduleStatistics statistics =
      measureSchedule(program, *best, instructions, cycles);
  numCycles += statistics.cycles;
  numInstructions += statistics.instructions;
  numStreaming += statistics.streaming;
  numPercent = uint64_t(100 * statistics.streamingShare + 0.5);
  if (!report.empty() &&
      failed(writeReport(
          scheduleAsJson(program, *best, whole, statistics))))
    return failure();
  writeSegment(program, instructions, cycles);
  return success();
}
