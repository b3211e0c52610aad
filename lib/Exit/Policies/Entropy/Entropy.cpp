//===- Entropy.cpp - as sure as few tokens are likely ---------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Entropy : public ExitPolicy {
public:
  StringRef getName() const override { return "entropy"; }
  StringRef getSummary() const override {
    return "1 less the entropy of all tokens, the largest possible being 1";
  }
  double getDefaultThreshold() const override { return 0.95; }

  ExitScores buildScores(ImplicitLocOpBuilder &b,
                         const ExitSite &site) const override {
    return {buildConfidence(b, Confidence::Entropy, site.logits), {}, {}};
  }
};
} // namespace

extern "C" void moeRegister_exit_policy_Entropy(Registry &registry) {
  registry.exitPolicies["entropy"] = [] { return std::make_unique<Entropy>(); };
}
