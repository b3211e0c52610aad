//===- MultiLayer.cpp - the experts that earlier layers like --------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
class MultiLayer : public Predictor {
public:
  llvm::StringRef getName() const override { return "multi-layer"; }
  llvm::StringRef getSummary() const override {
    return "the probabilities of the last four layers, weighted";
  }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    return buildRecentDistribution(builder, site);
  }
};
} // namespace

extern "C" void moeRegister_predictor_MultiLayer(Registry &registry) {
  registry.predictors["multi-layer"] = [] {
    return std::make_unique<MultiLayer>();
  };
}
