//===- EngineMemory.cpp - READ, WRITE, GATHER, SCATTER --------------------===//
#include "Engine.h"

#include <cstring>

using namespace moert::lpu;

/// The row of a program that an instruction names.
uint32_t Engine::rowOf(const Issue &issue, size_t slice) {
  uint32_t row = program.slices[slice].at(issue.instruction.row);
  bool reads = issue.instruction.opcode == MOERT_LPU_READ;
  if (row == noRow)
    hazard(reads ? 8 : 10, issue,
           "row " + std::to_string(issue.instruction.row) +
               " belongs to no buffer");
  return row;
}

/// Banks that an instruction may touch; an address decides where in its buffer.
uint64_t Engine::banksOf(size_t slice, const Issue &issue,
                         bool indirect) const {
  uint64_t bank = uint64_t(issue.instruction.row / machine.mem.rows);
  uint64_t banks = uint64_t(1) << (bank & 63);
  uint32_t row = program.slices[slice].at(issue.instruction.row);
  if (!indirect || row == noRow)
    return banks;
  const BufferInfo &buffer = memory.bufferOf(row);
  uint64_t end = buffer.table->row() +
                 (buffer.count - 1) / buffer.groups * buffer.table->step();
  for (uint64_t b = buffer.table->row() / uint64_t(machine.mem.rows);
       b <= end / uint64_t(machine.mem.rows); ++b)
    banks |= uint64_t(1) << (b & 63);
  return banks;
}

static std::string accessOf(const char *kind, uint16_t row,
                            const std::string &instruction) {
  // "READ (track ..." without the opcode.
  return std::string(kind) + " of row " + std::to_string(row) + " " +
         instruction.substr(instruction.find('('));
}

/// READ, GATHER: a row that is there.
void Engine::checkRow(const Issue &issue, uint32_t row, uint64_t superlanes) {
  const BufferInfo &buffer = memory.bufferOf(row);
  auto vector = [&] {
    return "vector " + std::to_string((row - buffer.firstRow) / buffer.planes) +
           " of buffer " + buffer.name;
  };
  if (uint64_t missing = superlanes & ~memory.written[row])
    hazard(8, issue, "superlane " + std::to_string(__builtin_ctzll(missing)) +
                         " of " + vector() + " was never written");
  if (!memory.hasUpsets())
    return;
  int bad = memory.correct(row, superlanes, result->corrected);
  if (bad >= 0)
    throw HazardError{"cycle " + std::to_string(now) + ", " +
                      unitName(issue.track) + ": " + describe(issue) +
                      ": two bits of superlane " + std::to_string(bad) +
                      " of " + vector() + " are wrong"};
}

/// Each superlane's own row.
void Engine::gather(const Issue &issue, const BufferInfo &buffer,
                    const uint8_t *map, uint8_t *out) {
  const SliceInfo &slice = program.slices[queues[issue.track].slice];
  const size_t lanes = size_t(machine.lanes);
  for (size_t s = 0; s < size_t(machine.superlanes); ++s) {
    const uint8_t *address = map + s * lanes;
    uint32_t at =
        uint32_t(address[0] | address[1] << 8) + issue.instruction.row;
    uint32_t from = slice.at(at);
    if (from == noRow || &memory.bufferOf(from) != &buffer)
      hazard(10, issue,
             "superlane " + std::to_string(s) + " reads row " +
                 std::to_string(at) + " outside buffer " + buffer.name);
    checkRow(issue, from, uint64_t(1) << s);
    std::memcpy(out + s * lanes, memory.bytesOf(from) + s * lanes, lanes);
  }
}

void Engine::read(const Issue &issue) {
  const Instruction &i = issue.instruction;
  bool indirect = i.opcode == MOERT_LPU_GATHER;
  const size_t slice = queues[issue.track].slice;
  const int64_t column = queues[issue.track].column;
  LastUse &mine = use(issue, 1);
  const LastUse &other = (&mine)[1]; // the slice's writes
  mine.banks = banksOf(slice, issue, indirect);
  mine.row = i.row;
  if (other.cycle == now && (mine.banks & other.banks))
    conflict(6, issue.track,
             accessOf("read", i.row, describe(issue)) + " and " +
                 accessOf("write", other.row,
                          describe(other.track, other.word)) +
                 " in bank " + std::to_string(i.row / machine.mem.rows));
  ++result->busy.read;

  const uint32_t row = rowOf(issue, slice);
  const BufferInfo &buffer = memory.bufferOf(row);
  const uint32_t offset = uint32_t(i.row) - buffer.table->row();
  Taken map;
  if (indirect)
    map = take(issue, i.map, 1, column, now, "map");
  uint32_t identity = memory.identities[row];
  if (indirect)
    identity =
        fold({4, memory.groupIdentity(buffer, row), map.identity, offset});
  else if (buffer.dynamic)
    identity = fold({3, memory.groupIdentity(buffer, row), offset});
  claim(issue, fold({identity}), map.value[0]);

  Value *value = makeValue(issue, identity, int(buffer.planes), 1,
                           int(Memory::planeOf(buffer, row)));
  // Without data nobody knows which rows a SCATTER wrote.
  if (!indirect && (data || !buffer.dynamic))
    checkRow(issue, row, memory.allSuperlanes);
  if (data && indirect)
    gather(issue, buffer, map.bytes[0], value->bytes[0]);
  else if (data)
    std::memcpy(value->bytes[0], memory.bytesOf(row), size_t(machine.width()));
  put(issue, value, i.dst, column,
      now + uint64_t(indirect ? machine.latency.gather : machine.latency.read));
  release(value);
}

void Engine::write(const Issue &issue) {
  const Instruction &i = issue.instruction;
  bool indirect = i.opcode == MOERT_LPU_SCATTER;
  const size_t slice = queues[issue.track].slice;
  LastUse &mine = use(issue, 1);
  const LastUse &other = (&mine)[-1]; // the slice's reads
  mine.banks = banksOf(slice, issue, indirect);
  mine.row = i.row;
  if (other.cycle == now && (mine.banks & other.banks))
    conflict(6, issue.track,
             accessOf("read", other.row,
                      describe(other.track, other.word)) +
                 " and " + accessOf("write", i.row, describe(issue)) +
                 " in bank " + std::to_string(i.row / machine.mem.rows));
  ++result->busy.write;

  uint32_t row = rowOf(issue, slice);
  const BufferInfo &buffer = memory.bufferOf(row);
  if (buffer.kind == BufferKind::Text || buffer.kind == BufferKind::Constant ||
      buffer.kind == BufferKind::Parameter)
    hazard(12, issue,
           "row " + std::to_string(i.row) + " of buffer " + buffer.name +
               ", which may only be read");
  int64_t column = queues[issue.track].column;
  Taken from = take(issue, i.src0, 1, column, now, "data", true), map;
  uint32_t plane = Memory::planeOf(buffer, row);
  const Value *value = from.value[0];
  const uint32_t held = from.held[0];
  if (buffer.planes > 1 &&
      (value->planes != buffer.planes ||
       uint32_t(value->firstPlane + held) != plane))
    hazard(4, issue,
           "byte plane " + std::to_string(value->firstPlane + held) + " of " +
               std::to_string(value->planes) + " of " + describe(*value) +
               ", buffer " + buffer.name + " has plane " +
               std::to_string(plane) + " of " + std::to_string(buffer.planes) +
               " here");
  if (buffer.planes > 1)
    from.identity = value->identity;
  if (indirect)
    map = take(issue, i.map, 1, column, now, "map");
  uint32_t claimed = indirect ? fold({from.identity, map.identity})
                              : fold({from.identity});
  claimed = moert_lpu_mix(claimed, program.bufferOfRow[row]);
  claim(issue, moert_lpu_mix(claimed, (row - buffer.firstRow) / buffer.planes),
        value);

  Commit commit{issue,          slice,        from.value[0],
                map.value[0],   uint8_t(held), from.identity,
                map.identity};
  ++commit.data->references;
  if (commit.map)
    ++commit.map->references;
  uint64_t cycle = now + uint64_t(indirect ? machine.latency.gather
                                           : machine.latency.write);
  last = std::max(last, cycle - 1);
  bucketAt(cycle).commits.push_back(commit);
}

void Engine::commit(const Commit &commit) {
  const Instruction &i = commit.issue.instruction;
  uint32_t row = program.slices[commit.slice].at(i.row);
  const BufferInfo &buffer = memory.bufferOf(row);
  const uint8_t *bytes = commit.data->bytes[commit.plane];
  auto store = [&](uint32_t to, uint64_t superlanes, int64_t lane,
                   int64_t lanes) {
    if (data)
      std::memcpy(memory.bytesOf(to) + lane, bytes + lane, size_t(lanes));
    memory.written[to] |= superlanes;
    if (memory.hasUpsets())
      memory.overwrite(to, superlanes);
  };
  if (!commit.map) {
    store(row, memory.allSuperlanes, 0, machine.width());
  } else if (data) {
    for (int64_t s = 0; s < machine.superlanes; ++s) {
      const uint8_t *address = commit.map->bytes[0] + s * machine.lanes;
      uint32_t at = uint32_t(address[0] | address[1] << 8) + i.row;
      uint32_t to = program.slices[commit.slice].at(at);
      if (to == noRow || &memory.bufferOf(to) != &buffer)
        hazard(10, commit.issue,
               "superlane " + std::to_string(s) + " writes row " +
                   std::to_string(at) + " outside buffer " + buffer.name);
      store(to, uint64_t(1) << s, s * machine.lanes, machine.lanes);
    }
  }
  memory.identities[row] = commit.dataIdentity;
  uint32_t &group = memory.groupIdentity(buffer, row);
  group = fold({5, group, commit.mapIdentity, commit.dataIdentity,
                uint32_t(i.row) - buffer.table->row()});
  release(commit.data);
  if (commit.map)
    release(commit.map);
}
