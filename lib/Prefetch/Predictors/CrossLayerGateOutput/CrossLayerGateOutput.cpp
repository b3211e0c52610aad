//===- CrossLayerGateOutput.cpp - a later router behind a layer -----------===//
//
// As cross-layer-gate, but on the residual stream behind layer `from`: right
// more often, and later by the time that the layer's experts take.
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace moe;

namespace {
class CrossLayerGateOutput : public Predictor {
public:
  llvm::StringRef getName() const override { return "cross-layer-gate-output"; }
  llvm::StringRef getSummary() const override {
    return "the later layer's router on what this layer gives";
  }
  bool needsRows() const override { return true; }
  bool needsOutput() const override { return true; }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const override {
    mlir::Value rows = site.layers[site.from].output;
    return rows ? buildRouter(builder, site, rows) : mlir::Value();
  }
};
} // namespace

extern "C" void moeRegister_predictor_CrossLayerGateOutput(Registry &registry) {
  registry.predictors["cross-layer-gate-output"] = [] {
    return std::make_unique<CrossLayerGateOutput>();
  };
}
