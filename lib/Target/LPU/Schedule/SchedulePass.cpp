//===- SchedulePass.cpp - clusters get their cycles -----------------------===//
#include "Passes.h"
#include "Schedule/Report.h"
#include "moe/Support/OutputFile.h"

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
  LogicalResult schedule(const ScheduleProgram &program,
                         EmittedProgram &emitted, llvm::json::Value *page);
  static void eraseSteps(ProgramOp op);
  LogicalResult writeReport(const llvm::json::Value &data);
};
} // namespace

void SchedulePass::eraseSteps(ProgramOp op) {
  SmallVector<Operation *> old;
  for (Operation &each : op.getBody().front())
    if (isa<ClusterOp, InstallOp, TransferOp, BoundaryOp>(each))
      old.push_back(&each);
  for (Operation *each : llvm::reverse(old))
    each->erase();
}

LogicalResult SchedulePass::writeReport(const llvm::json::Value &data) {
  llvm::Error error = moe::writeFile(report, [&](llvm::raw_ostream &stream) {
    if (StringRef(report).ends_with(".json"))
      stream << data << "\n";
    else
      stream << schedulePage(data);
  });
  if (error)
    return getOperation().emitError()
           << "report: " << llvm::toString(std::move(error));
  return success();
}

LogicalResult SchedulePass::schedule(const ScheduleProgram &program,
                                     EmittedProgram &emitted,
                                     llvm::json::Value *page) {
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
  emitted = emitInstructions(program, *best);
  std::vector<ScheduledInstruction> whole = emitted.instructions;
  separate(emitted.instructions);
  emitted.cycles = cyclesOf(program.machine, emitted.instructions);
  ScheduleStatistics statistics =
      measureSchedule(program, *best, emitted.instructions, emitted.cycles);
  numCycles += statistics.cycles;
  numInstructions += statistics.instructions;
  numStreaming += statistics.streaming;
  numPercent = uint64_t(100 * statistics.streamingShare + 0.5);
  if (page)
    *page = scheduleAsJson(program, *best, whole, statistics);
  return success();
}

LogicalResult SchedulePass::schedule(ProgramOp op) {
  std::vector<ProgramPiece> pieces = cutProgram(op);
  if (llvm::all_of(pieces,
                   [](const ProgramPiece &each) { return each.steps.empty(); }))
    return success();
  // The page shows the piece that takes longest.
  llvm::json::Value page = nullptr;
  int64_t longest = -1;
  std::vector<ScheduleProgram> programs(pieces.size());
  std::vector<EmittedProgram> emitted(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    llvm::json::Value mine = nullptr;
    if (failed(readProgram(op, pieces[i], programs[i])))
      return failure();
    findDependences(programs[i]);
    if (failed(schedule(programs[i], emitted[i],
                        report.empty() ? nullptr : &mine)))
      return failure();
    if (emitted[i].cycles > longest) {
      longest = emitted[i].cycles;
      page = std::move(mine);
    }
  }
  if (!report.empty() && failed(writeReport(page)))
    return failure();
  for (size_t i = 0; i < pieces.size(); ++i)
    writeSegment(programs[i], pieces[i], emitted[i]);
  eraseSteps(op);
  return success();
}
