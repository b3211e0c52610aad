//===- Simulator.cpp - a program, its memory, and who runs it -------------===//
#include "Simulator.h"

#include "Engine.h"
#include "Layout.h"
#include "Memory.h"
#include <cstring>

using namespace moert;
using namespace moert::lpu;

class Simulator::Implementation {
public:
  CheckedProgram program;
  SimulatorOptions options;
  std::unique_ptr<Memory> memory;
  std::unique_ptr<Engine> engine;
  Recorded recorded;

  Status checkRange(size_t buffer, uint64_t first, uint64_t count,
                    size_t bytes) const {
    if (buffer >= program.buffers.size())
      return makeStatus(MOERT_OUT_OF_RANGE, "buffer ", buffer,
                        " requested, the program has ",
                        program.buffers.size());
    const BufferInfo &info = program.buffers[buffer];
    if (first > info.count || count > info.count - first)
      return makeStatus(MOERT_OUT_OF_RANGE, "vectors ", first, " to ",
                        first + count, " of buffer ", info.name,
                        " requested, it has ", info.count);
    size_t needed = size_t(count) * info.planes *
                    size_t(program.machine.width());
    if (bytes != needed)
      return makeStatus(MOERT_INVALID_ARGUMENT, bytes, " bytes for ", count,
                        " vectors of buffer ", info.name, ", which have ",
                        needed);
    if (!options.data)
      return makeStatus(MOERT_INVALID_ARGUMENT,
                        "a simulator of time alone has no data");
    return Status();
  }
};

Simulator::Simulator(std::unique_ptr<Implementation> implementation)
    : self(std::move(implementation)) {}
Simulator::~Simulator() = default;

Status Simulator::create(std::span<const std::byte> program,
                         SimulatorOptions options,
                         std::unique_ptr<Simulator> *out) {
  auto self = std::make_unique<Implementation>();
  self->options = std::move(options);
  if (self->options.threads < 1)
    return makeStatus(MOERT_INVALID_ARGUMENT, self->options.threads,
                      " threads requested, at least 1 is needed");
  MOERT_RETURN_IF_ERROR(checkProgram(program, self->program));
  self->memory = std::make_unique<Memory>(self->program, self->options.data,
                                          self->options.seed);
  self->engine = std::make_unique<Engine>(self->program, self->options,
                                          *self->memory);
  out->reset(new Simulator(std::move(self)));
  return Status();
}

const Machine &Simulator::machine() const { return self->program.machine; }
const Program &Simulator::program() const { return *self->program.table; }
const Recorded &Simulator::recorded() const { return self->recorded; }

Status Simulator::run(size_t segment, Result &result, bool first) {
  result = {};
  if (segment >= self->program.segments.size())
    return makeStatus(MOERT_OUT_OF_RANGE, "segment ", segment,
                      " requested, the program has ",
                      self->program.segments.size());
  self->memory->beginSegment(first);
  try {
    self->engine->run(segment, result, self->recorded);
  } catch (const HazardError &error) {
    return makeStatus(MOERT_DATA_LOSS, error.message);
  }
  return Status();
}

Status Simulator::writeVectors(size_t buffer, uint64_t first, uint64_t count,
                               std::span<const std::byte> bytes) {
  MOERT_RETURN_IF_ERROR(self->checkRange(buffer, first, count, bytes.size()));
  const BufferInfo &info = self->program.buffers[buffer];
  const size_t width = size_t(machine().width());
  for (uint64_t i = 0; i < count * info.planes; ++i) {
    uint32_t row = info.firstRow + uint32_t(first * info.planes + i);
    std::memcpy(self->memory->bytesOf(row), bytes.data() + i * width, width);
    self->memory->written[row] = self->memory->allSuperlanes;
    self->memory->overwrite(row, self->memory->allSuperlanes);
  }
  return Status();
}

Status Simulator::readVectors(size_t buffer, uint64_t first, uint64_t count,
                              std::span<std::byte> bytes) const {
  MOERT_RETURN_IF_ERROR(self->checkRange(buffer, first, count, bytes.size()));
  const BufferInfo &info = self->program.buffers[buffer];
  const size_t width = size_t(machine().width());
  for (uint64_t i = 0; i < count * info.planes; ++i) {
    uint32_t row = info.firstRow + uint32_t(first * info.planes + i);
    if (self->memory->written[row] != self->memory->allSuperlanes)
      return makeStatus(MOERT_NOT_FOUND, "vector ", first + i / info.planes,
                        " of buffer ", info.name, " was never written");
    uint64_t corrected = 0;
    if (int bad = self->memory->correct(row, self->memory->allSuperlanes,
                                        corrected);
        bad >= 0)
      return makeStatus(MOERT_DATA_LOSS, "two bits of superlane ", bad,
                        " of vector ", first + i / info.planes, " of buffer ",
                        info.name, " are wrong");
    std::memcpy(bytes.data() + i * width, self->memory->bytesOf(row), width);
  }
  return Status();
}

size_t Simulator::vectorBytes(size_t buffer) const {
  return buffer < self->program.buffers.size()
             ? size_t(self->program.buffers[buffer].planes) *
                   size_t(machine().width())
             : 0;
}

Status Simulator::reset() {
  self->memory->reset();
  return Status();
}

Status Simulator::upset(size_t buffer, uint64_t vector, size_t plane,
                        uint64_t bit) {
  if (buffer >= self->program.buffers.size() ||
      vector >= self->program.buffers[buffer].count ||
      plane >= self->program.buffers[buffer].planes ||
      bit >= uint64_t(machine().width()) * 8)
    return makeStatus(MOERT_OUT_OF_RANGE, "no bit ", bit, " of byte plane ",
                      plane, " of vector ", vector, " of buffer ", buffer);
  const BufferInfo &info = self->program.buffers[buffer];
  self->memory->upset(
      info.firstRow + uint32_t(vector * info.planes + plane), bit);
  return Status();
}

//===-- names -------------------------------------------------------------===//

std::string moert::lpu::trackName(moert_lpu_track_kind_t kind, int chip,
                                  int hemisphere, int index, bool manyChips) {
  std::string prefix = manyChips ? "c" + std::to_string(chip) + "." : "";
  std::string unit = (hemisphere ? "e" : "w") + std::to_string(index);
  static const char *const sxm[] = {"shift", "permute", "distribute",
                                    "transpose", "select"};
  switch (kind) {
  case MOERT_LPU_MEM_READ:
    return prefix + "mem." + unit + ".read";
  case MOERT_LPU_MEM_WRITE:
    return prefix + "mem." + unit + ".write";
  case MOERT_LPU_VXM:
    return prefix + "vxm." + std::to_string(index);
  case MOERT_LPU_MXM_LOAD:
    return prefix + "mxm." + unit + ".load";
  case MOERT_LPU_MXM_FEED:
    return prefix + "mxm." + unit + ".feed";
  case MOERT_LPU_MXM_DRAIN:
    return prefix + "mxm." + unit + ".drain";
  case MOERT_LPU_C2C:
    return prefix + "c2c." + unit;
  case MOERT_LPU_ICU:
    return prefix + "icu";
  default:
    return prefix + "sxm." + unit + "." + sxm[kind - MOERT_LPU_SXM_SHIFT];
  }
}

const char *moert::lpu::opcodeName(unsigned opcode) {
  switch (opcode) {
#define OPCODE(name)                                                           \
  case MOERT_LPU_##name:                                                       \
    return #name;
    OPCODE(NOP)
    OPCODE(REPEAT)
    OPCODE(IFETCH)
    OPCODE(SYNC)
    OPCODE(NOTIFY)
    OPCODE(CONFIG)
    OPCODE(READ)
    OPCODE(WRITE)
    OPCODE(GATHER)
    OPCODE(SCATTER)
    OPCODE(PASS)
    OPCODE(NEG)
    OPCODE(ADD)
    OPCODE(SUB)
    OPCODE(MUL)
    OPCODE(MIN)
    OPCODE(MAX)
    OPCODE(AND)
    OPCODE(OR)
    OPCODE(XOR)
    OPCODE(SHL)
    OPCODE(SHR)
    OPCODE(GT)
    OPCODE(GE)
    OPCODE(EQ)
    OPCODE(MASK)
    OPCODE(MASKN)
    OPCODE(CVT)
    OPCODE(RELU)
    OPCODE(EXP2)
    OPCODE(RSQRT)
    OPCODE(TANH)
    OPCODE(LATCH)
    OPCODE(LW)
    OPCODE(LWX)
    OPCODE(IW)
    OPCODE(CLEAR)
    OPCODE(ABC)
    OPCODE(ACC)
    OPCODE(SHIFT)
    OPCODE(PERMUTE)
    OPCODE(DISTRIBUTE)
    OPCODE(ROTATE)
    OPCODE(TRANSPOSE)
    OPCODE(SELECT)
    OPCODE(SEND)
    OPCODE(RECV)
    OPCODE(DESKEW)
#undef OPCODE
  default:
    return nullptr;
  }
}
