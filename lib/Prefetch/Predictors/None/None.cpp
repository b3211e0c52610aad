//===- None.cpp - nobody guesses ------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/Predictor.h"

using namespace moe;

namespace {
class None : public Predictor {
public:
  llvm::StringRef getName() const override { return "none"; }
  llvm::StringRef getSummary() const override {
    return "no guesses: experts are fetched when they are wanted";
  }
  mlir::Value buildScores(mlir::ImplicitLocOpBuilder &,
                          const PredictionSite &) const override {
    return {};
  }
};
} // namespace

extern "C" void moeRegister_predictor_None(Registry &registry) {
  registry.predictors["none"] = [] { return std::make_unique<None>(); };
}
