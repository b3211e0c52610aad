//===- Statistics.cpp - what of a machine a schedule keeps busy -----------===//
#include "Schedule/Report.h"
#include "llvm/ADT/StringMap.h"
#include <map>

using namespace moe::lpu;

namespace {

/// Rows of a table of units.
enum Kind { Install, Feed, Alu, Switch, Read, Write, Link, kinds };

int kindOf(int track) {
  switch (track) {
  case MOERT_LPU_MEM_READ:
    return Read;
  case MOERT_LPU_MEM_WRITE:
    return Write;
  case MOERT_LPU_VXM:
    return Alu;
  case MOERT_LPU_MXM_LOAD:
    return Install;
  case MOERT_LPU_MXM_FEED:
    return Feed;
  case MOERT_LPU_SXM_SHIFT:
  case MOERT_LPU_SXM_PERMUTE:
  case MOERT_LPU_SXM_DISTRIBUTE:
    return Switch;
  case MOERT_LPU_C2C:
    return Link;
  default:
    return -1;
  }
}

class Measurer {
public:
  Measurer(const ScheduleProgram &program, const Schedule &schedule,
           llvm::ArrayRef<ScheduledInstruction> instructions, int64_t cycles)
      : program(program), machine(program.machine), schedule(schedule),
        instructions(instructions) {
    out.cycles = cycles;
  }
  ScheduleStatistics measure() {
    countBusy();
    countText();
    countStreaming();
    countRows();
    findPath();
    return std::move(out);
  }

private:
  void countBusy();
  void countText();
  void countStreaming();
  void countRows();
  void findPath();

  const ScheduleProgram &program;
  const Machine &machine;
  const Schedule &schedule;
  llvm::ArrayRef<ScheduledInstruction> instructions;
  ScheduleStatistics out;
};
} // namespace

static bool isLoad(const ScheduledInstruction &each) {
  return each.word.opcode == MOERT_LPU_LW || each.word.opcode == MOERT_LPU_LWX;
}

void Measurer::countBusy() {
  int64_t chips = program.chips;
  int64_t switches = machine.sxm.shifters + machine.sxm.permuters +
                     machine.sxm.distributors;
  out.kinds = {{"install ports", 2 * machine.mxm.planes * chips},
               {"planes that multiply", 2 * machine.mxm.planes * chips},
               {"ALUs", machine.vxm.alus * chips},
               {"SXM units", 2 * switches * chips},
               {"slices that read", 2 * machine.mem.slices * chips},
               {"slices that write", 2 * machine.mem.slices * chips}};
  if (chips > 1)
    out.kinds.push_back({"links", machine.c2c.links * chips});
  for (const ScheduledInstruction &each : instructions) {
    int kind = kindOf(each.track.kind);
    out.instructions += each.times;
    bool counts = each.word.opcode != MOERT_LPU_SYNC &&
                  (kind != Install || isLoad(each));
    if (kind >= 0 && size_t(kind) < out.kinds.size() && counts)
      out.kinds[kind].busy +=
          each.times * (kind == Install ? int64_t(each.word.imm & 255) : 1);
  }
}

/// A word for each instruction, its repetitions and the gap before it.
void Measurer::countText() {
  std::map<TrackName, int64_t> next;
  for (const ScheduledInstruction &each : instructions) {
    auto [place, isFirst] = next.try_emplace(each.track, 0);
    int64_t gap = each.cycle - place->second;
    bool isBehindBarrier = place->second == 1 && gap > 0;
    if (isBehindBarrier)
      gap -= machine.icu.barrier - 1;
    constexpr int64_t longest = 65535;
    out.words += (gap + longest - 1) / longest + 1 + (each.times > 1);
    place->second = each.lastCycle() + 1;
  }
}

void Measurer::countStreaming() {
  int64_t end = INT64_MIN, length = 0;
  int64_t cycles = machine.width() / machine.mxm.streams;
  for (const ScheduledInstruction &each : instructions) {
    if (!isLoad(each))
      continue;
    ++out.installs;
    int64_t last = each.cycle + cycles;
    length += each.cycle - end < cycles ? std::max<int64_t>(0, last - end)
                                        : cycles;
    end = std::max(end, last);
  }
  out.streaming = length;
  if (length)
    out.streamingShare = double(out.installs * cycles) /
                         double(length * 2 * machine.mxm.planes * program.chips);
  out.reinstalls = schedule.reinstalls;
}

void Measurer::countRows() {
  out.rows.assign(program.chips * 2 * machine.mem.slices, 0);
  for (const PlacedBuffer &buffer : program.buffers) {
    int64_t rows = (buffer.count + buffer.groups() - 1) / buffer.groups();
    for (int64_t slice : buffer.slices)
      out.rows[(buffer.chip * 2 + buffer.side) * machine.mem.slices + slice] +=
          rows;
  }
}

/// Walks from who ends last to whom each waited for.
void Measurer::findPath() {
  std::vector<const Placement *> places(program.tasks.size());
  for (const PlacedTask &each : schedule.placed)
    places[each.task] = &each.placement;
  std::vector<llvm::SmallVector<Edge, 4>> from(program.tasks.size());
  int last = -1;
  int64_t end = 0;
  for (int t = 0, e = int(program.tasks.size()); t < e; ++t) {
    const Task &task = program.tasks[t];
    for (const Edge &edge : task.successors)
      from[edge.task].push_back({t, edge.cycles});
    if (!places[t] || task.isInstall)
      continue;
    int64_t done = places[t]->start + task.end + (task.times - 1) * task.every;
    if (done > end) {
      end = done;
      last = t;
    }
  }
  llvm::StringMap<size_t> known;
  // Weights that come a second time wait for who multiplied by them the first.
  std::vector<bool> isListed(program.tasks.size());
  for (int task = last; task >= 0 && !isListed[task];) {
    isListed[task] = true;
    int64_t start = places[task]->start, bound = 0;
    int next = -1;
    for (const Edge &edge : from[task]) {
      if (!places[edge.task])
        continue;
      int64_t least = places[edge.task]->start + edge.cycles;
      if (next < 0 || least > bound) {
        bound = least;
        next = edge.task;
      }
    }
    // Weights wait for those before them.
    int before = places[task]->after;
    if (next < 0 && before >= 0 && before != task) {
      next = before;
      bound = start;
    }
    const std::string &name = program.tasks[task].name;
    auto [place, isNew] = known.try_emplace(name, out.path.size());
    if (isNew)
      out.path.push_back({name});
    ScheduleStatistics::Step &step = out.path[place->second];
    ++step.tasks;
    step.cycles += end - start;
    step.waited += next >= 0 ? std::max<int64_t>(0, start - bound) : 0;
    // What lies between the starts is the earlier one's.
    end = start;
    task = next;
  }
  std::reverse(out.path.begin(), out.path.end());
}

ScheduleStatistics moe::lpu::measureSchedule(
    const ScheduleProgram &program, const Schedule &schedule,
    llvm::ArrayRef<ScheduledInstruction> instructions, int64_t cycles) {
  return Measurer(program, schedule, instructions, cycles).measure();
}
