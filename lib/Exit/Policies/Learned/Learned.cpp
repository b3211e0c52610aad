//===- Learned.cpp - as sure as recorded tokens say -----------------------===//
//
// The likelihood that the exit's token is the last layer's, by a logistic
// regression for each exit. Its features are watched, so that a recording of a
// module with this policy has them.
//===----------------------------------------------------------------------===//
#include "LogisticFit.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;
using namespace moe;

namespace {
class Learned : public ExitPolicy {
public:
  StringRef getName() const override { return "learned"; }
  StringRef getSummary() const override {
    return "likelihood, learned from a calibration, that no layer changes the "
           "token";
  }
  bool needsFeaturesBefore() const override { return true; }
  double getDefaultThreshold() const override { return 0.9; }
  bool needsFit() const override { return true; }

  llvm::Error fit(ArrayRef<ExitSample> samples) override;
  std::vector<double> getFit() const override;
  llvm::Error setFit(ArrayRef<double> numbers, size_t exits) override;
  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override;

private:
  /// top1, margin, entropy, similarity.
  static constexpr size_t features = 4;

  /// The better, the likelier the token: 0.9 of top1 makes 0.9.
  static LogisticModel getUntrained() { return {{10, 0, 0, 0}, -6.8}; }

  std::vector<LogisticModel> models; ///< by exit
};
} // namespace

static bool areFinite(ArrayRef<double> numbers) {
  return llvm::all_of(numbers,
                      [](double value) { return std::isfinite(value); });
}

llvm::Error Learned::fit(ArrayRef<ExitSample> samples) {
  if (samples.empty())
    return llvm::createStringError(
        "no tokens to learn from, expected 1 or more");
  size_t exits = samples.front().exits.size();
  std::vector<std::vector<LogisticSample>> byExit(exits);
  for (const ExitSample &sample : samples) {
    if (sample.exits.size() != exits)
      return llvm::createStringError(
          "a token passed " + llvm::Twine(sample.exits.size()) +
          " exits, the first one " + llvm::Twine(exits));
    for (auto [place, exit] : llvm::zip(byExit, sample.exits)) {
      if (exit.watched.size() != features)
        return llvm::createStringError(
            "a token has " + llvm::Twine(exit.watched.size()) +
            " numbers at an exit, expected " + llvm::Twine(features));
      if (!areFinite(exit.watched))
        return llvm::createStringError(
            "a token has a number at an exit that is not finite");
      place.push_back({exit.watched, exit.agrees});
    }
  }
  models.clear();
  for (const std::vector<LogisticSample> &place : byExit)
    models.push_back(fitLogistic(place));
  return llvm::Error::success();
}

std::vector<double> Learned::getFit() const {
  std::vector<double> numbers;
  for (const LogisticModel &model : models) {
    llvm::append_range(numbers, model.weights);
    numbers.push_back(model.bias);
  }
  return numbers;
}

llvm::Error Learned::setFit(ArrayRef<double> numbers, size_t exits) {
  if (numbers.size() != exits * (features + 1))
    return llvm::createStringError(
        llvm::Twine(numbers.size()) + " numbers of a policy that has " +
        llvm::Twine(features + 1) + " for each of " + llvm::Twine(exits) +
        " exits");
  if (!areFinite(numbers))
    return llvm::createStringError("a number of a policy is not finite");
  models.clear();
  for (; !numbers.empty(); numbers = numbers.drop_front(features + 1)) {
    ArrayRef<double> weights = numbers.take_front(features);
    models.push_back({{weights.begin(), weights.end()}, numbers[features]});
  }
  return llvm::Error::success();
}

ExitScores Learned::buildScores(ImplicitLocOpBuilder &b,
                                const ExitSite &site) const {
  Value similarity = buildSimilarity(b, site.featuresBefore, site.features);
  SmallVector<Value, 4> seen = {
      buildConfidence(b, Confidence::Top1, site.logits),
      buildConfidence(b, Confidence::Margin, site.logits),
      buildConfidence(b, Confidence::Entropy, site.logits), similarity};
  bool isFitted = site.index < int64_t(models.size());
  LogisticModel model = isFitted ? models[site.index] : getUntrained();
  Value score = buildLogistic(b, seen, model.weights, model.bias);
  return {score, {}, seen};
}

extern "C" void moeRegister_exit_policy_Learned(Registry &registry) {
  registry.exitPolicies["learned"] = [] { return std::make_unique<Learned>(); };
}
