//===- Mutants.cpp - programs taken apart, and one thing changed ----------===//
#include "Mutants.h"

#include "lpu_generated.h"
#include <algorithm>

using namespace moert::lpu;
using namespace moert::lpu::test;

//===----------------------------------------------------------------------===//
// Programs taken apart
//===----------------------------------------------------------------------===//

FlatProgram::FlatProgram(std::vector<std::byte> program)
    : bytes(std::move(program)) {
  for (const Track *track :
       *GetProgram(bytes.data())->segments()->Get(0)->tracks()) {
    FlatTrack flat;
    flat.chip = track->chip();
    flat.kind = track->kind();
    flat.hemisphere = track->hemisphere();
    flat.index = track->index();
    flat.resident = track->resident();
    for (const Word *word : *track->words()) {
      uint64_t halves[2] = {word->low(), word->high()};
      std::memcpy(&flat.words.emplace_back(), halves, sizeof(halves));
    }
    flat.claims.assign(track->claims()->begin(), track->claims()->end());
    flat.uses.assign(track->uses()->begin(), track->uses()->end());
    tracks.push_back(std::move(flat));
  }
}

template <typename T>
static std::vector<T> copyOf(const flatbuffers::Vector<T> *numbers) {
  return numbers ? std::vector<T>(numbers->begin(), numbers->end())
                 : std::vector<T>();
}

static flatbuffers::Offset<Load> copyLoad(flatbuffers::FlatBufferBuilder &to,
                                          const Load &from) {
  std::vector<int32_t> rows = copyOf(from.rows()),
                       columns = copyOf(from.columns());
  std::vector<float> factors = copyOf(from.factors());
  return CreateLoadDirect(to, from.first(), from.parameter(), from.matrix(),
                          from.field(), from.transposed(), &rows, &columns,
                          factors.empty() ? nullptr : &factors);
}

static flatbuffers::Offset<Buffer>
copyBuffer(flatbuffers::FlatBufferBuilder &to, const Buffer &from) {
  std::vector<uint8_t> slices = copyOf(from.slices()),
                       bytes = copyOf(from.bytes());
  std::vector<uint32_t> splats = copyOf(from.splats());
  std::vector<flatbuffers::Offset<Load>> loads;
  if (from.loads())
    for (const Load *load : *from.loads())
      loads.push_back(copyLoad(to, *load));
  return CreateBufferDirect(
      to, from.name()->c_str(), from.kind(), from.type(), from.count(),
      from.chip(), from.hemisphere(), &slices, from.row(), from.step(),
      splats.empty() ? nullptr : &splats, bytes.empty() ? nullptr : &bytes,
      loads.empty() ? nullptr : &loads);
}

std::vector<std::byte> FlatProgram::build() const {
  const Program &program = *GetProgram(bytes.data());
  flatbuffers::FlatBufferBuilder to;
  std::vector<flatbuffers::Offset<Buffer>> buffers;
  for (const Buffer *buffer : *program.buffers())
    buffers.push_back(copyBuffer(to, *buffer));
  std::vector<const FlatTrack *> sorted;
  for (const FlatTrack &track : tracks)
    sorted.push_back(&track);
  auto place = [](const FlatTrack *t) {
    return std::tuple(t->chip, t->kind, t->hemisphere, t->index, t);
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](auto *a, auto *b) { return place(a) < place(b); });
  std::vector<flatbuffers::Offset<Track>> newTracks;
  for (const FlatTrack *track : sorted) {
    std::vector<Word> words;
    for (const Instruction &word : track->words) {
      uint64_t halves[2];
      std::memcpy(halves, &word, sizeof(halves));
      words.emplace_back(halves[0], halves[1]);
    }
    newTracks.push_back(CreateTrackDirect(
        to, uint16_t(track->chip), uint8_t(track->kind),
        uint8_t(track->hemisphere), uint8_t(track->index), &words,
        &track->claims, &track->uses, track->resident));
  }
  const Segment &segment = *program.segments()->Get(0);
  std::vector<flatbuffers::Offset<Segment>> segments = {
      CreateSegmentDirect(to, segment.name()->c_str(), &newTracks,
                          segment.cycles(), segment.outputs())};
  std::vector<Link> links;
  if (program.links())
    for (const Link *link : *program.links())
      links.push_back(*link);
  FinishProgramBuffer(
      to, CreateProgramDirect(to, program.machine_name()->c_str(),
                              program.machine()->c_str(), program.chips(),
                              links.empty() ? nullptr : &links, &buffers,
                              &segments));
  auto *begin = reinterpret_cast<const std::byte *>(to.GetBufferPointer());
  return std::vector<std::byte>(begin, begin + to.GetSize());
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

namespace {
/// One change of a program, in a track and at a word that it has.
class Mutation {
public:
  Mutation(FlatProgram &program, std::mt19937 &random)
      : program(program), random(random), track(pick(program.tracks)) {
    at = below(track.words.size());
  }

  /// What it did; empty: it found nothing to change.
  std::string run() {
    using Change = std::string (Mutation::*)();
    static constexpr Change changes[] = {
        &Mutation::flipBit,       &Mutation::changeField,
        &Mutation::changeField,   &Mutation::changeNumber,
        &Mutation::changeNumber,  &Mutation::changePlace,
        &Mutation::changePlace,   &Mutation::changeRow,
        &Mutation::changeTime,    &Mutation::changeTime,
        &Mutation::swapWords,     &Mutation::deleteWord,
        &Mutation::repeatWord,    &Mutation::copyWord,
        &Mutation::changeClaim,   &Mutation::changeUses,
        &Mutation::moveTrack,     &Mutation::swapTracks,
        &Mutation::deleteTrack,   &Mutation::copyTrack,
        &Mutation::changeResident};
    return (this->*changes[below(std::size(changes))])();
  }

private:
  size_t below(size_t count) { return random() % count; }
  FlatTrack &pick(std::vector<FlatTrack> &tracks) {
    return tracks[below(tracks.size())];
  }
  std::string where(const std::string &what) const {
    return what + " of word " + std::to_string(at) + " of kind " +
           std::to_string(track.kind) + " index " + std::to_string(track.index);
  }
  Instruction &word() { return track.words[at]; }

  std::string flipBit() {
    size_t bit = below(8 * sizeof(Instruction));
    reinterpret_cast<uint8_t *>(&word())[bit / 8] ^= uint8_t(1 << bit % 8);
    return where("bit " + std::to_string(bit));
  }
  std::string changeField() {
    Instruction &i = word();
    uint8_t *fields[] = {&i.opcode, &i.types, &i.src0, &i.src1, &i.map, &i.dst};
    uint8_t *field = fields[below(std::size(fields))];
    // Some that other words have, as they are likelier to make sense.
    const Instruction &other = pick(program.tracks).words[0];
    size_t offset = size_t(field - reinterpret_cast<uint8_t *>(&i));
    *field = below(2) ? uint8_t(random())
                      : reinterpret_cast<const uint8_t *>(&other)[offset];
    return where("field " + std::to_string(offset));
  }
  std::string changeNumber() {
    static constexpr uint64_t steps[] = {1,       2,        16,
                                         1 << 16, 1u << 17, uint64_t(1) << 32};
    uint64_t step = steps[below(std::size(steps))];
    word().imm += below(2) ? step : -step;
    return where("number");
  }
  std::string changePlace() {
    Instruction &i = word();
    uint8_t *places[] = {&i.src0, &i.src1, &i.map, &i.dst};
    uint8_t &place = *places[below(std::size(places))];
    static constexpr uint8_t flips[] = {1, 2, 4, 8, 16, 0x20, 0x40, 0x80};
    place ^= flips[below(std::size(flips))];
    return where("place");
  }
  std::string changeRow() {
    static constexpr int steps[] = {1, -1, 2, 4, -4, 4096};
    word().row = uint16_t(word().row + steps[below(std::size(steps))]);
    return where("row");
  }
  /// An instruction and all after it come earlier or later.
  std::string changeTime() {
    std::vector<size_t> waits;
    for (size_t i = 0; i < track.words.size(); ++i)
      if (track.words[i].opcode == MOERT_LPU_NOP)
        waits.push_back(i);
    if (!waits.empty() && below(4)) {
      at = waits[below(waits.size())];
      word().imm += below(2) ? 1 : -1;
      return where("time");
    }
    insert(at, nop(1 + below(3)), 0, 0);
    return where("more time");
  }
  std::string swapWords() {
    size_t other = below(track.words.size());
    std::swap(track.words[at], track.words[other]);
    if (below(2)) {
      std::swap(track.claims[at], track.claims[other]);
      std::swap(track.uses[at], track.uses[other]);
    }
    return where("order");
  }
  std::string deleteWord() {
    track.words.erase(track.words.begin() + int64_t(at));
    track.claims.erase(track.claims.begin() + int64_t(at));
    track.uses.erase(track.uses.begin() + int64_t(at));
    return where("absence");
  }
  std::string repeatWord() {
    insert(at, word(), track.claims[at], track.uses[at]);
    return where("copy");
  }
  /// A word of any track, with its claim.
  std::string copyWord() {
    FlatTrack &other = pick(program.tracks);
    size_t from = below(other.words.size());
    Instruction copied = other.words[from];
    uint32_t claim = other.claims[from];
    uint16_t uses = other.uses[from];
    word() = copied;
    if (below(2)) {
      track.claims[at] = claim;
      track.uses[at] = uses;
    }
    return where("another word instead");
  }
  std::string changeClaim() {
    FlatTrack &other = pick(program.tracks);
    uint32_t &claim = track.claims[at];
    claim = below(2) ? claim ^ 1u << below(32)
                     : other.claims[below(other.claims.size())];
    return where("claim");
  }
  std::string changeUses() {
    uint16_t &uses = track.uses[at];
    uses = below(2) ? uint16_t(below(4)) : uint16_t(uses + 1);
    return where("uses");
  }
  std::string moveTrack() {
    switch (below(4)) {
    case 0:
      track.index = int(track.index + (below(2) ? 1 : -1)) & 0xff;
      break;
    case 1:
      track.index = int(below(44));
      break;
    case 2:
      track.hemisphere ^= 1;
      break;
    default:
      track.kind = int(below(MOERT_LPU_TRACK_KINDS));
    }
    return where("unit");
  }
  std::string swapTracks() {
    FlatTrack &other = pick(program.tracks);
    std::swap(track.kind, other.kind);
    std::swap(track.hemisphere, other.hemisphere);
    std::swap(track.index, other.index);
    std::swap(track.chip, other.chip);
    return where("units");
  }
  std::string deleteTrack() {
    std::string what = where("track");
    program.tracks.erase(program.tracks.begin() +
                         (&track - program.tracks.data()));
    return what;
  }
  std::string copyTrack() {
    FlatTrack copy = track;
    copy.index += int(below(2));
    std::string what = where("track copied");
    program.tracks.push_back(copy);
    return what;
  }
  std::string changeResident() {
    track.resident = uint32_t(below(track.words.size() + 2));
    return where("resident words");
  }
  void insert(size_t index, const Instruction &i, uint32_t claim,
              uint16_t uses) {
    Instruction copied = i;
    track.words.insert(track.words.begin() + int64_t(index), copied);
    track.claims.insert(track.claims.begin() + int64_t(index), claim);
    track.uses.insert(track.uses.begin() + int64_t(index), uses);
  }

  FlatProgram &program;
  std::mt19937 &random;
  FlatTrack &track;
  size_t at = 0;
};
} // namespace

std::string moert::lpu::test::mutate(FlatProgram &program,
                                     std::mt19937 &random) {
  return Mutation(program, random).run();
}
