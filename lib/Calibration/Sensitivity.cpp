//===- Sensitivity.cpp - what an error in one weight costs ----------------===//
//
// Each weight is disturbed alone, by an error of the size that a code of 3.5
// bits makes, and the rest of the model runs on. What is measured is the
// Kullback-Leibler divergence of the disturbed model's next tokens from the
// undisturbed one's: unlike the text's own loss it never falls by chance, and
// it is the same second-order term, E[dw' F dw] / 2 with the Fisher matrix F,
// that HAWQ-V2 (Dong et al., 2020) and SqueezeLLM (Kim et al., 2023) estimate
// from gradients. It grows with the square of the error, so one size tells all.
//
// Of each weight the run up to its use is shared with the undisturbed one.
//===----------------------------------------------------------------------===//
#include "State.h"
#include "Text.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;

/// The relative squared error that is tried.
static constexpr double triedError = 0.01;
/// Tokens that are run for each weight, and logits that are compared, at most.
static constexpr int64_t mostTokens = 2048, mostLogits = 16 << 20;

/// Fewer windows, and of them the rows whose logits are compared.
static Windows shorten(const Windows &windows, int64_t vocabulary) {
  int64_t all = int64_t(windows.tokens.size()) / windows.window;
  int64_t count = std::clamp<int64_t>(mostTokens / windows.window, 1, all);
  Windows result;
  result.window = windows.window;
  for (int64_t i : spread(all, count))
    llvm::append_range(
        result.tokens,
        ArrayRef(windows.tokens).slice(i * windows.window, windows.window));
  int64_t rows = result.tokens.size();
  int64_t wanted = std::clamp<int64_t>(mostLogits / vocabulary, 1, rows);
  for (int64_t row : spread(rows, wanted))
    result.wanted.push_back(int32_t(row));
  return result;
}

/// log(sum(exp(x))).
static double logSum(ArrayRef<float> logits) {
  double largest = *std::max_element(logits.begin(), logits.end()), sum = 0;
  for (float logit : logits)
    sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

/// Mean over the rows of sum p (log p - log q).
static double divergence(const Rows &expected, const Rows &actual,
                         Workers &workers) {
  std::vector<double> parts(expected.rows);
  workers.forEach(expected.rows, [&](int64_t r) {
    ArrayRef<float> p(expected.row(r), size_t(expected.columns));
    ArrayRef<float> q(actual.row(r), size_t(actual.columns));
    double sumP = logSum(p), sumQ = logSum(q);
    for (auto [a, b] : zip_equal(p, q))
      parts[r] += std::exp(a - sumP) * ((a - sumP) - (b - sumQ));
  });
  double sum = 0;
  for (double part : parts)
    sum += part;
  return sum / double(expected.rows);
}

Expected<StringMap<double>>
Calibration::measureSensitivities(ArrayRef<std::string> weights) {
  SmallVector<std::pair<Use, std::string>> asked;
  for (const std::string &symbol : weights) {
    auto use = state->uses.find(symbol);
    if (use == state->uses.end())
      return createStringError("weight @" + symbol +
                               " multiplies no rows of the text");
    asked.push_back({use->second, symbol});
  }
  // In the order of the model, so that one run serves all.
  llvm::sort(asked, [](const auto &a, const auto &b) {
    return a.first.op == b.first.op ? a.second < b.second
                                    : a.first.op->isBeforeInBlock(b.first.op);
  });
  Windows windows =
      shorten(state->windows, int64_t(state->copy->getVocabulary()));
  Expected<ModelRun> base =
      ModelRun::create(*state->copy, windows, state->data, state->workers);
  if (!base)
    return base.takeError();
  Expected<std::shared_ptr<const Rows>> expected = ModelRun(*base).finish();
  if (!expected)
    return expected.takeError();

  StringMap<double> result;
  for (auto &[use, symbol] : asked) {
    if (Error error = base->advanceTo(use.op))
      return std::move(error);
    ModelRun disturbed = *base;
    disturbed.setPerturbation({symbol, triedError});
    Expected<std::shared_ptr<const Rows>> actual = disturbed.finish();
    if (!actual)
      return actual.takeError();
    double cost = divergence(**expected, **actual, state->workers);
    // Rounding may take very small ones below 0.
    result[symbol] = std::max(cost, 0.0) / triedError;
  }
  return std::move(result);
}
