//===- BitBudget.cpp - least loss within a number of bytes ----------------===//
//
// A multiple-choice knapsack: one scheme for each tensor, costs in bytes.
// Losses of tensors are taken to add up, as they do for small errors (HAWQ-V2,
// Dong et al. 2020). Solved by dynamic programming over the bytes above the
// smallest choice, so that tensors of very different sizes fill the budget,
// which marginal analysis along the convex hull does not do.
//===----------------------------------------------------------------------===//
#include "moe/Calibration/BitBudget.h"

#include "moe/Driver/Registry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

using namespace llvm;
using namespace moe;

/// Steps into which the bytes to spend are divided at most. Fewer are enough
/// where all costs are multiples of a larger number; the choice is then the
/// best there is.
static constexpr uint64_t maxSteps = 1 << 16;

std::vector<BudgetScheme> moe::getBudgetSchemes(const Registry &registry,
                                                mlir::MLIRContext *context) {
  std::vector<BudgetScheme> schemes;
  for (auto &[name, create] : registry.schemes) {
    std::unique_ptr<QuantScheme> scheme = create();
    if (CodeAttr code = scheme->getCode(context))
      schemes.push_back({name, code, scheme->getGaussianError()});
  }
  return schemes;
}

BudgetTensor moe::getBudgetTensor(WeightOp weight) {
  return {weight.getSymName().str(), weight.getMatrices(), weight.getRows(),
          weight.getColumns(), double(weight.getTensorType().getNumElements())};
}

namespace {
/// What one tensor costs with one of the schemes.
struct Choice {
  size_t scheme = 0;
  uint64_t bytes = 0;
  double loss = 0;
};
/// Of one tensor, fewest bytes first; each loses less than those before it.
using Choices = SmallVector<Choice, 8>;
} // namespace

static Choices getChoices(const BudgetTensor &tensor,
                          ArrayRef<BudgetScheme> schemes) {
  Choices all;
  for (auto [i, scheme] : enumerate(schemes))
    all.push_back({i,
                   uint64_t(tensor.matrices) *
                       scheme.code.getMatrixBytes(tensor.rows, tensor.columns),
                   tensor.sensitivity * scheme.error});
  llvm::sort(all, [&](const Choice &a, const Choice &b) {
    return std::make_tuple(a.bytes, schemes[a.scheme].error, a.scheme) <
           std::make_tuple(b.bytes, schemes[b.scheme].error, b.scheme);
  });
  Choices useful;
  for (const Choice &choice : all)
    if (useful.empty() || choice.loss < useful.back().loss)
      useful.push_back(choice);
  return useful;
}

/// For each tensor the choice with which all together lose least and cost at
/// most `spare` bytes more than the smallest ones.
static std::vector<size_t> choose(ArrayRef<Choices> tensors, uint64_t spare) {
  uint64_t divisor = 0;
  for (const Choices &choices : tensors)
    for (const Choice &choice : choices)
      divisor = std::gcd(divisor, choice.bytes - choices[0].bytes);
  divisor = std::max<uint64_t>(divisor, 1);
  uint64_t unit =
      alignTo(std::max<uint64_t>(1, divideCeil(spare, maxSteps)), divisor);
  size_t steps = spare / unit;
  // losses[b]: the least of the tensors so far, with up to b steps.
  std::vector<double> losses(steps + 1, 0.0), next(steps + 1);
  std::vector<std::vector<uint8_t>> taken;
  for (const Choices &choices : tensors) {
    std::vector<uint8_t> best(steps + 1);
    next.assign(steps + 1, std::numeric_limits<double>::infinity());
    for (auto [i, choice] : enumerate(choices)) {
      // Rounded up, so that the budget holds.
      uint64_t cost = divideCeil(choice.bytes - choices[0].bytes, unit);
      for (size_t b = cost; b <= steps; ++b) {
        double loss = losses[b - cost] + choice.loss;
        if (loss < next[b]) {
          next[b] = loss;
          best[b] = uint8_t(i);
        }
      }
    }
    std::swap(losses, next);
    taken.push_back(std::move(best));
  }
  std::vector<size_t> result(tensors.size());
  for (size_t t = tensors.size(), b = steps; t-- > 0;) {
    result[t] = taken[t][b];
    b -= divideCeil(tensors[t][result[t]].bytes - tensors[t][0].bytes, unit);
  }
  return result;
}

/// Spends what rounding left over, on what gains most for a byte.
static void spendRest(ArrayRef<Choices> tensors, uint64_t rest,
                      std::vector<size_t> &chosen) {
  while (true) {
    std::optional<std::pair<size_t, size_t>> best;
    double bestGain = 0;
    uint64_t bestBytes = 0;
    for (auto [t, choices] : enumerate(tensors)) {
      const Choice &now = choices[chosen[t]];
      for (size_t i = chosen[t] + 1; i < choices.size(); ++i) {
        uint64_t bytes = choices[i].bytes - now.bytes;
        double gain = (now.loss - choices[i].loss) / double(bytes);
        if (bytes <= rest && gain > bestGain) {
          best = {t, i};
          bestGain = gain;
          bestBytes = bytes;
        }
      }
    }
    if (!best)
      return;
    chosen[best->first] = best->second;
    rest -= bestBytes;
  }
}

static double bitsPerWeight(uint64_t bytes, double weights) {
  return double(bytes) * 8 / weights;
}

Expected<BudgetPlan> moe::spendBits(ArrayRef<BudgetTensor> tensors,
                                    ArrayRef<BudgetScheme> schemes,
                                    double bits) {
  if (tensors.empty() || schemes.empty())
    return createStringError(
        formatv("a budget for {0} weights and {1} schemes, when there should "
                "be at least 1 of each",
                tensors.size(), schemes.size()));
  double weights = 0;
  uint64_t least = 0;
  std::vector<Choices> choices;
  for (const BudgetTensor &tensor : tensors) {
    choices.push_back(getChoices(tensor, schemes));
    weights +=
        double(tensor.matrices) * double(tensor.rows) * double(tensor.columns);
    least += choices.back().front().bytes;
  }
  double budget = bits * weights / 8;
  if (!(budget >= double(least)))
    return createStringError(
        formatv("a budget of {0:F3} bits per weight, the smallest schemes need "
                "{1:F3}",
                bits, bitsPerWeight(least, weights)));
  // No more than the best of everything costs, which also bounds the search.
  uint64_t most = 0;
  for (const Choices &tensor : choices)
    most += tensor.back().bytes;
  uint64_t bytes = budget < double(most) ? uint64_t(budget) : most;

  std::vector<size_t> chosen = choose(choices, bytes - least);
  auto used = [&] {
    uint64_t sum = 0;
    for (auto [tensor, i] : zip_equal(choices, chosen))
      sum += tensor[i].bytes;
    return sum;
  };
  spendRest(choices, bytes - used(), chosen);
  BudgetPlan plan;
  plan.bits = bitsPerWeight(used(), weights);
  for (auto [tensor, options, i] : zip_equal(tensors, choices, chosen)) {
    plan.schemes[tensor.symbol] = schemes[options[i].scheme].name;
    plan.loss += options[i].loss;
  }
  return plan;
}
