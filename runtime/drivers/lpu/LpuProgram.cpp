//===- LpuProgram.cpp - a program, loaded into a simulated chip -----------===//
#include "LpuProgram.h"
#include "Leaver.h"

#include <algorithm>
#include <cstring>

using namespace moert;
using namespace moert::lpu;

//===----------------------------------------------------------------------===//
// Whether it can be run
//===----------------------------------------------------------------------===//

/// The one feature that a program needs.
static std::string instructionSet() {
  return "lpu-isa-" + std::to_string(MOERT_LPU_VERSION);
}

static Status checkFeatures(const moert_code_t &code) {
  for (uint64_t i = 0; i < code.feature_count; ++i)
    if (code.features[i] != instructionSet())
      return makeStatus(MOERT_INCOMPATIBLE, "needs ", code.features[i],
                        ", this runtime's simulator has ", instructionSet());
  return Status();
}

/// Machines that come with the project are the same everywhere.
static Status checkMachine(const Program &program) {
  Machine machine;
  std::string text = program.machine()->str();
  std::string wrong = parseMachine(text, "its machine", machine);
  if (!wrong.empty())
    return Status(MOERT_DATA_LOSS, wrong);
  if (machine.name != program.machine_name()->string_view())
    return makeStatus(MOERT_DATA_LOSS, "is a program for ",
                      program.machine_name()->string_view(),
                      ", its machine is ", machine.name);
  for (const NamedMachine &known : machines())
    if (machine.name == known.name && text != known.text)
      return makeStatus(MOERT_INCOMPATIBLE, "is compiled for another ",
                        machine.name, " than this runtime's");
  return Status();
}

Status moert::lpu::checkModuleCode(const moert_code_t &code) {
  MOERT_RETURN_IF_ERROR(checkFeatures(code));
  const auto *bytes = static_cast<const uint8_t *>(code.bytes);
  flatbuffers::Verifier::Options options;
  options.max_tables = std::numeric_limits<flatbuffers::uoffset_t>::max();
  if (code.size < 8 || code.size >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      !ProgramBufferHasIdentifier(bytes))
    return makeStatus(MOERT_INCOMPATIBLE, "has ", code.size,
                      " bytes of code that are no program of format ",
                      ProgramIdentifier());
  flatbuffers::Verifier verifier(bytes, code.size, options);
  if (!VerifyProgramBuffer(verifier))
    return makeStatus(MOERT_DATA_LOSS, "has ", code.size,
                      " bytes of code that are not a whole program");
  return checkMachine(*GetProgram(bytes));
}

/// The simulator has checked kind and type, if there is one.
Status ProgramRunner::checkHostBuffer(int32_t index, const char *what,
                                      uint64_t count) const {
  if (index < 0)
    return makeStatus(MOERT_DATA_LOSS, "has no buffer for the ", what);
  const Buffer &buffer =
      *program().buffers()->Get(flatbuffers::uoffset_t(index));
  if (buffer.count() != count)
    return makeStatus(MOERT_DATA_LOSS, "has ", buffer.count(),
                      " vectors for the ", what, ", must have ", count);
  return Status();
}

/// Each exit is a segment with a score, between one that comes before it and
/// one for tokens that left, behind which others go on.
Status ProgramRunner::checkExits(const fb::Exits *exits) const {
  if (exits && exits->state() != fb::ExitState::Propagate)
    return makeStatus(MOERT_INCOMPATIBLE,
                      "has exits from which tokens go on later, the lpu driver "
                      "knows none");
  const auto &segments = *program().segments();
  uint32_t asking = 0;
  for (flatbuffers::uoffset_t i = 0; i < segments.size(); ++i) {
    const Segment &segment = *segments[i];
    if (segment.score() == -1)
      continue;
    ++asking;
    if (i == 0 || i + 2 >= segments.size() || segments[i + 1]->score() != -1)
      return makeStatus(MOERT_DATA_LOSS, "segment ",
                        segment.name()->string_view(),
                        " has a score, but is no exit's");
    const bool isThere =
        segment.score() >= 0 &&
        uint32_t(segment.score()) < program().buffers()->size();
    const Buffer *buffer =
        isThere ? program().buffers()->Get(uint32_t(segment.score())) : nullptr;
    if (!buffer || buffer->kind() != BufferKind::Output ||
        buffer->type() != MOERT_LPU_F32 || buffer->count() != 1)
      return makeStatus(MOERT_DATA_LOSS, "the score of segment ",
                        segment.name()->string_view(), " is buffer ",
                        segment.score(), ", which holds no score");
  }
  const uint32_t wanted = exits ? exits->exits()->size() : 0;
  if (asking == wanted)
    return Status();
  return makeStatus(MOERT_DATA_LOSS, "has a program with ", asking,
                    " exits, the model has ", wanted);
}

/// Whether the program takes and gives what the module says it does.
Status ProgramRunner::checkInterface(const fb::Module &module) {
  const fb::Model &model = *module.model();
  if (module.schedule())
    return makeStatus(MOERT_INCOMPATIBLE,
                      "fetches experts, the lpu driver has them all in memory");
  MOERT_RETURN_IF_ERROR(checkExits(module.exits()));
  if (program().vocabulary() != uint64_t(model.vocabulary()))
    return makeStatus(MOERT_DATA_LOSS, "has logits of ", program().vocabulary(),
                      " tokens, the model's vocabulary is ",
                      model.vocabulary());
  const int64_t held =
      module.target()->context() ? module.target()->context() : model.context();
  if (program().context() < uint64_t(held))
    return makeStatus(MOERT_DATA_LOSS, "has states of ", program().context(),
                      " positions, the module's context is ", held);
  MOERT_RETURN_IF_ERROR(checkHostBuffer(program().token(), "token", 1));
  MOERT_RETURN_IF_ERROR(checkHostBuffer(program().position(), "position", 1));
  const uint64_t lanes = uint64_t(width());
  return checkHostBuffer(program().logits(), "logits",
                         (program().vocabulary() + lanes - 1) / lanes);
}

Status ProgramRunner::create(const moert_code_t &code, int threads,
                             std::unique_ptr<ProgramRunner> *out) {
  MOERT_RETURN_IF_ERROR(checkModuleCode(code));
  if (!code.metadata)
    return makeStatus(MOERT_INVALID_ARGUMENT,
                      "is code without metadata, which a program needs");
  auto runner = std::make_unique<ProgramRunner>();
  const auto *described = static_cast<const std::byte *>(code.metadata);
  runner->metadata.assign(described, described + code.metadata_size);
  const fb::Module *module;
  std::vector<Code> codes;
  MOERT_RETURN_IF_ERROR(readMetadata(runner->metadata,
                                     /*weightsSize=*/~uint64_t(0), code.origin,
                                     &module, &codes));
  SimulatorOptions options;
  options.threads = threads;
  MOERT_RETURN_IF_ERROR(Simulator::create(
      {static_cast<const std::byte *>(code.bytes), size_t(code.size)}, options,
      &runner->simulator));
  MOERT_RETURN_IF_ERROR(runner->checkInterface(*module));
  MOERT_RETURN_IF_ERROR(Loader::create(runner->program(), runner->width(),
                                       *module, std::move(codes),
                                       &runner->loader));
  MOERT_RETURN_IF_ERROR(State::create(runner->program(), runner->width(),
                                      *module->kv(), &runner->state));
  runner->countUnits(Result());
  *out = std::move(runner);
  return Status();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Fills SRAM: the first time, with other parameters, and after a failure, of
/// which nobody knows what it left.
Status ProgramRunner::prepare(const moert_abi_forward_t &args) {
  const std::vector<const void *> wanted(
      args.parameters,
      args.parameters + fb::GetModule(metadata.data())->parameters()->size());
  if (isFilled && wanted == parameters && filledPositions == args.kv_capacity)
    return Status();
  isFilled = false;
  MOERT_RETURN_IF_ERROR(simulator->reset());
  MOERT_RETURN_IF_ERROR(
      loader->fill(wanted.data(), args.kv_capacity, *simulator));
  MOERT_RETURN_IF_ERROR(state->clear(*simulator));
  parameters = wanted;
  filledPositions = args.kv_capacity;
  isFilled = true;
  return Status();
}

Status ProgramRunner::writeSplat(int32_t buffer, int32_t value) {
  const auto lanes = size_t(width());
  std::vector<uint8_t> bytes(4 * lanes);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(uint32_t(value) >> 8 * (i / lanes));
  return simulator->writeVectors(size_t(buffer), 0, 1,
                                 std::as_bytes(std::span(bytes)));
}

Status ProgramRunner::readLogits(float *out) const {
  const auto buffer = size_t(program().logits()), lanes = size_t(width());
  const uint64_t count =
      program().buffers()->Get(flatbuffers::uoffset_t(buffer))->count();
  std::vector<uint8_t> bytes(count * simulator->vectorBytes(buffer));
  MOERT_RETURN_IF_ERROR(simulator->readVectors(
      buffer, 0, count, std::as_writable_bytes(std::span(bytes))));
  for (uint64_t token = 0; token < program().vocabulary(); ++token) {
    const uint8_t *vector = bytes.data() + token / lanes * lanes * 4;
    uint32_t bits = 0;
    for (size_t plane = 0; plane < 4; ++plane)
      bits |= uint32_t(vector[plane * lanes + token % lanes]) << 8 * plane;
    std::memcpy(out + token, &bits, sizeof(bits));
  }
  return Status();
}

/// It takes the cycles that the compiler said; anything else is a defect of one
/// of the two.
Status ProgramRunner::runSegment(uint32_t index) {
  const Segment &segment = *program().segments()->Get(index);
  Result result;
  MOERT_RETURN_IF_ERROR(simulator->run(index, result, /*first=*/index == 0));
  if (result.cycles != segment.cycles())
    return makeStatus(MOERT_INTERNAL, "segment ", segment.name()->string_view(),
                      " took ", result.cycles,
                      " cycles, the compiler predicted ", segment.cycles());
  cycles += result.cycles;
  predictedCycles += segment.cycles();
  countUnits(result);
  return Status();
}

Status ProgramRunner::readScore(int32_t buffer, float *out) const {
  const auto lanes = size_t(width());
  std::vector<uint8_t> bytes(4 * lanes);
  MOERT_RETURN_IF_ERROR(simulator->readVectors(
      size_t(buffer), 0, 1, std::as_writable_bytes(std::span(bytes))));
  uint32_t bits = 0;
  for (size_t plane = 0; plane < 4; ++plane)
    bits |= uint32_t(bytes[plane * lanes]) << 8 * plane;
  std::memcpy(out, &bits, sizeof(bits));
  return Status();
}

/// Of a step that has exits, those pieces that are for this token.
Status ProgramRunner::runSegments(const moert_abi_exits_t *exits,
                                  void (*trace)(void *host, int64_t op),
                                  void *host) {
  Leaver token(exits);
  int64_t exit = 0;
  bool isForLeft = false; // the segment, behind one with a score
  for (uint32_t i = 0; i < program().segments()->size(); ++i) {
    const int32_t score = program().segments()->Get(i)->score();
    const bool isAsking = score != -1;
    const bool runs = isAsking ? token.asks() : isForLeft == token.hasLeft();
    if (runs && trace)
      trace(host, i);
    if (runs)
      MOERT_RETURN_IF_ERROR(runSegment(i));
    if (isAsking) {
      float value = 0;
      if (runs)
        MOERT_RETURN_IF_ERROR(readScore(score, &value));
      token.decide(exit++, value);
    }
    isForLeft = isAsking;
  }
  return Status();
}

Status ProgramRunner::runRow(const moert_abi_forward_t &args, int64_t row,
                             void (*trace)(void *host, int64_t op),
                             void *host) {
  auto *memory = static_cast<uint32_t *>(args.kv[args.sequences[row]]);
  const moert_abi_exits_t *exits =
      fb::GetModule(metadata.data())->exits() ? args.exits : nullptr;
  const int64_t position = args.positions[row];
  if (position >= int64_t(program().context()))
    return makeStatus(MOERT_OUT_OF_RANGE, "position ", position,
                      " requested, the program's states have ",
                      program().context());
  MOERT_RETURN_IF_ERROR(
      state->bring(memory, args.kv_capacity, position, *simulator));
  MOERT_RETURN_IF_ERROR(writeSplat(program().token(), args.tokens[row]));
  MOERT_RETURN_IF_ERROR(writeSplat(program().position(), int32_t(position)));
  MOERT_RETURN_IF_ERROR(runSegments(exits, trace, host));
  ++rows;
  MOERT_RETURN_IF_ERROR(
      state->keep(memory, args.kv_capacity, position, *simulator));
  for (int64_t entry = 0; entry < args.wanted_rows; ++entry)
    if (args.wanted[entry] == row)
      MOERT_RETURN_IF_ERROR(
          readLogits(args.logits + uint64_t(entry) * program().vocabulary()));
  return Status();
}

Status ProgramRunner::forward(const moert_abi_forward_t &args,
                              void (*trace)(void *host, int64_t op),
                              void *host) {
  // Rows ask one after the other, which exits of a batch cannot.
  if (fb::GetModule(metadata.data())->exits() && args.rows != 1)
    return makeStatus(MOERT_INVALID_ARGUMENT, "a batch of ", args.rows,
                      " rows, a program with exits takes 1");
  MOERT_RETURN_IF_ERROR(prepare(args));
  for (int64_t row = 0; row < args.rows; ++row) {
    Status status = runRow(args, row, trace, host);
    if (status) {
      isFilled = false;
      return status;
    }
  }
  if (trace)
    trace(host, -1);
  return Status();
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

void ProgramRunner::countUnits(const Result &result) {
  const Machine &machine = simulator->machine();
  const auto &sxm = machine.sxm;
  const auto planes = uint64_t(2 * machine.mxm.planes);
  const auto switches =
      uint64_t(2 * (sxm.shifters + sxm.permuters + sxm.distributors +
                    sxm.transposers + sxm.selectors));
  const auto slices = uint64_t(2 * machine.mem.slices);
  const moert_unit_use_t more[] = {
      {"mxm_install", result.busy.install, planes},
      {"mxm_feed", result.busy.feed, planes},
      {"mxm_drain", result.busy.drain, planes},
      {"vxm_alu", result.busy.alu, uint64_t(machine.vxm.alus)},
      {"sxm", result.busy.sxm, switches},
      {"mem_read", result.busy.read, slices},
      {"mem_write", result.busy.write, slices},
      {"c2c_link", result.busy.links * uint64_t(machine.c2c.vectorCycles),
       uint64_t(machine.c2c.links)}};
  units.resize(std::size(more));
  for (size_t i = 0; i < units.size(); ++i) {
    units[i].name = more[i].name;
    units[i].busy_cycles += more[i].busy_cycles;
    units[i].available_cycles +=
        more[i].available_cycles * result.cycles * program().chips();
  }
}

void ProgramRunner::describeUse(moert_device_use_t *out) const {
  out->clock_hz = simulator->machine().clockHz;
  out->rows = rows;
  out->cycles = cycles;
  out->predicted_cycles = predictedCycles;
  out->units = units.data();
  out->unit_count = units.size();
}
