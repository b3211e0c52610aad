//===- LearnThenTest.h - thresholds with a guarantee ------------*- C++ -*-===//
//
// Learn then Test (Angelopoulos, Bates, Candes, Jordan, Lei, 2021) with
// fixed-sequence testing. Settings are tried from the most careful one on; each
// is a hypothesis "its risk is above delta", which is rejected if its p-value
// is at most epsilon; the first that is not rejected ends the test. The last
// rejected one has P(risk > delta) <= epsilon over the draw of the calibration
// prompts, as long as later prompts are drawn as these were.
//===----------------------------------------------------------------------===//
#ifndef MOE_EXIT_LEARNTHENTEST_H
#define MOE_EXIT_LEARNTHENTEST_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace moe {

/// A risk that should be bounded: P(risk > delta) <= epsilon.
struct RiskBound {
  double delta = 0.05, epsilon = 0.05;
};

/// p-value of Hoeffding and Bentkus for "the mean is above delta", from the
/// mean of n losses in [0, 1]: min(exp(-n h(min(mean, delta), delta)),
/// e P[Bin(n, delta) <= ceil(n mean)]) with h(a, b) = a ln(a / b) + (1 - a)
/// ln((1 - a) / (1 - b)). Source: Bates et al., 2021.
double getHoeffdingBentkusPValue(double mean, int64_t n, double delta);

/// Fewest prompts with which a setting without any loss is accepted.
int64_t getLeastPrompts(const RiskBound &bound);

/// Fails if so many prompts accept nothing: the error says how many are needed.
llvm::Error verifyPromptCount(int64_t n, const RiskBound &bound);

/// A setting that was tested.
struct TestedSetting {
  double risk = 0, pValue = 1; ///< mean loss
};

/// Tests settings 0, 1, ... (most careful first), of which `lossesOf` gives the
/// loss of each prompt in [0, 1], until one is not rejected. The number accepted,
/// and what was found of each setting tried. Fails if prompts are too few.
struct TestOutcome {
  int64_t accepted = 0; ///< settings 0 .. accepted - 1 hold
  std::vector<TestedSetting> tested;
};
llvm::Expected<TestOutcome> testInSequence(
    int64_t settings, const RiskBound &bound,
    llvm::function_ref<llvm::Expected<std::vector<double>>(int64_t)> lossesOf);

} // namespace moe

#endif // MOE_EXIT_LEARNTHENTEST_H
