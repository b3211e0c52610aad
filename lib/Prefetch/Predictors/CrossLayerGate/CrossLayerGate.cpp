//===- CrossLayerGate.cpp - a later router on an earlier layer's rows -----===//
//
// The residual stream changes little from layer to layer, so the router of
// layer `to` nearly knows in front of the experts of layer `from` what it will
// choose. Needs no training.
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
class CrossLayerGate : public Predictor {
public:
  llvm::StringRef getName() const override { return "cross-layer-gate"; }
  llvm::StringRef getSummary() const override {
    return "the later layer's router on what this layer's experts take";
  }
  bool needsRows() const override { return true; }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    mlir::Value rows = site.layers[site.from].input;
    return rows ? buildRouter(builder, site, rows) : mlir::Value();
  }
};
} // namespace

extern "C" void moeRegister_predictor_CrossLayerGate(Registry &registry) {
  registry.predictors["cross-layer-gate"] = [] {
    return std::make_unique<CrossLayerGate>();
  };
}
