//===- Pattern.cpp - which experts follow which, counted ------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
class Pattern : public Predictor {
public:
  llvm::StringRef getName() const override { return "pattern"; }
  llvm::StringRef getSummary() const override {
    return "what followed a layer's experts in a trace";
  }
  bool needsTrace() const override { return true; }
  llvm::Error fit(const RoutingTrace &trace) override {
    transitions.fit(trace);
    return llvm::Error::success();
  }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    return transitions.build(builder, site);
  }

private:
  Transitions transitions;
};
} // namespace

extern "C" void moeRegister_predictor_Pattern(Registry &registry) {
  registry.predictors["pattern"] = [] { return std::make_unique<Pattern>(); };
}
