//===- LpuProgramFuzzer.cpp - programs of an LPU, of random bytes ---------===//
//
// The first byte says what the others are. Even: a file. Odd: tracks of a sound
// program for tsp1, so that mutations are of instructions: chip, kind,
// hemisphere, index and number of words, a byte each, and the words.
//
// What passes the check runs, if it is not too long, with and without data or
// claims (the byte's other bits): it may end in a hazard, and in nothing else.
//===----------------------------------------------------------------------===//
#include "../drivers/lpu/Simulator/Layout.h"
#include "../drivers/lpu/Simulator/Simulator.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <tuple>

using namespace moert;
using namespace moert::lpu;

static constexpr uint64_t mostInstructions = 20000, mostRows = 20000;

static std::string tsp1() {
  for (const NamedMachine &machine : machines())
    if (!std::strcmp(machine.name, "tsp1"))
      return machine.text;
  std::abort();
}

using Place = std::tuple<uint8_t, uint8_t, uint8_t, uint8_t>;
using Tracks = std::map<Place, std::vector<Word>>;

static Tracks tracksFrom(std::span<const uint8_t> data) {
  Tracks tracks;
  while (data.size() >= 5) {
    Place place(data[0] & 1, data[1], data[2], data[3]);
    size_t count = std::min<size_t>(data[4], (data.size() - 5) / 16);
    data = data.subspan(5);
    for (size_t i = 0; i < count; ++i, data = data.subspan(16)) {
      uint64_t halves[2];
      std::memcpy(halves, data.data(), 16);
      tracks[place].emplace_back(halves[0], halves[1]);
    }
    if (!count)
      break;
  }
  return tracks;
}

/// Buffers of each kind and type, and the tracks.
static std::vector<std::byte> programFrom(std::span<const uint8_t> data) {
  flatbuffers::FlatBufferBuilder fbb;
  std::vector<flatbuffers::Offset<Buffer>> buffers;
  for (uint8_t hemisphere : {0, 1})
    for (uint8_t kind = 0; kind < 7; ++kind) {
      const uint8_t types[] = {0, 1, 2, 3, 4, 5, 0};
      const uint8_t planes[] = {1, 2, 4, 2, 4, 4, 1};
      std::vector<uint8_t> slices, bytes(2 * 320);
      for (uint8_t s = 0; s < planes[kind]; ++s)
        slices.push_back(uint8_t(4 * kind + s));
      std::vector<uint32_t> splats = {1, 0x3f800000};
      buffers.push_back(CreateBufferDirect(
          fbb, "b", BufferKind(kind), types[kind], 2, 0, hemisphere, &slices, 0,
          1, kind == 0 ? &splats : nullptr, kind == 6 ? &bytes : nullptr));
    }
  std::vector<flatbuffers::Offset<Track>> tracks;
  uint16_t chips = 1;
  for (const auto &[place, words] : tracksFrom(data)) {
    std::vector<uint32_t> claims(words.size());
    std::vector<uint16_t> uses(words.size());
    auto [chip, kind, hemisphere, index] = place;
    chips = std::max<uint16_t>(chips, chip + 1);
    tracks.push_back(CreateTrackDirect(fbb, chip, kind, hemisphere, index,
                                       &words, &claims, &uses));
  }
  std::vector<flatbuffers::Offset<Segment>> segments = {
      CreateSegmentDirect(fbb, "s", &tracks, 0)};
  std::vector<Link> links;
  if (chips > 1)
    links.emplace_back(0, 0, 1, 0);
  static const std::string machine = tsp1();
  FinishProgramBuffer(fbb,
                      CreateProgramDirect(fbb, "tsp1", machine.c_str(), chips,
                                          &links, &buffers, &segments));
  auto *begin = reinterpret_cast<const std::byte *>(fbb.GetBufferPointer());
  return std::vector<std::byte>(begin, begin + fbb.GetSize());
}

/// Whether it runs in little time and memory.
static bool isSmall(const CheckedProgram &program) {
  const Machine &m = program.machine;
  uint64_t instructions = 0;
  for (const SegmentInfo &segment : program.segments)
    for (const TrackInfo &track : segment.tracks)
      for (size_t w = 0; w < track.words.size(); ++w) {
        uint64_t times = track.words[w].imm & 0xffff, cycles = 1;
        auto cyclesOf = [&](size_t at) {
          unsigned opcode = track.words[at].opcode & ~MOERT_LPU_FLAG;
          bool isLong = opcode == MOERT_LPU_ABC || opcode == MOERT_LPU_ACC;
          return isLong ? track.words[at].imm & 0xffff : 20;
        };
        if (track.words[w].opcode == MOERT_LPU_REPEAT && w)
          cycles = times * cyclesOf(w - 1);
        else
          cycles = cyclesOf(w);
        instructions += cycles;
      }
  return instructions <= mostInstructions &&
         program.bufferOfRow.size() <= mostRows && m.mxm.planes <= 2 &&
         m.mxm.accumulators <= 16 && m.mem.slices <= 64 &&
         program.chips <= 2 && m.c2c.hopCycles < 5000;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::span<const uint8_t> rest(data + 1, size - 1);
  std::vector<std::byte> bytes(size - 1);
  if (data[0] & 1)
    bytes = programFrom(rest);
  else if (size > 1)
    std::memcpy(bytes.data(), rest.data(), size - 1);
  {
    CheckedProgram program;
    if (!checkProgram(bytes, program).ok() || !isSmall(program))
      return 0;
  }
  SimulatorOptions options;
  options.record = data[0] & 2;
  options.data = !(data[0] & 4);
  std::unique_ptr<Simulator> simulator;
  if (!Simulator::create(bytes, options, &simulator).ok())
    std::abort();
  Result result;
  const auto &segments = *simulator->program().segments();
  for (size_t s = 0; s < segments.size(); ++s) {
    Status status = simulator->run(s, result, s == 0);
    if (!status.ok() && status.message()[0] != 'H')
      std::abort();
  }
  return 0;
}
