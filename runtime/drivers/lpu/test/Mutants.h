//===- Mutants.h - programs with one thing changed --------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_LPU_TEST_MUTANTS_H
#define MOERT_DRIVERS_LPU_TEST_MUTANTS_H

#include "ProgramBuilder.h"
#include <random>

namespace moert::lpu::test {

struct FlatTrack {
  int chip = 0, kind = 0, hemisphere = 0, index = 0;
  uint32_t resident = 0;
  std::vector<Instruction> words;
  std::vector<uint32_t> claims;
  std::vector<uint16_t> uses;
};

/// A program whose tracks of segment 0 can be changed. Its other parts stay as
/// they are in `bytes`.
class FlatProgram {
public:
  explicit FlatProgram(std::vector<std::byte> bytes);
  /// The program, with tracks in the order that a program has them in.
  std::vector<std::byte> build() const;

  std::vector<FlatTrack> tracks;

private:
  std::vector<std::byte> bytes;
};

/// Changes one thing, or two that belong together. What it was.
std::string mutate(FlatProgram &program, std::mt19937 &random);

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_MUTANTS_H
