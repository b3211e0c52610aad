//===- State.cpp - keys and values, in SRAM and between forwards ----------===//
#include "State.h"

#include "Simulator/Units.h"
#include <algorithm>
#include <cstring>

using namespace moert;
using namespace moert::lpu;

//===----------------------------------------------------------------------===//
// Whether the program's state is the model's
//===----------------------------------------------------------------------===//

/// The simulator has checked kind and type.
static Status checkBuffer(const Program &program, uint32_t index) {
  const Buffer &buffer = *program.buffers()->Get(index);
  if (buffer.count() == program.context())
    return Status();
  return makeStatus(MOERT_DATA_LOSS, "has ", buffer.count(), " positions in ",
                    buffer.name()->string_view(), ", its context is ",
                    program.context());
}

/// Buffers that hold the high half of keys.
static std::vector<uint32_t> highBuffers(const LayerState &layer) {
  if (layer.key_high_copy() < 0)
    return {layer.key_high()};
  return {layer.key_high(), uint32_t(layer.key_high_copy())};
}

Status State::checkBuffers(const fb::Kv &kv) const {
  const size_t layers = program.layers() ? program.layers()->size() : 0;
  if (layers != size_t(kv.layers() * parts) || layers == 0)
    return makeStatus(MOERT_DATA_LOSS, "has states of ", layers,
                      " layers, the model has ", kv.layers(), " of ", parts,
                      parts == 1 ? " part" : " parts");
  for (const LayerState *layer : *program.layers()) {
    for (uint32_t buffer : highBuffers(*layer))
      MOERT_RETURN_IF_ERROR(checkBuffer(program, buffer));
    MOERT_RETURN_IF_ERROR(checkBuffer(program, layer->key_low()));
    MOERT_RETURN_IF_ERROR(checkBuffer(program, layer->value()));
  }
  return Status();
}

Status State::checkLanes(const fb::Kv &kv) {
  heads = kv.heads();
  headSize = kv.head_dim();
  std::vector<char> known(size_t(heads * headSize));
  const flatbuffers::uoffset_t count =
      program.heads() ? program.heads()->size() : 0;
  if (count > width && count % width)
    return makeStatus(MOERT_DATA_LOSS, "says of ", count,
                      " lanes what the state is, the machine has ", width);
  parts = std::max<int64_t>(1, count / width);
  for (flatbuffers::uoffset_t lane = 0; lane < count; ++lane) {
    const int64_t head = program.heads()->Get(lane);
    const int64_t element = program.dims()->Get(lane);
    if (head == -1)
      continue;
    if (head < 0 || head >= heads || element < 0 || element >= headSize)
      return makeStatus(MOERT_DATA_LOSS, "has element ", element, " of head ",
                        head, " in lane ", lane, ", the model has ", heads,
                        " heads of ", headSize);
    char &isKnown = known[size_t(head * headSize + element)];
    lanes.push_back({lane / width, lane % width, head, element, !isKnown});
    isKnown = true;
  }
  const auto held = std::count(known.begin(), known.end(), 1);
  if (held != heads * headSize)
    return makeStatus(MOERT_DATA_LOSS, "has ", held,
                      " elements of a position's state, the model has ",
                      heads * headSize);
  return Status();
}

Status State::create(const Program &program, int64_t width, const fb::Kv &kv,
                     std::unique_ptr<State> *out) {
  std::unique_ptr<State> state(new State(program, width));
  MOERT_RETURN_IF_ERROR(state->checkLanes(kv));
  MOERT_RETURN_IF_ERROR(state->checkBuffers(kv));
  state->positions = int64_t(program.context());
  state->resident.resize(size_t(kv.layers()) * 2 *
                         size_t(state->heads * state->headSize) *
                         size_t(state->positions));
  *out = std::move(state);
  return Status();
}

//===----------------------------------------------------------------------===//
// Into SRAM
//===----------------------------------------------------------------------===//

uint64_t State::cell(const State &state, int64_t layer, Part part, int64_t head,
                     int64_t position, int64_t positions) {
  int64_t block = (layer * 2 + part) * state.heads + head;
  return uint64_t((block * positions + position) * state.headSize);
}

Status State::clear(Simulator &simulator) {
  std::fill(resident.begin(), resident.end(), 0);
  written = 0;
  for (uint32_t i = 0; i < program.buffers()->size(); ++i) {
    const Buffer &buffer = *program.buffers()->Get(i);
    if (buffer.kind() != BufferKind::State)
      continue;
    std::vector<std::byte> zeros(buffer.count() * simulator.vectorBytes(i));
    MOERT_RETURN_IF_ERROR(simulator.writeVectors(i, 0, buffer.count(), zeros));
  }
  return Status();
}

/// Takes over what differs of all layers, and marks where that is.
void State::findChanged(const uint32_t *memory, int64_t capacity,
                        int64_t position, std::vector<char> &changed) {
  const int64_t layers = int64_t(program.layers()->size()) / parts;
  const std::vector<uint32_t> zeros(static_cast<size_t>(headSize));
  const size_t bytes = zeros.size() * sizeof(uint32_t);
  for (int64_t block = 0; block < layers * 2 * heads; ++block) {
    uint32_t *ours = resident.data() + block * positions * headSize;
    const uint32_t *theirs = memory + block * capacity * headSize;
    // Mostly all is as it was.
    int64_t first =
        std::memcmp(ours, theirs, size_t(position) * bytes) ? 0 : position;
    for (int64_t p = first; p < std::max(position, written); ++p) {
      const uint32_t *wanted =
          p < position ? theirs + p * headSize : zeros.data();
      if (std::memcmp(ours + p * headSize, wanted, bytes) == 0)
        continue;
      std::memcpy(ours + p * headSize, wanted, bytes);
      changed[size_t(block / (2 * heads) * positions + p)] = true;
    }
  }
}

Status State::writePosition(int64_t layer, int64_t position,
                            Simulator &simulator) {
  for (int64_t part = 0; part < parts; ++part)
    MOERT_RETURN_IF_ERROR(writePart(layer, part, position, simulator));
  return Status();
}

Status State::writePart(int64_t layer, int64_t part, int64_t position,
                        Simulator &simulator) {
  const LayerState &where =
      *program.layers()->Get(flatbuffers::uoffset_t(layer * parts + part));
  std::vector<uint8_t> high(size_t(2 * width)), low(size_t(2 * width)),
      values(size_t(4 * width));
  auto put = [&](std::vector<uint8_t> &vector, int64_t lane, int planes,
                 uint32_t bits) {
    for (int plane = 0; plane < planes; ++plane)
      vector[size_t(plane * width + lane)] = uint8_t(bits >> 8 * plane);
  };
  for (const Lane &lane : lanes) {
    if (lane.part != part)
      continue;
    auto at = [&](Part what) {
      return resident[cell(*this, layer, what, lane.head, position, positions) +
                      uint64_t(lane.element)];
    };
    put(high, lane.lane, 2, at(Key));
    put(low, lane.lane, 2, at(Key) >> 16);
    put(values, lane.lane, 4, at(Value));
  }
  auto write = [&](uint32_t buffer, const std::vector<uint8_t> &vector) {
    return simulator.writeVectors(buffer, uint64_t(position), 1,
                                  std::as_bytes(std::span(vector)));
  };
  for (uint32_t buffer : highBuffers(where))
    MOERT_RETURN_IF_ERROR(write(buffer, high));
  MOERT_RETURN_IF_ERROR(write(where.key_low(), low));
  return write(where.value(), values);
}

Status State::bring(const uint32_t *memory, int64_t capacity, int64_t position,
                    Simulator &simulator) {
  const int64_t layers = int64_t(program.layers()->size()) / parts;
  std::vector<char> changed(size_t(layers * positions));
  findChanged(memory, capacity, position, changed);
  written = position;
  for (int64_t layer = 0; layer < layers; ++layer)
    for (int64_t p = 0; p < positions; ++p)
      if (changed[size_t(layer * positions + p)])
        MOERT_RETURN_IF_ERROR(writePosition(layer, p, simulator));
  return Status();
}

//===----------------------------------------------------------------------===//
// Out of SRAM
//===----------------------------------------------------------------------===//

/// Whether lanes of one element differ.
bool State::takePart(int64_t layer, int64_t part, Part what, int64_t position,
                     const std::vector<uint32_t> &bits) {
  bool differ = false;
  for (const Lane &lane : lanes) {
    if (lane.part != part)
      continue;
    uint32_t &kept =
        resident[cell(*this, layer, what, lane.head, position, positions) +
                 uint64_t(lane.element)];
    if (lane.isFirst)
      kept = bits[size_t(lane.lane)];
    differ |= kept != bits[size_t(lane.lane)];
  }
  return differ;
}

Status State::takePosition(int64_t layer, int64_t position,
                           Simulator &simulator) {
  auto read = [&](uint32_t buffer, int shift, std::vector<uint32_t> &bits) {
    std::vector<uint8_t> vector(simulator.vectorBytes(buffer));
    MOERT_RETURN_IF_ERROR(
        simulator.readVectors(buffer, uint64_t(position), 1,
                              std::as_writable_bytes(std::span(vector))));
    for (size_t i = 0; i < vector.size(); ++i)
      bits[i % size_t(width)] |= uint32_t(vector[i])
                                 << (shift + 8 * int(i / size_t(width)));
    return Status();
  };
  bool differ = false;
  for (int64_t part = 0; part < parts; ++part) {
    const LayerState &where =
        *program.layers()->Get(flatbuffers::uoffset_t(layer * parts + part));
    std::vector<uint32_t> keys(static_cast<size_t>(width)), values = keys;
    MOERT_RETURN_IF_ERROR(read(where.key_high(), 0, keys));
    MOERT_RETURN_IF_ERROR(read(where.key_low(), 16, keys));
    MOERT_RETURN_IF_ERROR(read(where.value(), 0, values));
    differ |= takePart(layer, part, Key, position, keys);
    differ |= takePart(layer, part, Value, position, values);
  }
  return differ ? writePosition(layer, position, simulator) : Status();
}

Status State::keep(uint32_t *memory, int64_t capacity, int64_t position,
                   Simulator &simulator) {
  const int64_t layers = int64_t(program.layers()->size()) / parts;
  written = std::max(written, position + 1);
  for (int64_t layer = 0; layer < layers; ++layer) {
    MOERT_RETURN_IF_ERROR(takePosition(layer, position, simulator));
    for (Part part : {Key, Value})
      for (int64_t head = 0; head < heads; ++head)
        std::memcpy(
            memory + cell(*this, layer, part, head, position, capacity),
            resident.data() +
                cell(*this, layer, part, head, position, positions),
            size_t(headSize) * sizeof(uint32_t));
  }
  return Status();
}
