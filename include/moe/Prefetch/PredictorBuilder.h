//===- PredictorBuilder.h - what predictors are written with ----*- C++ -*-===//
#ifndef MOE_PREFETCH_PREDICTORBUILDER_H
#define MOE_PREFETCH_PREDICTORBUILDER_H

#include "moe/Prefetch/Predictor.h"
#include <optional>

namespace moe {

/// Probabilities of the experts of layers[index]; null if its logits are not
/// known at the site.
mlir::Value buildDistribution(mlir::ImplicitLocOpBuilder &builder,
                              const PredictionSite &site, int64_t index);

/// Probabilities of layers[from] and up to three layers before it, the nearer
/// ones weighing more: 0.4, 0.3, 0.2, 0.1, of those that there are. Null where
/// the layers have other numbers of experts than layers[to].
mlir::Value buildRecentDistribution(mlir::ImplicitLocOpBuilder &builder,
                                    const PredictionSite &site);

/// A weight of the predictor's own, f32, called `predictor.<decoder layer of
/// to>.<part>`, and by a number more if that name is taken.
mlir::FlatSymbolRefAttr addPredictorWeight(mlir::ImplicitLocOpBuilder &builder,
                                           const PredictionSite &site,
                                           llvm::StringRef part,
                                           llvm::ArrayRef<int64_t> shape,
                                           llvm::ArrayRef<float> values);

/// `moe.linear` of rows by a weight of `columns` outputs; `bias` may be null.
mlir::Value buildLinear(mlir::ImplicitLocOpBuilder &builder, mlir::Value rows,
                        mlir::FlatSymbolRefAttr weight, int64_t columns,
                        mlir::FlatSymbolRefAttr bias = {});

/// The router of layers[to] on `rows`: the residual stream, or what an earlier
/// router takes, of which the norm and levels are undone first. They are then
/// normalised and quantised as the router's own rows are. Null where they do
/// not fit it.
mlir::Value buildRouter(mlir::ImplicitLocOpBuilder &builder,
                        const PredictionSite &site, mlir::Value rows);

/// How often expert b of one layer was chosen where expert a of an earlier one
/// was.
class Transitions {
public:
  /// Remembers what the teaching rows of a trace chose.
  void fit(const RoutingTrace &trace);
  /// Share of the rows with expert a of layer `from` that choose b of layer
  /// `to`, [b][a]; layers are indices among those with experts. One row more
  /// that chooses all experts alike smooths it. Nothing before `fit`, or for
  /// layers that the trace does not have.
  std::optional<std::vector<float>> get(int64_t from, int64_t to) const;
  /// By it, what follows the distribution of layers[from]. Null where there is
  /// nothing.
  mlir::Value build(mlir::ImplicitLocOpBuilder &builder,
                    const PredictionSite &site) const;

private:
  int64_t experts = 0, chosen = 0;
  std::vector<std::vector<int32_t>> choices; ///< [layer][rows][chosen]
};

} // namespace moe

#endif // MOE_PREFETCH_PREDICTORBUILDER_H
