//===- Check.cpp - buffers, links and tracks of a program, before it runs -===//
//
// The reader of a file that anyone may have written. What it lets through can
// fail when it runs, but only as a hazard.
//===----------------------------------------------------------------------===//
#include "../Packing.h"
#include "Layout.h"
#include "Links.h"
#include "Simulator.h"
#include "Units.h"
#include <limits>
#include <algorithm>
#include <cstring>
#include <tuple>

using namespace moert;
using namespace moert::lpu;

/// Chips that are simulated together at most.
static constexpr int mostChips = 64;

template <typename... Parts> static Status refuse(const Parts &...parts) {
  return makeStatus(MOERT_DATA_LOSS, parts...);
}

static Status checkMachine(CheckedProgram &program) {
  const Program &table = *program.table;
  std::string error = parseMachine(
      std::string_view(table.machine()->data(), table.machine()->size()),
      "machine", program.machine);
  if (!error.empty())
    return refuse("the program's machine: ", error);
  if (program.machine.name != table.machine_name()->str())
    return refuse("the program is for machine ", table.machine_name()->str(),
                  ", its machine file is of ", program.machine.name);
  if (program.machine.width() > maxWidth)
    return refuse("vectors of ", program.machine.width(),
                  " lanes, the simulator has ", maxWidth);
  program.chips = table.chips();
  if (program.chips < 1 || program.chips > mostChips)
    return refuse("a program of ", program.chips,
                  " chips, 1 to ", mostChips, " are simulated");
  Links links(program.machine, program.chips);
  if (table.links())
    for (const Link *link : *table.links()) {
      std::string wrong = links.connect({link->chip_a(), link->link_a()},
                                        {link->chip_b(), link->link_b()});
      if (!wrong.empty())
        return refuse(wrong);
    }
  return Status();
}

//===-- buffers -----------------------------------------------------------===//

static Status checkLoads(const BufferInfo &buffer, int64_t width) {
  const auto *loads = buffer.table->loads();
  if (!loads || !loads->size())
    return Status();
  if (buffer.kind != BufferKind::Parameter)
    return refuse("buffer ", buffer.name, " has ", loads->size(),
                  " loads, but is no parameter");
  for (const Load *load : *loads) {
    uint64_t vectors = vectorsOfLoad(load->field(), load->rows()->size()),
             columns = load->columns()->size();
    if (load->first() > buffer.count || vectors > buffer.count - load->first())
      return refuse("a load of buffer ", buffer.name, " fills vectors ",
                    load->first(), " to ", load->first() + vectors,
                    ", it has ", buffer.count);
    if (columns > uint64_t(width))
      return refuse("a load of buffer ", buffer.name, " fills ", columns,
                    " lanes, a vector has ", width);
    if (load->factors() && load->factors()->size() != columns)
      return refuse("a load of buffer ", buffer.name, " has ",
                    load->factors()->size(), " factors for ", columns,
                    " lanes");
    if (unsigned(load->field()) > unsigned(Field::MAX))
      return refuse("a load of buffer ", buffer.name, " is of field ",
                    unsigned(load->field()), ", known are 0 to ",
                    unsigned(Field::MAX));
  }
  return Status();
}

static Status checkValues(const BufferInfo &buffer, int64_t width) {
  const auto *splats = buffer.table->splats();
  const auto *bytes = buffer.table->bytes();
  bool holds = buffer.kind == BufferKind::Constant ||
               buffer.kind == BufferKind::Text;
  bool hasSplats = splats && splats->size(), hasBytes = bytes && bytes->size();
  if (hasSplats + hasBytes != holds)
    return refuse("buffer ", buffer.name, holds ? " must have" : " has",
                  " values in ", hasSplats + hasBytes, " ways, not in ",
                  int(holds));
  if (hasSplats && splats->size() != buffer.count)
    return refuse("buffer ", buffer.name, " has ", splats->size(),
                  " values for ", buffer.count, " vectors");
  uint64_t size = buffer.count * buffer.planes * uint64_t(width);
  if (hasBytes && bytes->size() != size)
    return refuse("buffer ", buffer.name, " has ", bytes->size(),
                  " bytes of values, its vectors have ", size);
  return Status();
}

static Status placeBuffer(CheckedProgram &program, BufferInfo &buffer,
                          uint32_t index) {
  const Buffer &table = *buffer.table;
  const Machine &machine = program.machine;
  const auto &slices = *table.slices();
  const uint64_t rows = uint64_t(machine.rowsOfSlice());
  uint64_t last = table.row() +
                  (buffer.count - 1) / buffer.groups * uint64_t(table.step());
  if (buffer.count > rows * buffer.groups || last >= rows)
    return refuse("buffer ", buffer.name, " ends at row ", last,
                  " of its slices, which have ", rows);
  for (uint8_t slice : slices)
    if (slice >= machine.mem.slices)
      return refuse("buffer ", buffer.name, " lies in slice ", int(slice),
                    ", a hemisphere has ", machine.mem.slices);
  buffer.firstRow = uint32_t(program.bufferOfRow.size());
  buffer.firstGroup = program.groups;
  program.groups += slices.size();
  program.bufferOfRow.resize(program.bufferOfRow.size() +
                                 buffer.count * buffer.planes,
                             index);
  for (uint64_t vector = 0; vector < buffer.count; ++vector)
    for (uint32_t plane = 0; plane < buffer.planes; ++plane) {
      uint32_t group = uint32_t(vector % buffer.groups);
      int slice = slices[group * buffer.planes + plane];
      SliceInfo &info = program.slices[program.sliceIndex(
          table.chip(), table.hemisphere(), slice)];
      if (info.rows.empty())
        info.rows.assign(rows, noRow);
      uint64_t row = table.row() + vector / buffer.groups * table.step();
      uint32_t &place = info.rows[row];
      if (place != noRow)
        return refuse("buffers ",
                      program.buffers[program.bufferOfRow[place]].name, " and ",
                      buffer.name, " both have row ", row, " of slice ",
                      table.hemisphere() ? "e" : "w", slice);
      place = buffer.firstRow + uint32_t(vector * buffer.planes + plane);
    }
  return Status();
}

static Status checkBuffer(CheckedProgram &program, const Buffer &table,
                          uint32_t index) {
  BufferInfo &buffer = program.buffers[index];
  buffer.table = &table;
  buffer.name = table.name()->str();
  buffer.kind = table.kind();
  buffer.count = table.count();
  buffer.planes = uint32_t(planesOf(table.type()));
  if (!buffer.planes)
    return refuse("buffer ", buffer.name, " has type ", int(table.type()),
                  ", known are 0 to ", MOERT_LPU_TYPES - 1);
  if (unsigned(buffer.kind) > unsigned(BufferKind::MAX))
    return refuse("buffer ", buffer.name, " is of kind ",
                  unsigned(buffer.kind), ", known are 0 to ",
                  unsigned(BufferKind::MAX));
  uint32_t slices = table.slices()->size();
  if (!slices || slices % buffer.planes)
    return refuse("buffer ", buffer.name, " lies in ", slices,
                  " slices, its vectors have ", buffer.planes, " byte planes");
  buffer.groups = slices / buffer.planes;
  if (!buffer.count || !table.step())
    return refuse("buffer ", buffer.name, " of ", buffer.count,
                  " vectors, ", table.step(), " rows apart");
  if (table.chip() >= program.chips || table.hemisphere() > 1)
    return refuse("buffer ", buffer.name, " lies in hemisphere ",
                  int(table.hemisphere()), " of chip ", table.chip(),
                  ", there are 2 of ", program.chips);
  MOERT_RETURN_IF_ERROR(placeBuffer(program, buffer, index));
  MOERT_RETURN_IF_ERROR(checkValues(buffer, program.machine.width()));
  return checkLoads(buffer, program.machine.width());
}

//===-- what the host needs -----------------------------------------------===//

static Status checkPort(const CheckedProgram &program, const char *name,
                        int64_t index, BufferKind kind, unsigned type) {
  if (index == -1)
    return Status();
  if (index < 0 || uint64_t(index) >= program.buffers.size())
    return refuse("the ", name, " is buffer ", index, ", the program has ",
                  program.buffers.size());
  const BufferInfo &buffer = program.buffers[size_t(index)];
  if (buffer.kind != kind || buffer.table->type() != type)
    return refuse("the ", name, ", buffer ", buffer.name, ", is of kind ",
                  unsigned(buffer.kind), " and type ",
                  int(buffer.table->type()), ", must be of ", unsigned(kind),
                  " and ", type);
  return Status();
}

static Status checkInterface(const CheckedProgram &program) {
  const Program &table = *program.table;
  const BufferKind in = BufferKind::Input, out = BufferKind::Output,
                   state = BufferKind::State;
  MOERT_RETURN_IF_ERROR(
      checkPort(program, "token", table.token(), in, MOERT_LPU_I32));
  MOERT_RETURN_IF_ERROR(
      checkPort(program, "position", table.position(), in, MOERT_LPU_I32));
  MOERT_RETURN_IF_ERROR(
      checkPort(program, "logits", table.logits(), out, MOERT_LPU_F32));
  MOERT_RETURN_IF_ERROR(
      checkPort(program, "next token", table.next_token(), out, MOERT_LPU_I32));
  if (table.layers())
    for (const LayerState *layer : *table.layers()) {
      MOERT_RETURN_IF_ERROR(checkPort(program, "high part of keys",
                                      layer->key_high(), state, MOERT_LPU_F16));
      MOERT_RETURN_IF_ERROR(checkPort(program, "low part of keys",
                                      layer->key_low(), state, MOERT_LPU_F16));
      MOERT_RETURN_IF_ERROR(checkPort(program, "copy of keys",
                                      layer->key_high_copy(), state,
                                      MOERT_LPU_F16));
      MOERT_RETURN_IF_ERROR(checkPort(program, "values", layer->value(), state,
                                      MOERT_LPU_F32));
    }
  size_t heads = table.heads() ? table.heads()->size() : 0;
  size_t dims = table.dims() ? table.dims()->size() : 0;
  const size_t width = size_t(program.machine.width());
  if (heads != dims || (heads > width && heads % width))
    return refuse("the state has ", heads, " lanes of heads and ", dims,
                  " of elements, a vector has ", program.machine.width());
  return Status();
}

//===-- tracks ------------------------------------------------------------===//

/// Units of a kind in a hemisphere.
static int64_t unitsOf(const Machine &machine, unsigned kind) {
  switch (kind) {
  case MOERT_LPU_MEM_READ:
  case MOERT_LPU_MEM_WRITE:
    return machine.mem.slices;
  case MOERT_LPU_VXM:
    return machine.vxm.alus;
  case MOERT_LPU_MXM_LOAD:
  case MOERT_LPU_MXM_FEED:
  case MOERT_LPU_MXM_DRAIN:
    return machine.mxm.planes;
  case MOERT_LPU_SXM_SHIFT:
    return machine.sxm.shifters;
  case MOERT_LPU_SXM_PERMUTE:
    return machine.sxm.permuters;
  case MOERT_LPU_SXM_DISTRIBUTE:
    return machine.sxm.distributors;
  case MOERT_LPU_SXM_TRANSPOSE:
    return machine.sxm.transposers;
  case MOERT_LPU_SXM_SELECT:
    return machine.sxm.selectors;
  case MOERT_LPU_C2C:
    return machine.c2c.links;
  case MOERT_LPU_ICU:
    return 1;
  default:
    return 0;
  }
}

static Status checkPlace(const CheckedProgram &program, const Track &table) {
  unsigned kind = table.kind();
  if (kind >= MOERT_LPU_TRACK_KINDS)
    return refuse("a track of kind ", kind, ", known are 0 to ",
                  MOERT_LPU_TRACK_KINDS - 1);
  int hemispheres = kind == MOERT_LPU_VXM || kind == MOERT_LPU_ICU ? 1 : 2;
  if (table.chip() >= program.chips || table.hemisphere() >= hemispheres ||
      table.index() >= unitsOf(program.machine, kind))
    return refuse("track ",
                  trackName(moert_lpu_track_kind_t(kind), table.chip(),
                            table.hemisphere(), table.index(), true),
                  ", the machine has ", unitsOf(program.machine, kind),
                  " of its kind in each of ", hemispheres, " places of ",
                  program.chips, " chips");
  return Status();
}

static moert_lpu_instruction_t decodeWord(const Word &word) {
  moert_lpu_instruction_t i;
  uint64_t low = word.low();
  i.opcode = uint8_t(low);
  i.types = uint8_t(low >> 8);
  i.src0 = uint8_t(low >> 16);
  i.src1 = uint8_t(low >> 24);
  i.map = uint8_t(low >> 32);
  i.dst = uint8_t(low >> 40);
  i.row = uint16_t(low >> 48);
  i.imm = word.high();
  return i;
}

static Status readTrack(const CheckedProgram &program, const Track &table,
                        TrackInfo &track) {
  MOERT_RETURN_IF_ERROR(checkPlace(program, table));
  track.kind = moert_lpu_track_kind_t(table.kind());
  track.chip = table.chip();
  track.hemisphere = table.hemisphere();
  track.index = table.index();
  track.resident = table.resident();
  track.name = trackName(track.kind, track.chip, track.hemisphere, track.index,
                         program.chips > 1);
  uint32_t words = table.words()->size();
  if (table.claims()->size() != words || table.uses()->size() != words)
    return refuse("track ", track.name, " has ", words, " words, but ",
                  table.claims()->size(), " claims and ", table.uses()->size(),
                  " uses");
  if (track.resident > words)
    return refuse("track ", track.name, " has ", words, " words, but ",
                  track.resident, " that are in its queue");
  track.claims.assign(table.claims()->begin(), table.claims()->end());
  track.uses.assign(table.uses()->begin(), table.uses()->end());
  for (const Word *word : *table.words())
    track.words.push_back(decodeWord(*word));
  return checkTrack(program.machine, track);
}

/// Buffers that GATHERs and SCATTERs of a track touch.
static void markDynamic(CheckedProgram &program, const TrackInfo &track) {
  if (track.kind > MOERT_LPU_MEM_WRITE)
    return;
  const SliceInfo &slice = program.slices[program.sliceIndex(
      track.chip, track.hemisphere, track.index)];
  auto mark = [&](uint16_t row) {
    if (uint32_t at = slice.at(row); at != noRow)
      program.buffers[program.bufferOfRow[at]].dynamic = true;
  };
  for (size_t w = 0; w < track.words.size(); ++w) {
    const moert_lpu_instruction_t &i = track.words[w];
    if (i.opcode != MOERT_LPU_GATHER && i.opcode != MOERT_LPU_SCATTER)
      continue;
    mark(i.row);
    if (w + 1 == track.words.size() ||
        track.words[w + 1].opcode != MOERT_LPU_REPEAT)
      continue;
    uint64_t repeat = track.words[w + 1].imm;
    for (uint64_t n = 1; n <= (repeat & 0xffff); ++n)
      mark(uint16_t(i.row + n * (repeat >> 32 & 0xffff)));
  }
}

static Status checkSegment(CheckedProgram &program, const Segment &table) {
  SegmentInfo &segment = program.segments.emplace_back();
  segment.name = table.name()->str();
  segment.outputs = table.outputs();
  auto orderOf = [](const TrackInfo &t) {
    return std::tuple(t.chip, int(t.kind), t.hemisphere, t.index);
  };
  for (const Track *track : *table.tracks()) {
    TrackInfo &info = segment.tracks.emplace_back();
    MOERT_RETURN_IF_ERROR(readTrack(program, *track, info));
    size_t count = segment.tracks.size();
    if (count > 1 && orderOf(info) < orderOf(segment.tracks[count - 2]))
      return refuse("track ", info.name, " comes after track ",
                    segment.tracks[count - 2].name, " in segment ",
                    segment.name);
    markDynamic(program, info);
  }
  return Status();
}

Status moert::lpu::checkProgram(std::span<const std::byte> bytes,
                                CheckedProgram &out) {
  out = {};
  out.bytes.assign(bytes.begin(), bytes.end());
  auto *data = reinterpret_cast<const uint8_t *>(out.bytes.data());
  // Long programs have more tables than the verifier takes for granted.
  flatbuffers::Verifier::Options options;
  options.max_tables = std::numeric_limits<flatbuffers::uoffset_t>::max();
  flatbuffers::Verifier verifier(data, out.bytes.size(), options);
  if (out.bytes.size() < 8 || !ProgramBufferHasIdentifier(data))
    return refuse("no program of an LPU, ", out.bytes.size(), " bytes");
  if (!VerifyProgramBuffer(verifier))
    return refuse("a damaged program of ", out.bytes.size(), " bytes");
  out.table = GetProgram(data);
  MOERT_RETURN_IF_ERROR(checkMachine(out));
  out.slices.resize(size_t(out.chips) * 2 * size_t(out.machine.mem.slices));
  const auto &buffers = *out.table->buffers();
  out.buffers.resize(buffers.size());
  for (uint32_t index = 0; index < buffers.size(); ++index)
    MOERT_RETURN_IF_ERROR(checkBuffer(out, *buffers[index], index));
  MOERT_RETURN_IF_ERROR(checkInterface(out));
  if (!out.table->segments()->size())
    return refuse("a program of 0 segments");
  for (const Segment *segment : *out.table->segments())
    MOERT_RETURN_IF_ERROR(checkSegment(out, *segment));
  return Status();
}
