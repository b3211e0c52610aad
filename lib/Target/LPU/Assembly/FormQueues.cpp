//===- FormQueues.cpp - issues become the text of queues ------------------===//
#include "IR/InstructionText.h"
#include "IR/Machines.h"
#include "Passes.h"

#include <map>
#include <tuple>

namespace moe::lpu {
#define GEN_PASS_DEF_FORMQUEUESPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;

namespace {

/// What fields of NOP and REPEAT take at most.
constexpr int64_t mostCycles = 65535;

/// Tracks in the order of the program's file: by chip, kind, hemisphere, index.
using TrackKey = std::tuple<int64_t, TrackKind, Side, int64_t>;

/// Issues i, i + 1, ... i + times that differ in nothing but time and row.
struct Run {
  int64_t times = 0, every = 1;
  uint16_t step = 0;
};

/// What the ICU itself does is never repeated.
bool differInRowOnly(IssueOp a, IssueOp b) {
  moert_lpu_instruction_t x = a.getInstruction(), y = b.getInstruction();
  x.row = y.row = 0;
  return x.opcode >= MOERT_LPU_READ && lowWord(x) == lowWord(y) &&
         x.imm == y.imm && a.getUses() == b.getUses() && a.getTimes() == 1 &&
         b.getTimes() == 1;
}

uint16_t rowsBetween(IssueOp a, IssueOp b) {
  return uint16_t(b.getInstruction().row - a.getInstruction().row);
}

/// The longest run that begins at the front.
Run findRun(ArrayRef<IssueOp> issues) {
  Run run;
  while (run.times + 1 < int64_t(issues.size()) && run.times < mostCycles) {
    IssueOp last = issues[run.times], next = issues[run.times + 1];
    int64_t every = next.getCycle() - last.getCycle();
    if (!differInRowOnly(last, next) || every < 1 || every > mostCycles)
      break;
    uint16_t step = rowsBetween(last, next);
    if (run.times && (every != run.every || step != run.step))
      break;
    run = {run.times + 1, every, step};
  }
  return run;
}

/// The run that is worth a REPEAT at the front: two neighbours are none, and
/// neither are two of which the second begins a longer one.
Run chooseRun(ArrayRef<IssueOp> issues) {
  Run run = findRun(issues);
  if (run.times == 1 &&
      (run.every == 1 || findRun(issues.drop_front()).times > 1))
    return Run();
  return run;
}

/// Writes the words of one track.
class QueueWriter {
public:
  QueueWriter(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  int64_t words = 0;

  /// Cycle in which the next word would be issued.
  int64_t getCycle() const { return cycle; }

  void waitUntil(int64_t target) {
    while (cycle < target) {
      int64_t cycles = std::min(target - cycle, mostCycles);
      auto nop = makeInstruction(MOERT_LPU_NOP);
      nop.imm = cycles;
      append(nop, 0, 0);
      cycle += cycles - 1;
    }
  }

  void append(const moert_lpu_instruction_t &instruction, uint32_t claim,
              uint16_t uses) {
    TextOp::create(builder, loc, instruction, claim, uses);
    ++words;
    ++cycle;
  }

  void repeat(const Run &run, uint32_t claim, uint16_t uses) {
    auto repeat = makeInstruction(MOERT_LPU_REPEAT);
    repeat.imm = uint64_t(run.times) | uint64_t(run.every) << 16 |
                 uint64_t(run.step) << 32;
    append(repeat, claim, uses);
    cycle += run.times * run.every - 1;
  }

  /// Behind a SYNC, which ends at a barrier.
  void resumeAt(int64_t target) { cycle = target; }

private:
  OpBuilder &builder;
  Location loc;
  int64_t cycle = 0;
};

class FormQueues {
public:
  FormQueues(SegmentOp segment, ProgramOp program)
      : segment(segment), program(program) {}

  LogicalResult run();

  int64_t issues = 0, words = 0;

private:
  LogicalResult writeQueue(ArrayRef<IssueOp> issues);
  LogicalResult findBarrierEnd(IssueOp sync, int64_t &cycle);

  SegmentOp segment;
  ProgramOp program;
  int64_t barrier = 0;
  SmallVector<std::pair<int64_t, int64_t>> notifications; ///< chip, cycle
};

LogicalResult FormQueues::run() {
  auto machine = findMachine(program.getMachine());
  if (!machine)
    return program.emitError(llvm::toString(machine.takeError()));
  barrier = machine->icu.barrier;
  std::map<TrackKey, SmallVector<IssueOp>> tracks;
  for (auto issue : segment.getBody().getOps<IssueOp>()) {
    TrackAttr track = issue.getTrack();
    if (issue.getInstruction().opcode == MOERT_LPU_NOTIFY)
      notifications.push_back({track.getChip(), issue.getCycle()});
    tracks[{track.getChip(), track.getKind(), track.getSide(),
            track.getIndex()}]
        .push_back(issue);
  }
  for (auto &[key, list] : tracks) {
    llvm::sort(
        list, [](IssueOp a, IssueOp b) { return a.getCycle() < b.getCycle(); });
    if (failed(writeQueue(list)))
      return failure();
  }
  for (auto &[key, list] : tracks)
    for (IssueOp issue : list)
      issue.erase();
  return success();
}

/// A chip's tracks go on `icu.barrier` cycles behind the NOTIFY.
LogicalResult FormQueues::findBarrierEnd(IssueOp sync, int64_t &cycle) {
  std::optional<int64_t> notified;
  for (auto [chip, at] : notifications)
    if (chip == sync.getTrack().getChip() && at >= sync.getCycle() &&
        (!notified || at < *notified))
      notified = at;
  if (!notified)
    return sync.emitError()
           << "sync of " << nameOfTrack(sync.getTrack()) << " in cycle "
           << sync.getCycle() << ", no notify of chip "
           << sync.getTrack().getChip() << " comes behind it";
  cycle = *notified + barrier;
  return success();
}

LogicalResult FormQueues::writeQueue(ArrayRef<IssueOp> list) {
  OpBuilder builder = OpBuilder::atBlockEnd(&segment.getBody().front());
  Location loc = segment.getLoc();
  auto queue =
      QueueOp::create(builder, loc, IssueOp(list.front()).getTrack(), 0);
  builder.createBlock(&queue.getBody());
  QueueWriter writer(builder, loc);
  issues += list.size();
  while (!list.empty()) {
    IssueOp issue = list.front();
    if (issue.getCycle() < writer.getCycle())
      return issue.emitError()
             << nameOfTrack(issue.getTrack()) << " issues in cycle "
             << issue.getCycle() << ", it is free again in cycle "
             << writer.getCycle();
    writer.waitUntil(issue.getCycle());
    writer.append(issue.getInstruction(), issue.getClaim(), issue.getUses());
    if (issue.getInstruction().opcode == MOERT_LPU_SYNC) {
      int64_t cycle;
      if (failed(findBarrierEnd(issue, cycle)))
        return failure();
      writer.resumeAt(cycle);
    }
    int64_t taken = 1;
    if (issue.getTimes() > 1) {
      writer.repeat(
          {issue.getTimes() - 1, issue.getEvery(), uint16_t(issue.getStep())},
          issue.getRepeatsClaim(), issue.getUses());
    } else if (Run run = chooseRun(list); run.times) {
      uint32_t claim = 0;
      for (IssueOp repeated : list.slice(1, run.times))
        claim = moert_lpu_mix(claim, repeated.getClaim());
      writer.repeat(run, claim, issue.getUses());
      taken += run.times;
    }
    list = list.drop_front(taken);
  }
  words += writer.words;
  return success();
}

class FormQueuesPass
    : public moe::lpu::impl::FormQueuesPassBase<FormQueuesPass> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](SegmentOp segment) {
      FormQueues form(segment, segment->getParentOfType<ProgramOp>());
      if (failed(form.run()))
        return WalkResult::interrupt();
      numIssues += form.issues;
      numWords += form.words;
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
