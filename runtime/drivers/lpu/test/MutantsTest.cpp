//===- MutantsTest.cpp - no changed program computes something else -------===//
//
// Each mutant is refused, or its outputs are the same. A third kind would be a
// hole in the treaty between who schedules and who executes.
//===----------------------------------------------------------------------===//
#include "Mutants.h"
#include "MutantPrograms.h"

#include <gtest/gtest.h>
#include <map>

using namespace moert;
using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

/// What the host sees of a run.
struct Seen {
  std::string error; ///< empty: it ran, and all outputs are there
  std::vector<std::vector<uint8_t>> outputs;
};

Seen runAndLook(const TestProgram &program,
                const std::vector<std::byte> &bytes) {
  RunOutcome outcome = program.runBytes(bytes, {});
  Seen seen{outcome.error, {}};
  for (size_t b = 0; seen.error.empty() && b < program.buffers.size(); ++b) {
    const BufferSpec &buffer = program.buffers[b];
    if (buffer.kind != BufferKind::Output && buffer.kind != BufferKind::State)
      continue;
    seen.outputs.push_back(contentsOf(*outcome.simulator, b, buffer.count));
    if (seen.outputs.back().empty())
      seen.error = "an output that nobody wrote";
  }
  return seen;
}

class Mutants : public testing::TestWithParam<NamedProgram> {};

TEST_P(Mutants, AreRefusedOrTheSame) {
  constexpr int count = 2200;
  const TestProgram program = GetParam().make();
  SimulatorOptions recording;
  recording.record = true;
  RunOutcome first = program.runBytes(program.bytes(), recording);
  ASSERT_EQ(first.error, "");
  const Recorded &recorded = first.simulator->recorded();
  const FlatProgram original(program.bytes(&recorded));
  const Seen wanted = runAndLook(program, original.build());
  ASSERT_EQ(wanted.error, "");
  ASSERT_FALSE(wanted.outputs.empty());

  std::mt19937 random(12345);
  std::map<std::string, int> refusals;
  int refused = 0, same = 0;
  for (int i = 0; i < count; ++i) {
    FlatProgram mutant = original;
    std::string what = mutate(mutant, random);
    Seen seen = runAndLook(program, mutant.build());
    if (!seen.error.empty()) {
      ++refused;
      ++refusals[seen.error.substr(0, seen.error.find(':'))];
      continue;
    }
    ++same;
    EXPECT_EQ(seen.outputs, wanted.outputs)
        << "mutant " << i << " is another program: " << what;
  }
  EXPECT_GT(refused, count / 2);
  EXPECT_GT(same, 0);
  EXPECT_EQ(refused + same, count);
  // Many things can be wrong, and are called by their names.
  EXPECT_GT(refusals["H2"], 0);
  EXPECT_GT(refusals["H3"], 0);
  RecordProperty("refused", refused);
  RecordProperty("same", same);
}

/// A latch that keeps one byte of a number has what the number was made of.
TEST(MutantsOfOld, LatchesKeepWholeVectors) {
  const TestProgram program = makeChain();
  FlatProgram mutant(program.bytes());
  for (FlatTrack &track : mutant.tracks)
    for (Instruction &i : track.words)
      if (i.opcode == MOERT_LPU_LATCH)
        i.types = MOERT_LPU_I8;
  SimulatorOptions recording;
  recording.record = true;
  EXPECT_EQ(program.runBytes(mutant.build(), recording).hazard(), "H4");
}

/// A store that is missing leaves what was stored before.
TEST(MutantsOfOld, OutputsAreClaimed) {
  const TestProgram program = makeChain();
  SimulatorOptions recording;
  recording.record = true;
  RunOutcome first = program.runBytes(program.bytes(), recording);
  ASSERT_EQ(first.error, "");
  FlatProgram mutant(program.bytes(&first.simulator->recorded()));
  for (FlatTrack &track : mutant.tracks)
    for (size_t i = 0; i < track.words.size(); ++i)
      if (track.words[i].opcode == MOERT_LPU_WRITE &&
          track.words[i].row == 23) {
        track.words[i] = nop(1);
        track.claims[i] = track.uses[i] = 0;
      }
  EXPECT_EQ(program.runBytes(mutant.build(), {}).hazard(), "H9");
}

INSTANTIATE_TEST_SUITE_P(Programs, Mutants, testing::ValuesIn(mutantPrograms()),
                         [](const auto &info) { return info.param.name; });

} // namespace
