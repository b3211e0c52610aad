//===- PreviousLayer.cpp - the experts that an earlier layer likes --------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
/// Experts of one layer have nothing to do with those of the same number in the
/// next, unless the model was trained so: the least that a predictor must beat.
class PreviousLayer : public Predictor {
public:
  llvm::StringRef getName() const override { return "previous-layer"; }
  llvm::StringRef getSummary() const override {
    return "the probabilities of the layer where the guess is made";
  }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    if (site.layers[site.from].experts != site.layers[site.to].experts)
      return {};
    return buildDistribution(builder, site, site.from);
  }
};
} // namespace

extern "C" void moeRegister_predictor_PreviousLayer(Registry &registry) {
  registry.predictors["previous-layer"] = [] {
    return std::make_unique<PreviousLayer>();
  };
}
