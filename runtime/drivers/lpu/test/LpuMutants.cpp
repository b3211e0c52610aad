//===- LpuMutants.cpp - changes a program file again and again ------------===//
//
// For tests of schedules: `moert_lpu_mutants program.lpu count` fills what the
// host would write with random numbers, changes one thing of the first segment
// at a time, and prints how many mutants were refused and how many had the
// outputs of the original. Fails if there is a third kind, or no second or
// first.
//===----------------------------------------------------------------------===//
#include "Mutants.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace moert;
using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

int fail(const char *file, const std::string &what) {
  std::fprintf(stderr, "error: %s: %s\n", file, what.c_str());
  return 1;
}

bool isSeen(BufferKind kind) {
  return kind == BufferKind::Output || kind == BufferKind::State;
}
bool isWritten(BufferKind kind) {
  return kind == BufferKind::Input || kind == BufferKind::State ||
         kind == BufferKind::Parameter;
}

/// Numbers below 64, halves and floats below 2; 0 where they may choose rows.
std::vector<std::byte> contentsOf(const Buffer &buffer, size_t count) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(count);
  if (buffer.type() == MOERT_LPU_I32 || buffer.type() == MOERT_LPU_I16)
    return bytes;
  for (std::byte &byte : bytes)
    byte = std::byte(random() & 0x3f);
  return bytes;
}

/// Outputs and states after a run, or what went wrong.
Status runAndLook(const std::vector<std::byte> &bytes,
                  std::vector<std::byte> &seen) {
  std::unique_ptr<Simulator> simulator;
  MOERT_RETURN_IF_ERROR(Simulator::create(bytes, {}, &simulator));
  const auto &buffers = *simulator->program().buffers();
  for (uint32_t b = 0; b < buffers.size(); ++b)
    if (isWritten(buffers[b]->kind()))
      MOERT_RETURN_IF_ERROR(simulator->writeVectors(
          b, 0, buffers[b]->count(),
          contentsOf(*buffers[b],
                     buffers[b]->count() * simulator->vectorBytes(b))));
  Result result;
  MOERT_RETURN_IF_ERROR(simulator->run(0, result));
  for (uint32_t b = 0; b < buffers.size(); ++b) {
    if (!isSeen(buffers[b]->kind()))
      continue;
    std::vector<std::byte> vectors(buffers[b]->count() *
                                   simulator->vectorBytes(b));
    MOERT_RETURN_IF_ERROR(
        simulator->readVectors(b, 0, buffers[b]->count(), vectors));
    seen.insert(seen.end(), vectors.begin(), vectors.end());
  }
  return Status();
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    return fail("moert_lpu_mutants", "which program, and how many mutants?");
  const char *file = argv[1];
  const int count = std::atoi(argv[2]);
  std::ifstream in(file, std::ios::binary);
  std::vector<char> text(std::istreambuf_iterator<char>(in), {});
  std::vector<std::byte> bytes(text.size()), wanted;
  std::memcpy(bytes.data(), text.data(), text.size());
  if (Status status = runAndLook(bytes, wanted); !status.ok())
    return fail(file, status.message());

  const FlatProgram original(bytes);
  std::mt19937 random(1);
  int refused = 0, same = 0;
  for (int i = 0; i < count; ++i) {
    FlatProgram mutant = original;
    std::string what = mutate(mutant, random);
    std::vector<std::byte> seen;
    Status status = runAndLook(mutant.build(), seen);
    if (status.ok() && seen != wanted)
      return fail(file, "mutant " + std::to_string(i) +
                            " is another program: " + what);
    ++(status.ok() ? same : refused);
  }
  std::printf("refused %d, the same %d\n", refused, same);
  return refused && same ? 0 : fail(file, "all mutants are of one kind");
}
