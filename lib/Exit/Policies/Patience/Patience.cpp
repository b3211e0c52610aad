//===- Patience.cpp - sure when exits keep to one token -------------------===//
//
// Source: PABEE (Zhou et al., 2020).
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Patience : public ExitPolicy {
public:
  StringRef getName() const override { return "patience"; }
  StringRef getSummary() const override {
    return "exits in a row whose likeliest token is the same";
  }
  std::pair<double, double> getRange() const override { return {1, mostExits}; }
  std::vector<double> getThresholdsToTry(int64_t exits) const override {
    std::vector<double> streaks;
    for (int64_t streak = exits; streak > 0; --streak)
      streaks.push_back(double(streak));
    return streaks;
  }
  double getDefaultThreshold() const override { return 2; }

  /// State: the token, and how often in a row it was that.
  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override {
    Value token = buildBest(b, site.logits);
    Value streak = site.before.empty()
                       ? buildStreak(b, token)
                       : buildStreak(b, token, site.before[0], site.before[1]);
    return {streak, {token, streak}, {}};
  }

private:
  /// More layers than any model has.
  static constexpr double mostExits = 1024;
};
} // namespace

extern "C" void moeRegister_exit_policy_Patience(Registry &registry) {
  registry.exitPolicies["patience"] = [] {
    return std::make_unique<Patience>();
  };
}
