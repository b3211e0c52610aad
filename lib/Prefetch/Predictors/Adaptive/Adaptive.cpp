//===- Adaptive.cpp - multi-layer and pattern, whichever is surer ---------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
class Adaptive : public Predictor {
public:
  llvm::StringRef getName() const override { return "adaptive"; }
  llvm::StringRef getSummary() const override {
    return "multi-layer and pattern, weighted by how peaked each is";
  }
  bool needsTrace() const override { return true; }
  llvm::Error fit(const RoutingTrace &trace) override {
    transitions.fit(trace);
    return llvm::Error::success();
  }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    mlir::Value followed = transitions.build(builder, site);
    if (!followed)
      return {};
    mlir::Value recent = buildRecentDistribution(builder, site);
    return sched::BlendOp::create(builder, followed.getType(),
                                  mlir::ValueRange{recent, followed},
                                  /*weights=*/mlir::DenseF64ArrayAttr());
  }

private:
  Transitions transitions;
};
} // namespace

extern "C" void moeRegister_predictor_Adaptive(Registry &registry) {
  registry.predictors["adaptive"] = [] { return std::make_unique<Adaptive>(); };
}
