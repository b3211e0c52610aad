//===- Saturation.cpp - sure when a layer changes little ------------------===//
//
// Source: hidden-state saturation of CALM (Schuster et al., 2022). Needs no
// logits: the head is run for those who leave.
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Saturation : public ExitPolicy {
public:
  StringRef getName() const override { return "saturation"; }
  StringRef getSummary() const override {
    return "cosine of the features in front of the last layer and behind it";
  }
  bool needsLogits() const override { return false; }
  bool needsFeaturesBefore() const override { return true; }
  std::pair<double, double> getRange() const override { return {-1, 1}; }
  double getDefaultThreshold() const override { return 0.99; }

  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override {
    return {buildSimilarity(b, site.featuresBefore, site.features), {}, {}};
  }
};
} // namespace

extern "C" void moeRegister_exit_policy_Saturation(Registry &registry) {
  registry.exitPolicies["saturation"] = [] {
    return std::make_unique<Saturation>();
  };
}
