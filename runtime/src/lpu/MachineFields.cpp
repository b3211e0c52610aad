//===- MachineFields.cpp - what a machine file must say -------------------===//
//
// Bounds are those of the instruction format (moert/abi/lpu.h) where it has
// some, else wide enough for any chip and small enough that no sum or product
// overflows.
//===----------------------------------------------------------------------===//
#include "lpu/MachineFields.h"

#include <algorithm>

using namespace moert::lpu;

namespace {

// Of the instruction format: a unit of the SXM moves 16 lanes by 16 streams, LW
// takes 16 streams in at most 20 cycles, a source has 5 bits for a stream and 4
// for an ALU, a row has 16 bits, a track's index has 8.
constexpr int64_t lanesOfSuperlane = 16, weightStreams = 16;
constexpr int64_t mostSuperlanes = 20, streamsOfDirection = 32, mostAlus = 16;
constexpr int64_t mostRows = 65536, mostIndices = 256;
constexpr int64_t mostCycles = 65535; ///< of a NOP
// Of tables with a bit for each unit, and a cell for each column and cycle.
constexpr int64_t mostBanks = 4, mostUnits = 16, mostColumns = 512;
constexpr int64_t bytesOfGroup = 4; ///< streams of an f32
constexpr int64_t groupsOfDirection = streamsOfDirection / bytesOfGroup;

std::string number(int64_t value) { return std::to_string(value); }

} // namespace

std::vector<MachineField> moert::lpu::machineFields(MachineFile &file) {
  Machine &m = file.machine;
  auto &l = m.latency;
  return {
      {"", "name", &m.name},
      {"", "description", &file.description},
      {"", "source", &file.source},
      {"", "clock_hz", &m.clockHz, 1'000'000, 100'000'000'000},
      {"", "superlanes", &m.superlanes, 1, mostSuperlanes},
      {"", "lanes", &m.lanes, lanesOfSuperlane, lanesOfSuperlane},
      {"", "streams", &m.streams, streamsOfDirection, streamsOfDirection},
      {"mem", "slices", &m.mem.slices, bytesOfGroup, mostIndices},
      {"mem", "banks", &m.mem.banks, 1, mostBanks},
      {"mem", "rows", &m.mem.rows, 1, mostRows},
      {"mem", "group", &m.mem.group, 1, mostIndices},
      {"position", "mem", &m.position.mem, 1, mostColumns},
      {"position", "sxm", &m.position.sxm, 1, mostColumns},
      {"position", "mxm", &m.position.mxm, 1, mostColumns},
      {"latency", "read", &l.read, 1, mostCycles},
      {"latency", "write", &l.write, 1, mostCycles},
      {"latency", "gather", &l.gather, 1, mostCycles},
      {"latency", "vxm_entry", &l.vxmEntry, 0, mostCycles},
      {"latency", "alu", &l.alu, 1, mostCycles},
      {"latency", "shift", &l.shift, 1, mostCycles},
      {"latency", "permute", &l.permute, 1, mostCycles},
      {"latency", "distribute", &l.distribute, 1, mostCycles},
      {"latency", "rotate", &l.rotate, 1, mostCycles},
      {"latency", "transpose", &l.transpose, 1, mostCycles},
      {"latency", "select", &l.select, 1, mostCycles},
      {"latency", "mxm_result", &l.mxmResult, 1, mostCycles},
      {"latency", "install", &l.install, 1, mostCycles},
      {"mxm", "planes", &m.mxm.planes, 2, mostUnits},
      {"mxm", "streams", &m.mxm.streams, weightStreams, weightStreams},
      {"mxm", "depth", &m.mxm.depth, 1, mostCycles},
      {"mxm", "clear", &m.mxm.clear, 1, mostCycles},
      {"mxm", "overhead", &m.mxm.overhead, 0, mostCycles},
      {"mxm", "accumulators", &m.mxm.accumulators, 0, mostRows},
      {"mxm", "expander", &m.mxm.expander},
      {"vxm", "alus", &m.vxm.alus, 1, mostAlus},
      {"vxm", "large", &file.large},
      {"vxm", "fanout", &m.vxm.fanout, 1, mostAlus},
      {"vxm", "row", &file.row, 1, mostAlus},
      {"vxm", "reach", &file.reach, 1, groupsOfDirection},
      {"vxm", "reach_step", &file.reachStep, 0, groupsOfDirection},
      {"sxm", "shifters", &m.sxm.shifters, 0, mostUnits},
      {"sxm", "permuters", &m.sxm.permuters, 0, mostUnits},
      {"sxm", "distributors", &m.sxm.distributors, 0, mostUnits},
      {"sxm", "transposers", &m.sxm.transposers, 0, mostUnits},
      {"sxm", "selectors", &m.sxm.selectors, 0, mostUnits},
      {"icu", "queues", &m.icu.queues, 1, mostRows},
      {"icu", "ifetch_bytes", &m.icu.ifetchBytes, 1, mostRows},
      {"icu", "barrier", &m.icu.barrier, 1, mostCycles},
      {"c2c", "links", &m.c2c.links, 0, mostIndices},
      {"c2c", "vector_cycles", &m.c2c.vectorCycles, 1, mostCycles},
      {"c2c", "hop_cycles", &m.c2c.hopCycles, 1, mostCycles},
      {"c2c", "deskew_window", &m.c2c.deskewWindow, 0, mostCycles},
      {"c2c", "local", &m.c2c.local, 0, mostIndices},
      {"c2c", "global", &m.c2c.global, 0, mostIndices},
      {"c2c", "node", &m.c2c.node, 1, mostRows},
      {"c2c", "nodes_of_rack", &m.c2c.nodesOfRack, 1, mostRows},
  };
}

static std::string checkMemory(const Machine &m) {
  if (m.mem.slices % m.mem.group)
    return "mem.group " + number(m.mem.group) + " does not divide mem.slices " +
           number(m.mem.slices);
  if (m.rowsOfSlice() > mostRows)
    return "mem.banks " + number(m.mem.banks) + " of mem.rows " +
           number(m.mem.rows) + " are " + number(m.rowsOfSlice()) +
           " rows, an instruction can name " + number(mostRows);
  int64_t last = m.columnOf(m.mem.slices - 1);
  if (m.position.sxm <= last)
    return "position.sxm " + number(m.position.sxm) +
           " is not beyond the memory, which ends at column " + number(last);
  if (m.position.mxm <= m.position.sxm)
    return "position.mxm " + number(m.position.mxm) +
           " is not beyond position.sxm " + number(m.position.sxm);
  return "";
}

static std::string checkMatrixUnit(const Machine &m) {
  if (m.mxm.planes % 2)
    return "mxm.planes " + number(m.mxm.planes) + " is not a number of pairs";
  if (m.latency.mxmResult < m.mxm.depth)
    return "latency.mxm_result " + number(m.latency.mxmResult) +
           " is less than mxm.depth " + number(m.mxm.depth);
  return "";
}

static std::string checkVectorUnit(const MachineFile &file) {
  const auto &vxm = file.machine.vxm;
  if (vxm.alus % file.row)
    return "vxm.row " + number(file.row) + " does not divide vxm.alus " +
           number(vxm.alus);
  std::vector<bool> isSeen(vxm.alus);
  for (int64_t alu : file.large) {
    if (alu < 0 || alu >= vxm.alus)
      return "vxm.large has ALU " + number(alu) + ", vxm.alus is " +
             number(vxm.alus);
    if (isSeen[alu])
      return "vxm.large has ALU " + number(alu) + " twice";
    isSeen[alu] = true;
  }
  return "";
}

static std::string checkControl(const Machine &m) {
  if (m.icu.ifetchBytes != 2 * m.width())
    return "icu.ifetch_bytes " + number(m.icu.ifetchBytes) +
           " is not two vectors of " + number(m.width()) + " bytes";
  // What is left is for the SXM and links, whose units share queues.
  int64_t planes = 2 * m.mxm.planes;
  int64_t least = 2 * m.mem.slices + m.vxm.alus + 3 * planes;
  if (m.icu.queues < least)
    return "icu.queues " + number(m.icu.queues) + " is less than " +
           number(least) + ": 1 for each of " + number(2 * m.mem.slices) +
           " slices and " + number(m.vxm.alus) + " ALUs, 3 for each of " +
           number(planes) + " planes";
  return "";
}

static std::string checkLinks(const Machine &m) {
  const auto &c2c = m.c2c;
  if (c2c.local + c2c.global > c2c.links)
    return "c2c.local " + number(c2c.local) + " and c2c.global " +
           number(c2c.global) + " are more than c2c.links " + number(c2c.links);
  if (c2c.local < c2c.node - 1)
    return "c2c.local " + number(c2c.local) + " does not reach the " +
           number(c2c.node - 1) + " other chips of c2c.node " +
           number(c2c.node);
  if (c2c.nodesOfRack > 1 && c2c.global == 0)
    return "c2c.global 0 does not reach the other nodes of c2c.nodes_of_rack " +
           number(c2c.nodesOfRack);
  if (c2c.deskewWindow >= c2c.vectorCycles)
    return "c2c.deskew_window " + number(c2c.deskewWindow) +
           " is not less than c2c.vector_cycles " + number(c2c.vectorCycles);
  return "";
}

static std::string checkName(const std::string &name) {
  constexpr size_t most = 64;
  constexpr std::string_view known = "abcdefghijklmnopqrstuvwxyz0123456789-_.+";
  if (name.size() > most)
    return "name has " + number(name.size()) + " characters, at most " +
           number(most) + " are allowed";
  size_t at = name.find_first_not_of(known);
  if (at != name.npos)
    return "name has character " + number(uint8_t(name[at])) + " at " +
           number(at) + ", allowed are a-z, 0-9, '-', '_', '.', '+'";
  return "";
}

std::string moert::lpu::checkMachine(const MachineFile &file) {
  const Machine &m = file.machine;
  for (const std::string &wrong :
       {checkName(m.name), checkMemory(m), checkMatrixUnit(m),
        checkVectorUnit(file), checkControl(m), checkLinks(m)})
    if (!wrong.empty())
      return wrong;
  return "";
}
