//===- Margin.cpp - as sure as the likeliest token is ahead ---------------===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Margin : public ExitPolicy {
public:
  StringRef getName() const override { return "margin"; }
  StringRef getSummary() const override {
    return "probability of the likeliest token, less that of the next";
  }
  double getDefaultThreshold() const override { return 0.85; }

  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override {
    return {buildConfidence(b, Confidence::Margin, site.logits), {}, {}};
  }
};
} // namespace

extern "C" void moeRegister_exit_policy_Margin(Registry &registry) {
  registry.exitPolicies["margin"] = [] { return std::make_unique<Margin>(); };
}
