//===- ExitBuilder.h - what exit policies are written with ------*- C++ -*-===//
#ifndef MOE_EXIT_EXITBUILDER_H
#define MOE_EXIT_EXITBUILDER_H

#include "moe/Exit/ExitPolicy.h"

namespace moe {

/// tensor<?x1xf32>: of `kind`, of rows of logits.
mlir::Value buildConfidence(mlir::ImplicitLocOpBuilder &builder,
                            Confidence kind, mlir::Value logits);
/// tensor<?x1xf32>: the cosine of rows of features.
mlir::Value buildSimilarity(mlir::ImplicitLocOpBuilder &builder,
                            mlir::Value lhs, mlir::Value rhs);
/// tensor<?xi32>: the likeliest token of each row of logits.
mlir::Value buildBest(mlir::ImplicitLocOpBuilder &builder, mlir::Value logits);
/// tensor<?x1xf32>: how often in a row `best` was the token; null values are
/// what is before at the first exit.
mlir::Value buildStreak(mlir::ImplicitLocOpBuilder &builder, mlir::Value best,
                        mlir::Value before = {}, mlir::Value streak = {});
/// tensor<?x1xf32>: a likelihood of features, tensor<?x1xf32> each.
mlir::Value buildLogistic(mlir::ImplicitLocOpBuilder &builder,
                          mlir::ValueRange features,
                          llvm::ArrayRef<double> weights, double bias);

} // namespace moe

#endif // MOE_EXIT_EXITBUILDER_H
