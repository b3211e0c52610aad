//===- Simulate.cpp - runs a program, given and asked numbers -------------===//
#include "Simulate.h"

#include "Simulator/Simulator.h"
#include <cstring>

using namespace moert;
using namespace moert::lpu;

/// All lanes of byte plane 0, then of 1, ...
static std::vector<std::byte> toPlanes(const float *lanes, size_t width) {
  std::vector<std::byte> bytes(4 * width);
  for (size_t l = 0; l < width; ++l) {
    uint32_t bits;
    std::memcpy(&bits, lanes + l, 4);
    for (size_t plane = 0; plane < 4; ++plane)
      bytes[plane * width + l] = std::byte(bits >> (8 * plane));
  }
  return bytes;
}

static void fromPlanes(const std::vector<std::byte> &bytes, float *lanes) {
  size_t width = bytes.size() / 4;
  for (size_t l = 0; l < width; ++l) {
    uint32_t bits = 0;
    for (size_t plane = 0; plane < 4; ++plane)
      bits |= uint32_t(bytes[plane * width + l]) << (8 * plane);
    std::memcpy(lanes + l, &bits, 4);
  }
}

moe::lpu::Simulated moe::lpu::simulate(const std::vector<char> &program,
                                       const Numbers &inputs) {
  Simulated result;
  auto fails = [&](const Status &status) {
    if (!status.ok())
      result.error = status.message();
    return !status.ok();
  };
  std::unique_ptr<Simulator> simulator;
  if (fails(Simulator::create(std::as_bytes(std::span(program)), {},
                              &simulator)))
    return result;
  const Program &table = simulator->program();
  size_t width = size_t(simulator->machine().width());
  for (unsigned b = 0; b < table.buffers()->size(); ++b) {
    auto known = inputs.find(table.buffers()->Get(b)->name()->str());
    if (known == inputs.end())
      continue;
    for (size_t v = 0; v < known->second.size() / width; ++v)
      if (fails(simulator->writeVectors(
              b, v, 1, toPlanes(known->second.data() + v * width, width))))
        return result;
  }
  result.predicted = table.segments()->Get(0)->cycles();
  Result run;
  if (fails(simulator->run(0, run)))
    return result;
  result.cycles = run.cycles;
  for (unsigned b = 0; b < table.buffers()->size(); ++b) {
    const Buffer &buffer = *table.buffers()->Get(b);
    if (buffer.kind() != BufferKind::Output)
      continue;
    std::vector<float> &lanes = result.outputs[buffer.name()->str()];
    lanes.resize(buffer.count() * width);
    std::vector<std::byte> bytes(4 * width);
    for (size_t v = 0; v < buffer.count(); ++v) {
      if (fails(simulator->readVectors(b, v, 1, bytes)))
        return result;
      fromPlanes(bytes, lanes.data() + v * width);
    }
  }
  return result;
}
