//===- ProgramBuilder.h - an assembler for the simulator's tests -*- C++ -*-===//
//
// Instructions are put at cycles of tracks; NOPs between them, claims and uses
// are worked out:
//
//   TestProgram p;
//   size_t in = p.buffer({.name = "in", .count = 4, .slices = {0}});
//   p.read(East, 0).at(10, lpu::read(2, E(3))).repeat(3, 2, 1);
//   p.alu(5).at(16, lpu::unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(3), E(0)));
//   RunOutcome r = p.run();     // records claims and uses, then runs with them
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_TEST_PROGRAMBUILDER_H
#define MOERT_DRIVERS_LPU_TEST_PROGRAMBUILDER_H

#include "Simulator/Simulator.h"
#include "lpu/Machine.h"
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace moert::lpu::test {

enum Hemisphere { West = 0, East = 1 };

//===-- places and instructions -------------------------------------------===//

inline uint8_t E(int stream) { return uint8_t(stream); }
inline uint8_t W(int stream) { return uint8_t(stream | MOERT_LPU_WESTWARD); }
/// Away from the VXM, toward it.
inline uint8_t outward(Hemisphere h, int stream) {
  return h == East ? E(stream) : W(stream);
}
inline uint8_t inward(Hemisphere h, int stream) {
  return h == East ? W(stream) : E(stream);
}
inline uint8_t fromAlu(int alu) { return uint8_t(alu | MOERT_LPU_FROM_ALU); }
inline constexpr uint8_t fromLatch = MOERT_LPU_FROM_LATCH;
inline constexpr uint8_t nowhere = MOERT_LPU_NOWHERE;

using Instruction = moert_lpu_instruction_t;

inline Instruction instruction(unsigned opcode, unsigned type = 0,
                               unsigned result = 0) {
  Instruction i = {};
  i.opcode = uint8_t(opcode);
  i.types = uint8_t(type | result << 4);
  i.src0 = i.src1 = i.map = i.dst = nowhere;
  return i;
}
inline Instruction nop(uint64_t cycles) {
  Instruction i = instruction(MOERT_LPU_NOP);
  i.imm = cycles;
  return i;
}
inline Instruction repeatWord(uint64_t times, uint64_t every,
                              uint64_t stride = 0) {
  Instruction i = instruction(MOERT_LPU_REPEAT);
  i.imm = times | every << 16 | (stride & 0xffff) << 32;
  return i;
}
inline Instruction ifetch(uint8_t src) {
  Instruction i = instruction(MOERT_LPU_IFETCH);
  i.src0 = src;
  return i;
}
inline Instruction sync() { return instruction(MOERT_LPU_SYNC); }
inline Instruction notify() { return instruction(MOERT_LPU_NOTIFY); }
inline Instruction read(uint16_t row, uint8_t dst) {
  Instruction i = instruction(MOERT_LPU_READ);
  i.row = row, i.dst = dst;
  return i;
}
inline Instruction write(uint8_t src, uint16_t row) {
  Instruction i = instruction(MOERT_LPU_WRITE);
  i.row = row, i.src0 = src;
  return i;
}
inline Instruction gather(uint8_t map, uint16_t row, uint8_t dst) {
  Instruction i = instruction(MOERT_LPU_GATHER);
  i.row = row, i.map = map, i.dst = dst;
  return i;
}
inline Instruction scatter(uint8_t src, uint8_t map, uint16_t row) {
  Instruction i = instruction(MOERT_LPU_SCATTER);
  i.row = row, i.map = map, i.src0 = src;
  return i;
}
inline Instruction unary(unsigned opcode, unsigned type, uint8_t src,
                         uint8_t dst = nowhere) {
  Instruction i = instruction(opcode, type, type);
  i.src0 = src, i.dst = dst;
  return i;
}
inline Instruction convert(unsigned from, unsigned to, uint8_t src,
                           uint8_t dst = nowhere) {
  Instruction i = instruction(MOERT_LPU_CVT, from, to);
  i.src0 = src, i.dst = dst;
  return i;
}
inline Instruction binary(unsigned opcode, unsigned type, uint8_t a, uint8_t b,
                          uint8_t dst = nowhere) {
  Instruction i = instruction(opcode, type, type);
  i.src0 = a, i.src1 = b, i.dst = dst;
  return i;
}
/// A comparison, whose result is i32 or i8x4.
inline Instruction compare(unsigned opcode, unsigned type, uint8_t a, uint8_t b,
                           uint8_t dst = nowhere) {
  Instruction i = binary(opcode, type, a, b, dst);
  unsigned result = type == MOERT_LPU_I8X4 ? MOERT_LPU_I8X4 : MOERT_LPU_I32;
  i.types = uint8_t(type | result << 4);
  return i;
}
inline Instruction flagged(Instruction i) {
  i.opcode |= MOERT_LPU_FLAG;
  return i;
}
inline Instruction lw(uint8_t src, uint64_t cycles, uint16_t firstGroup = 0) {
  Instruction i = instruction(MOERT_LPU_LW);
  i.src0 = src, i.imm = cycles, i.row = firstGroup;
  return i;
}
inline Instruction lwx(uint8_t src, uint64_t cycles, uint64_t streams,
                       uint64_t format, uint16_t firstGroup = 0) {
  Instruction i = instruction(MOERT_LPU_LWX);
  i.src0 = src, i.imm = cycles | streams << 8 | format << 16;
  i.row = firstGroup;
  return i;
}
inline Instruction iw(unsigned type = MOERT_LPU_I8) {
  return instruction(MOERT_LPU_IW, type, type);
}
inline Instruction clear() { return instruction(MOERT_LPU_CLEAR); }
inline Instruction abc(uint8_t src, uint64_t cycles,
                       unsigned type = MOERT_LPU_I8) {
  Instruction i = instruction(MOERT_LPU_ABC, type, type);
  i.src0 = src, i.imm = cycles;
  return i;
}
/// `type` is that of the activation; the result is i32 of i8, f32 of f16.
inline Instruction acc(uint8_t dst, uint64_t cycles,
                       unsigned type = MOERT_LPU_I8, bool add = false) {
  unsigned result = type == MOERT_LPU_I8 ? MOERT_LPU_I32 : MOERT_LPU_F32;
  Instruction i = instruction(
      MOERT_LPU_ACC | (add ? MOERT_LPU_FLAG : 0u), type, result);
  i.dst = dst, i.imm = cycles;
  return i;
}
/// SHIFT, PERMUTE (with a map), DISTRIBUTE, ROTATE, TRANSPOSE, SELECT (src1).
inline Instruction sxm(unsigned opcode, unsigned type, uint8_t src, uint8_t dst,
                       uint64_t imm = 0, uint8_t map = nowhere,
                       uint8_t src1 = nowhere) {
  Instruction i = instruction(opcode, type, type);
  i.src0 = src, i.dst = dst, i.imm = imm, i.map = map, i.src1 = src1;
  return i;
}
inline Instruction send(uint8_t src) {
  Instruction i = instruction(MOERT_LPU_SEND);
  i.src0 = src;
  return i;
}
inline Instruction recv(uint8_t dst) {
  Instruction i = instruction(MOERT_LPU_RECV);
  i.dst = dst;
  return i;
}

//===-- programs ----------------------------------------------------------===//

/// Text of a machine that comes with the project.
inline std::string machineText(const std::string &name = "tsp1") {
  for (const NamedMachine &machine : machines())
    if (name == machine.name)
      return machine.text;
  throw std::runtime_error("no machine " + name);
}
inline Machine machineOf(const std::string &text) {
  Machine machine;
  std::string error = parseMachine(text, "machine", machine);
  if (!error.empty())
    throw std::runtime_error(error);
  return machine;
}

struct BufferSpec {
  std::string name = "buffer";
  BufferKind kind = BufferKind::Input;
  unsigned type = MOERT_LPU_I8;
  uint64_t count = 1;
  int hemisphere = East;
  std::vector<uint8_t> slices = {0};
  uint16_t row = 0, step = 1;
  int chip = 0;
  std::vector<uint32_t> splats = {};
  std::vector<uint8_t> bytes = {};
};

/// One queue of instructions; `at` in ascending order of cycles.
class TestTrack {
public:
  moert_lpu_track_kind_t kind;
  int chip, hemisphere, index;
  std::vector<Instruction> words;
  std::map<size_t, uint32_t> claims; ///< that override the recorded ones
  std::map<size_t, uint16_t> uses;
  uint32_t resident = 0;

  TestTrack &at(uint64_t cycle, const Instruction &i) {
    if (cycle < next)
      throw std::runtime_error("instructions of a track out of order");
    for (; next < cycle;) {
      uint64_t n = std::min<uint64_t>(cycle - next, 65535);
      words.push_back(nop(n));
      next += n;
    }
    words.push_back(i);
    ++next;
    return *this;
  }
  /// The last instruction, `times` more, at `every` cycles after each other.
  TestTrack &repeat(uint64_t times, uint64_t every, uint64_t stride = 0) {
    words.push_back(repeatWord(times, every, stride));
    next += times * every;
    return *this;
  }
  /// A word as it is; the cycle of what follows is the caller's business.
  TestTrack &raw(const Instruction &i) {
    words.push_back(i);
    return *this;
  }
  TestTrack &claim(uint32_t value) {
    claims[words.size() - 1] = value;
    return *this;
  }
  TestTrack &use(uint16_t count) {
    uses[words.size() - 1] = count;
    return *this;
  }

private:
  uint64_t next = 0;
};

struct RunOutcome {
  std::string error; ///< empty: it ran
  Result result;
  std::unique_ptr<Simulator> simulator;
  /// "H6" of "H6: cycle ..."; empty if it ran, the whole message if it has no
  /// id.
  std::string hazard() const {
    size_t colon = error.find(':');
    bool id = error.size() > 1 && error[0] == 'H' && colon != error.npos &&
              error.find_first_not_of("0123456789", 1) == colon;
    return id ? error.substr(0, colon) : error;
  }
};

class TestProgram {
public:
  std::string machine;
  int chips = 1;
  std::vector<Link> links;
  std::vector<BufferSpec> buffers;
  /// What the host writes before a run.
  std::map<size_t, std::vector<uint8_t>> contents;
  uint64_t cycles = 0;

  explicit TestProgram(std::string machine = machineText())
      : machine(std::move(machine)) {}

  size_t buffer(BufferSpec spec) {
    buffers.push_back(std::move(spec));
    return buffers.size() - 1;
  }
  /// An Input buffer whose vectors the host writes before the run.
  size_t input(BufferSpec spec, std::vector<uint8_t> bytes) {
    size_t index = buffer(std::move(spec));
    contents[index] = std::move(bytes);
    return index;
  }

  TestTrack &track(moert_lpu_track_kind_t kind, int hemisphere, int index,
                      int chip = 0, int copy = 0) {
    auto key = std::tuple(chip, int(kind), hemisphere, index, copy);
    auto [it, added] = tracks.try_emplace(key);
    if (added) {
      it->second.kind = kind, it->second.chip = chip;
      it->second.hemisphere = hemisphere, it->second.index = index;
    }
    return it->second;
  }
  TestTrack &read(Hemisphere h, int slice, int chip = 0, int copy = 0) {
    return track(MOERT_LPU_MEM_READ, h, slice, chip, copy);
  }
  TestTrack &write(Hemisphere h, int slice, int chip = 0, int copy = 0) {
    return track(MOERT_LPU_MEM_WRITE, h, slice, chip, copy);
  }
  TestTrack &alu(int index, int chip = 0, int copy = 0) {
    return track(MOERT_LPU_VXM, 0, index, chip, copy);
  }
  TestTrack &load(Hemisphere h, int plane, int chip = 0) {
    return track(MOERT_LPU_MXM_LOAD, h, plane, chip);
  }
  TestTrack &feed(Hemisphere h, int plane, int chip = 0) {
    return track(MOERT_LPU_MXM_FEED, h, plane, chip);
  }
  TestTrack &drain(Hemisphere h, int plane, int chip = 0) {
    return track(MOERT_LPU_MXM_DRAIN, h, plane, chip);
  }

  /// The FlatBuffer, with claims and uses of `recorded` where no track
  /// overrides.
  std::vector<std::byte> bytes(const Recorded *recorded = nullptr) const {
    flatbuffers::FlatBufferBuilder fbb;
    std::vector<flatbuffers::Offset<Buffer>> fbBuffers;
    for (const BufferSpec &b : buffers)
      fbBuffers.push_back(CreateBufferDirect(
          fbb, b.name.c_str(), b.kind, uint8_t(b.type), b.count,
          uint16_t(b.chip), uint8_t(b.hemisphere), &b.slices, b.row, b.step,
          b.splats.empty() ? nullptr : &b.splats,
          b.bytes.empty() ? nullptr : &b.bytes));
    std::vector<flatbuffers::Offset<Track>> fbTracks;
    for (const auto &[key, t] : tracks) {
      size_t index = fbTracks.size();
      std::vector<Word> words;
      std::vector<uint32_t> claims(t.words.size());
      std::vector<uint16_t> uses(t.words.size());
      for (size_t i = 0; i < t.words.size(); ++i) {
        uint64_t halves[2];
        std::memcpy(halves, &t.words[i], 16);
        words.emplace_back(halves[0], halves[1]);
        if (recorded && index < recorded->claims.size() &&
            i < recorded->claims[index].size()) {
          claims[i] = recorded->claims[index][i];
          uses[i] = recorded->uses[index][i];
        }
      }
      for (auto [word, value] : t.claims)
        claims[word] = value;
      for (auto [word, value] : t.uses)
        uses[word] = value;
      fbTracks.push_back(CreateTrackDirect(
          fbb, uint16_t(t.chip), uint8_t(t.kind), uint8_t(t.hemisphere),
          uint8_t(t.index), &words, &claims, &uses, t.resident));
    }
    std::vector<flatbuffers::Offset<Segment>> segments = {
        CreateSegmentDirect(fbb, "test", &fbTracks, cycles,
                            recorded ? recorded->outputs : 0)};
    std::string name = machineOf(machine).name;
    FinishProgramBuffer(
        fbb, CreateProgramDirect(fbb, name.c_str(), machine.c_str(),
                                 uint16_t(chips),
                                 links.empty() ? nullptr : &links, &fbBuffers,
                                 &segments));
    auto *begin = reinterpret_cast<const std::byte *>(fbb.GetBufferPointer());
    return std::vector<std::byte>(begin, begin + fbb.GetSize());
  }

  /// Runs with claims and uses as recorded by `record`, or, if there is none,
  /// as this very program flows.
  RunOutcome run(SimulatorOptions options = {},
                 const Recorded *recorded = nullptr) const {
    Recorded own;
    if (!recorded && !options.record) {
      SimulatorOptions recording = options;
      recording.record = true;
      recording.trace = nullptr;
      RunOutcome first = runBytes(bytes(), recording);
      if (!first.simulator)
        return first;
      own = first.simulator->recorded();
      recorded = &own;
    }
    return runBytes(bytes(recorded), options);
  }

  RunOutcome runBytes(const std::vector<std::byte> &program,
                      SimulatorOptions options) const {
    RunOutcome outcome;
    Status status = Simulator::create(program, options, &outcome.simulator);
    for (auto it = contents.begin(); status.ok() && it != contents.end(); ++it)
      status = outcome.simulator->writeVectors(
          it->first, 0, buffers[it->first].count,
          std::as_bytes(std::span(it->second)));
    if (status.ok())
      status = outcome.simulator->run(0, outcome.result);
    if (!status.ok())
      outcome.error = status.message();
    return outcome;
  }

private:
  std::map<std::tuple<int, int, int, int, int>, TestTrack> tracks;
};

using ProgramBuilder = TestProgram;

/// All vectors of a buffer, or an empty vector.
inline std::vector<uint8_t> contentsOf(const Simulator &simulator,
                                       size_t buffer, uint64_t count) {
  std::vector<uint8_t> bytes(count * simulator.vectorBytes(buffer));
  Status status = simulator.readVectors(
      buffer, 0, count, std::as_writable_bytes(std::span(bytes)));
  return status.ok() ? bytes : std::vector<uint8_t>();
}

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_PROGRAMBUILDER_H
