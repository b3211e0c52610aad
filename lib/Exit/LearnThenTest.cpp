//===- LearnThenTest.cpp - p-values, and the test in sequence -------------===//
#include "moe/Exit/LearnThenTest.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <utility>

using namespace llvm;
using namespace moe;

/// The divergence of coins that fall with a and with b, a <= b. A b that is tiny
/// counts, although 1 - b may be 1.
static double getDivergence(double a, double b) {
  double falls = a > 0 ? a * std::log(a / b) : 0;
  return falls + (1 - a) * (std::log1p(-a) - std::log1p(-b));
}

/// P[Bin(n, share) <= count]. Terms are summed in units of the largest so far:
/// the first may be too small for a double.
static double getBinomialTail(int64_t count, int64_t n, double share) {
  if (count >= n)
    return 1;
  double odds = std::log(share) - std::log1p(-share);
  double term = double(n) * std::log1p(-share); // its logarithm
  double largest = term, sum = 1;
  for (int64_t i = 0; i < count; ++i) {
    term += odds + std::log(double(n - i) / double(i + 1));
    if (term > largest)
      sum *= std::exp(std::exchange(largest, term) - term);
    sum += std::exp(term - largest);
  }
  return std::min(1.0, std::exp(largest) * sum);
}

/// ceil(n mean). A mean that is k / n as near as a double can say counts as k,
/// although the product may lie a little above.
static int64_t countLosses(double mean, int64_t n) {
  double nearest = std::round(mean * double(n));
  if (nearest / double(n) == mean)
    return int64_t(nearest);
  return int64_t(std::ceil(mean * double(n)));
}

double moe::getHoeffdingBentkusPValue(double mean, int64_t n, double delta) {
  assert(n > 0 && mean >= 0 && mean <= 1 && delta > 0 && delta < 1);
  double hoeffding =
      std::exp(-double(n) * getDivergence(std::min(mean, delta), delta));
  double bentkus =
      std::exp(1.0) * getBinomialTail(countLosses(mean, n), n, delta);
  return std::min({1.0, hoeffding, bentkus});
}

int64_t moe::getLeastPrompts(const RiskBound &bound) {
  // Without any loss the p-value is (1 - delta)^n.
  double exact = std::log(bound.epsilon) / std::log1p(-bound.delta);
  int64_t n = std::max<int64_t>(1, int64_t(std::floor(exact)));
  while (getHoeffdingBentkusPValue(0, n, bound.delta) > bound.epsilon)
    ++n;
  return n;
}

Error moe::verifyPromptCount(int64_t n, const RiskBound &bound) {
  int64_t least = getLeastPrompts(bound);
  if (n >= least)
    return Error::success();
  std::string text;
  raw_string_ostream(text) << n << " prompts to test with, " << least
                           << " are needed for a risk of "
                           << format("%g", bound.delta) << " with an error of "
                           << format("%g", bound.epsilon);
  return createStringError(text);
}

Expected<TestOutcome> moe::testInSequence(
    int64_t settings, const RiskBound &bound,
    function_ref<Expected<std::vector<double>>(int64_t)> lossesOf) {
  TestOutcome outcome;
  for (int64_t setting = 0; setting < settings; ++setting) {
    Expected<std::vector<double>> losses = lossesOf(setting);
    if (!losses)
      return losses.takeError();
    int64_t n = int64_t(losses->size());
    if (Error error = verifyPromptCount(n, bound))
      return std::move(error);
    double mean = std::accumulate(losses->begin(), losses->end(), 0.0) / n;
    double pValue = getHoeffdingBentkusPValue(mean, n, bound.delta);
    outcome.tested.push_back({mean, pValue});
    if (pValue > bound.epsilon)
      break;
    ++outcome.accepted;
  }
  return std::move(outcome);
}
