//===- Memory.cpp - rows, identities at the start of a run, upsets --------===//
#include "Memory.h"

#include "Units.h"
#include <algorithm>
#include <cstring>
#include <new>

using namespace moert::lpu;

Memory::Memory(const CheckedProgram &program, bool data, uint64_t seed)
    : written(program.bufferOfRow.size()),
      identities(program.bufferOfRow.size()),
      allSuperlanes((uint64_t(1) << program.machine.superlanes) - 1),
      random(seed), program(program), seed(seed),
      stride(data ? size_t(paddedWidth(program.machine.width())) : 0),
      groups(program.groups) {
  if (size_t size = stride * written.size()) {
    bytes.reset(static_cast<uint8_t *>(std::aligned_alloc(64, size)));
    if (!bytes)
      throw std::bad_alloc();
  }
  reset();
}

/// Bits that differ from seed to seed.
static void fillRandomly(uint8_t *bytes, size_t count, uint64_t state) {
  for (size_t i = 0; i + 8 <= count; i += 8) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    std::memcpy(bytes + i, &z, 8);
  }
}

static void writeConstant(const BufferInfo &buffer, size_t width,
                          uint64_t vector, uint32_t plane, uint8_t *row) {
  if (const auto *splats = buffer.table->splats())
    std::memset(row, int(splats->Get(uint32_t(vector)) >> 8 * plane & 0xff),
                width);
  else if (const auto *bytes = buffer.table->bytes())
    std::memcpy(row, bytes->data() + (vector * buffer.planes + plane) * width,
                width);
}

void Memory::reset() {
  random.seed(seed);
  upsets.clear();
  if (bytes)
    fillRandomly(bytes.get(), stride * written.size(), seed);
  std::fill(written.begin(), written.end(), 0);
  for (const BufferInfo &buffer : program.buffers) {
    if (buffer.kind != BufferKind::Constant && buffer.kind != BufferKind::Text)
      continue;
    for (uint64_t vector = 0; vector < buffer.count; ++vector)
      for (uint32_t plane = 0; plane < buffer.planes; ++plane) {
        uint32_t row =
            buffer.firstRow + uint32_t(vector * buffer.planes + plane);
        written[row] = allSuperlanes;
        if (bytes)
          writeConstant(buffer, size_t(program.machine.width()), vector, plane,
                        bytesOf(row));
      }
  }
  beginSegment(/*first=*/true);
}

void Memory::beginSegment(bool first) {
  for (size_t index = 0; index < program.buffers.size(); ++index) {
    const BufferInfo &buffer = program.buffers[index];
    for (uint64_t vector = 0; vector < buffer.count; ++vector) {
      uint32_t row = buffer.firstRow + uint32_t(vector * buffer.planes);
      std::fill_n(identities.begin() + row, buffer.planes,
                  fold({1, uint32_t(index), uint32_t(vector)}));
      if (!first)
        continue;
      if (buffer.kind == BufferKind::Temporary ||
          buffer.kind == BufferKind::Output)
        std::fill_n(written.begin() + row, buffer.planes, 0);
      else if (!bytes && buffer.kind != BufferKind::Output)
        // Without data the host writes nothing, but would have.
        std::fill_n(written.begin() + row, buffer.planes, allSuperlanes);
    }
    for (uint32_t group = 0; group < buffer.groups; ++group)
      std::fill_n(groups.begin() + buffer.firstGroup + group * buffer.planes,
                  buffer.planes, fold({2, uint32_t(index), group}));
  }
}

uint32_t Memory::outputsIdentity() const {
  uint32_t folded = 0;
  for (const BufferInfo &buffer : program.buffers) {
    if (buffer.kind != BufferKind::Output &&
        buffer.kind != BufferKind::State &&
        !(program.segments.size() > 1 && buffer.kind == BufferKind::Temporary))
      continue;
    const uint32_t *cells = buffer.dynamic ? &groups[buffer.firstGroup]
                                           : &identities[buffer.firstRow];
    uint64_t count = buffer.dynamic ? buffer.groups : buffer.count;
    for (uint64_t cell = 0; cell < count * buffer.planes; ++cell)
      folded = moert_lpu_mix(folded, cells[cell]);
  }
  return folded;
}

void Memory::upset(uint32_t row, uint64_t bit) {
  std::vector<uint32_t> &flipped = upsets[row];
  auto it = std::find(flipped.begin(), flipped.end(), uint32_t(bit));
  if (it != flipped.end())
    flipped.erase(it);
  else
    flipped.push_back(uint32_t(bit));
}

void Memory::overwrite(uint32_t row, uint64_t superlanes) {
  auto it = upsets.find(row);
  if (it == upsets.end())
    return;
  uint32_t bits = uint32_t(program.machine.lanes) * 8;
  std::erase_if(it->second, [&](uint32_t bit) {
    return superlanes >> bit / bits & 1;
  });
  if (it->second.empty())
    upsets.erase(it);
}

int Memory::correct(uint32_t row, uint64_t superlanes, uint64_t &corrected) {
  auto it = upsets.find(row);
  if (it == upsets.end())
    return -1;
  uint32_t bits = uint32_t(program.machine.lanes) * 8;
  uint64_t once = 0;
  for (uint32_t bit : it->second) {
    uint32_t superlane = bit / bits;
    if (!(superlanes >> superlane & 1))
      continue;
    if (once >> superlane & 1)
      return int(superlane);
    once |= uint64_t(1) << superlane;
    ++corrected;
  }
  overwrite(row, superlanes);
  return -1;
}
