//===- Separate.cpp - instructions of one queue, one after the other ------===//
#include "Schedule/Emit.h"

using namespace moe::lpu;

namespace {
/// One time of an instruction.
struct Time {
  int64_t cycle;
  size_t instruction;
  int64_t index;
};
} // namespace

/// Those times from `first` on that follow one another.
static ScheduledInstruction takeRun(const ScheduledInstruction &from,
                                    int64_t first, int64_t times) {
  ScheduledInstruction run = from;
  run.cycle = from.cycle + first * from.every;
  run.times = times;
  run.word.row = uint16_t(from.word.row + first * from.step);
  run.claims.assign(from.claims.begin() + first,
                    from.claims.begin() + first + times);
  if (times == 1)
    run.every = 1, run.step = 0;
  return run;
}

/// Splits instructions of a track whose times interleave.
static void splitGroup(llvm::ArrayRef<ScheduledInstruction> group,
                       std::vector<ScheduledInstruction> &out) {
  std::vector<Time> times;
  for (size_t i = 0; i < group.size(); ++i)
    for (int64_t k = 0; k < group[i].times; ++k)
      times.push_back({group[i].cycle + k * group[i].every, i, k});
  llvm::sort(times, [](const Time &a, const Time &b) {
    return std::tie(a.cycle, a.instruction) < std::tie(b.cycle, b.instruction);
  });
  for (size_t begin = 0, end; begin < times.size(); begin = end) {
    for (end = begin + 1; end < times.size() &&
                          times[end].instruction == times[begin].instruction;)
      ++end;
    out.push_back(takeRun(group[times[begin].instruction], times[begin].index,
                          int64_t(end - begin)));
  }
}

void moe::lpu::separate(std::vector<ScheduledInstruction> &instructions) {
  auto byTrack = [](const ScheduledInstruction &a,
                    const ScheduledInstruction &b) {
    return std::tie(a.track, a.cycle) < std::tie(b.track, b.cycle);
  };
  llvm::sort(instructions, byTrack);
  std::vector<ScheduledInstruction> out;
  for (size_t begin = 0, end; begin < instructions.size(); begin = end) {
    int64_t last = instructions[begin].lastCycle();
    auto overlaps = [&](const ScheduledInstruction &next) {
      return !(next.track < instructions[begin].track) &&
             !(instructions[begin].track < next.track) && next.cycle <= last;
    };
    for (end = begin + 1;
         end < instructions.size() && overlaps(instructions[end]); ++end)
      last = std::max(last, instructions[end].lastCycle());
    if (end == begin + 1)
      out.push_back(std::move(instructions[begin]));
    else
      splitGroup(llvm::ArrayRef(instructions).slice(begin, end - begin), out);
  }
  llvm::sort(out, [](const ScheduledInstruction &a,
                     const ScheduledInstruction &b) {
    return std::tie(a.cycle, a.track) < std::tie(b.cycle, b.track);
  });
  instructions = std::move(out);
}
