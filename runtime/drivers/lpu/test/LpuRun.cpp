//===- LpuRun.cpp - runs a program file with random contents --------------===//
//
// For tests and benchmarks of schedules: `moert_lpu_run program.lpu` fills what
// the host would write with random numbers, runs the first segment, and prints
// cycles, predicted and simulated, and how much the matrix units had to do.
//   --time-only   no data
//   --seed N      other numbers
//   --dump DIR    what is in each buffer that the host writes or reads, after
//   the
//                 run, into DIR/NUMBER-NAME.bin: byte planes, vector by vector
//===----------------------------------------------------------------------===//
#include "Simulator/Simulator.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

using namespace moert;
using namespace moert::lpu;

namespace {

/// From the first cycle of a unit's work to the last.
struct Span {
  uint64_t first = UINT64_MAX, last = 0;
  void add(uint64_t cycle, uint64_t count) {
    first = std::min(first, cycle);
    last = std::max(last, cycle + count);
  }
  uint64_t cycles() const { return last > first ? last - first : 0; }
};

int fail(const char *file, const std::string &what) {
  std::fprintf(stderr, "error: %s: %s\n", file, what.c_str());
  return 1;
}

/// Small numbers of the buffer's type. An f32 is between -1 and 1, but as a
/// parameter, which scales sums of int8 products, so small that they come out
/// like that.
std::vector<std::byte> contentsOf(const Buffer &buffer, size_t vectorBytes,
                                  std::mt19937 &random) {
  std::vector<std::byte> bytes(buffer.count() * vectorBytes);
  if (buffer.type() == MOERT_LPU_I8) {
    for (std::byte &b : bytes)
      b = std::byte(random());
    return bytes;
  }
  if (buffer.type() != MOERT_LPU_F32)
    return bytes;
  const size_t width = vectorBytes / 4;
  for (size_t v = 0; v < buffer.count(); ++v)
    for (size_t lane = 0; lane < width; ++lane) {
      float value = float(int(random() % 2001) - 1000) / 1000;
      if (buffer.kind() == BufferKind::Parameter)
        value *= 1e-5f;
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      for (size_t p = 0; p < 4; ++p)
        bytes[(v * 4 + p) * width + lane] = std::byte(bits >> 8 * p);
    }
  return bytes;
}

bool isOfHost(const Buffer &buffer) {
  return buffer.kind() == BufferKind::Parameter ||
         buffer.kind() == BufferKind::Input ||
         buffer.kind() == BufferKind::State;
}

/// Empty, or what went wrong.
std::string dump(const Simulator &simulator, const std::string &folder) {
  const auto &buffers = *simulator.program().buffers();
  for (unsigned b = 0; b < buffers.size(); ++b) {
    const Buffer &buffer = *buffers.Get(b);
    if (!isOfHost(buffer) && buffer.kind() != BufferKind::Output)
      continue;
    std::vector<std::byte> bytes(buffer.count() * simulator.vectorBytes(b));
    Status status = simulator.readVectors(b, 0, buffer.count(), bytes);
    if (!status.ok())
      return status.message();
    std::string path =
        folder + "/" + std::to_string(b) + "-" + buffer.name()->str() + ".bin";
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char *>(bytes.data()),
              std::streamsize(bytes.size()));
    if (!out)
      return path + " cannot be written";
  }
  return {};
}

double percent(uint64_t busy, uint64_t cycles, int64_t units) {
  return cycles ? 100.0 * double(busy) / (double(cycles) * double(units)) : 0;
}

} // namespace

int main(int argc, char **argv) {
  SimulatorOptions options;
  const char *file = nullptr, *folder = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--time-only"))
      options.data = false;
    else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc)
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (!std::strcmp(argv[i], "--dump") && i + 1 < argc)
      folder = argv[++i];
    else
      file = argv[i];
  }
  if (!file)
    return fail("moert_lpu_run", "which program is not said");
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return fail(file, "cannot be opened");
  std::vector<char> bytes(std::istreambuf_iterator<char>(in), {});

  Span loads, feeds;
  options.trace = [&](const TraceEvent &event) {
    const moert_lpu_instruction_t &i = event.instruction;
    const unsigned opcode = i.opcode & ~MOERT_LPU_FLAG;
    if (opcode == MOERT_LPU_LW || opcode == MOERT_LPU_LWX)
      loads.add(event.cycle, i.imm & 0xff);
    if (opcode == MOERT_LPU_ABC)
      feeds.add(event.cycle, i.imm);
  };
  std::unique_ptr<Simulator> simulator;
  Status status =
      Simulator::create(std::as_bytes(std::span(bytes)), options, &simulator);
  if (!status.ok())
    return fail(file, status.message());
  std::mt19937 random(uint32_t(options.seed) + 1);
  const Program &program = simulator->program();
  for (unsigned b = 0; options.data && b < program.buffers()->size(); ++b) {
    const Buffer &buffer = *program.buffers()->Get(b);
    if (!isOfHost(buffer))
      continue;
    status = simulator->writeVectors(
        b, 0, buffer.count(),
        contentsOf(buffer, simulator->vectorBytes(b), random));
    if (!status.ok())
      return fail(file, status.message());
  }
  Result result;
  status = simulator->run(0, result);
  if (!status.ok())
    return fail(file, status.message());
  if (folder)
    if (std::string wrong = dump(*simulator, folder); !wrong.empty())
      return fail(file, wrong);

  const Machine &machine = simulator->machine();
  const int64_t planes = 2 * machine.mxm.planes * program.chips();
  const uint64_t predicted = program.segments()->Get(0)->cycles();
  std::printf("predicted %llu, simulated %llu cycles\n",
              static_cast<unsigned long long>(predicted),
              static_cast<unsigned long long>(result.cycles));
  std::printf("install ports %.1f %% of %llu cycles of loading\n",
              percent(result.busy.install, loads.cycles(), planes),
              static_cast<unsigned long long>(loads.cycles()));
  std::printf(
      "matrix planes %.1f %% of %llu cycles of feeding, %.1f %% of all\n",
      percent(result.busy.feed, feeds.cycles(), planes),
      static_cast<unsigned long long>(feeds.cycles()),
      percent(result.busy.feed, result.cycles, planes));
  return predicted == result.cycles ? 0 : 1;
}
