//===- Top1.cpp - as sure as the likeliest token is likely ----------------===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Top1 : public ExitPolicy {
public:
  StringRef getName() const override { return "top1"; }
  StringRef getSummary() const override {
    return "probability of the likeliest token";
  }
  double getDefaultThreshold() const override { return 0.9; }

  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override {
    return {buildConfidence(b, Confidence::Top1, site.logits), {}, {}};
  }
};
} // namespace

extern "C" void moeRegister_exit_policy_Top1(Registry &registry) {
  registry.exitPolicies["top1"] = [] { return std::make_unique<Top1>(); };
}
