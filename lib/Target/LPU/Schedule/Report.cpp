//===- Report.cpp - a schedule as JSON, and as a page that draws it -------===//
#include "Schedule/Report.h"
#include "llvm/ADT/StringMap.h"
#include <string_view>

using namespace moe::lpu;
namespace json = llvm::json;

namespace {
#include "LpuReportPage.inc" // page, style, script: the files of Report
} // namespace

/// Names once, and the number of each.
namespace {
class Names {
public:
  int64_t of(llvm::StringRef name) {
    auto [place, isNew] = numbers.try_emplace(name, int64_t(list.size()));
    if (isNew)
      list.push_back(json::fixUTF8(name));
    return place->second;
  }
  json::Array take() { return std::move(list); }

private:
  llvm::StringMap<int64_t> numbers;
  json::Array list;
};
} // namespace

/// Side, direction, diagonal, columns, stream, bytes, times, distance, name.
static void addToken(json::Array &out, int side, bool outward, int64_t diagonal,
                     int64_t low, int64_t high, int64_t stream, int64_t bytes,
                     int64_t times, int64_t every, int64_t name) {
  for (int64_t each : {int64_t(side), int64_t(outward), diagonal, low, high,
                       stream, bytes, times, every, name})
    out.push_back(each);
}

static void addTokens(const ScheduleProgram &program, const PlacedTask &placed,
                      int64_t name, json::Array &out) {
  const Task &task = program.tasks[placed.task];
  const Placement &place = placed.placement;
  const Machine &machine = program.machine;
  int64_t mxm = machine.position.mxm;
  if (!task.isInstall) {
    for (auto [token, stream] : llvm::zip(task.tokens, place.streams))
      addToken(out, token.side, token.outward, place.start + token.diagonal,
               token.low, token.high, stream, token.bytes, task.times,
               task.every, name);
    return;
  }
  for (const PortUse &use : task.ports) {
    if (use.sink >= 0)
      continue;
    addToken(out, use.side, true, place.loads[use.node] - mxm,
             machine.columnOf(use.slice), mxm,
             place.loadStreams[use.node] + use.plane, 1, use.times, use.every,
             name);
  }
}

static json::Value asJson(const ScheduleStatistics &statistics) {
  json::Array kinds, path, rows;
  for (const ScheduleStatistics::Kind &each : statistics.kinds)
    kinds.push_back(json::Object{
        {"name", each.name}, {"units", each.units}, {"busy", each.busy}});
  for (const ScheduleStatistics::Step &each : statistics.path)
    path.push_back(json::Object{{"name", json::fixUTF8(each.name)},
                                {"cycles", each.cycles},
                                {"waited", each.waited},
                                {"tasks", each.tasks}});
  for (int64_t each : statistics.rows)
    rows.push_back(each);
  return json::Object{{"cycles", statistics.cycles},
                      {"instructions", statistics.instructions},
                      {"text_bytes", statistics.words * 16},
                      {"units", std::move(kinds)},
                      {"installs", statistics.installs},
                      {"reinstalls", statistics.reinstalls},
                      {"streaming_cycles", statistics.streaming},
                      {"streaming_share", statistics.streamingShare},
                      {"rows", std::move(rows)},
                      {"critical_path", std::move(path)}};
}

json::Value moe::lpu::scheduleAsJson(
    const ScheduleProgram &program, const Schedule &schedule,
    llvm::ArrayRef<ScheduledInstruction> instructions,
    const ScheduleStatistics &statistics) {
  const Machine &machine = program.machine;
  Names names;
  json::Array issues, tokens;
  for (const ScheduledInstruction &each : instructions) {
    if (each.task < 0)
      continue;
    int64_t length =
        each.track.kind == MOERT_LPU_MXM_LOAD ? each.word.imm & 255 : 1;
    for (int64_t number :
         {each.track.chip, int64_t(each.track.kind), int64_t(each.track.side),
          each.track.index, each.cycle, each.times, each.every,
          std::max<int64_t>(1, length), int64_t(each.word.opcode & 127),
          names.of(program.tasks[each.task].name)})
      issues.push_back(number);
  }
  for (const PlacedTask &placed : schedule.placed)
    if (program.tasks[placed.task].chip == 0 &&
        (program.tasks[placed.task].isInstall ||
         !program.tasks[placed.task].tokens.empty()))
      addTokens(program, placed, names.of(program.tasks[placed.task].name),
                tokens);
  json::Array opcodes;
  for (int opcode = 0; opcode < 128; ++opcode)
    opcodes.push_back(nameOfOpcode(uint8_t(opcode)));
  ProgramOp op = program.op;
  return json::Object{
      {"program", json::fixUTF8(op.getSymName())},
      {"machine",
       json::Object{{"name", json::fixUTF8(machine.name)},
                    {"clock_hz", machine.clockHz},
                    {"slices", machine.mem.slices},
                    {"rows", machine.rowsOfSlice()},
                    {"group", machine.mem.group},
                    {"mem", machine.position.mem},
                    {"sxm", machine.position.sxm},
                    {"mxm", machine.position.mxm},
                    {"planes", machine.mxm.planes},
                    {"alus", machine.vxm.alus},
                    {"shifters", machine.sxm.shifters},
                    {"permuters", machine.sxm.permuters},
                    {"distributors", machine.sxm.distributors},
                    {"links", machine.c2c.links},
                    {"chips", program.chips}}},
      {"statistics", asJson(statistics)},
      {"opcodes", std::move(opcodes)},
      {"issues", std::move(issues)},
      {"tokens", std::move(tokens)},
      {"names", names.take()}};
}

static void replaceOnce(std::string &text, llvm::StringRef what,
                        llvm::StringRef by) {
  size_t at = text.find(what.str());
  if (at != text.npos)
    text.replace(at, what.size(), by.data(), by.size());
}

std::string moe::lpu::schedulePage(const json::Value &data) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << data;
  // A name must not end the script.
  std::string safe;
  for (char c : text)
    safe += c == '<' ? std::string("\\u003c") : std::string(1, c);
  std::string result(page);
  replaceOnce(result, "{{style}}", style);
  replaceOnce(result, "{{script}}", script);
  replaceOnce(result, "{{data}}", safe);
  return result;
}
