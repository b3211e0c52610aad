//===- ExitBuilder.cpp - what exit policies are written with --------------===//
#include "moe/Exit/ExitBuilder.h"

using namespace mlir;
using namespace moe;

static RankedTensorType getScoresType(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  return RankedTensorType::get({type.getDimSize(0), 1},
                               Float32Type::get(rows.getContext()));
}

Value moe::buildConfidence(ImplicitLocOpBuilder &builder, Confidence kind,
                           Value logits) {
  return ConfidenceOp::create(builder, getScoresType(logits), kind, logits);
}

Value moe::buildSimilarity(ImplicitLocOpBuilder &builder, Value lhs,
                           Value rhs) {
  return SimilarityOp::create(builder, getScoresType(lhs), lhs, rhs);
}

Value moe::buildBest(ImplicitLocOpBuilder &builder, Value logits) {
  auto type = cast<RankedTensorType>(logits.getType());
  auto best = RankedTensorType::get({type.getDimSize(0)}, builder.getI32Type());
  return BestOp::create(builder, best, logits);
}

Value moe::buildStreak(ImplicitLocOpBuilder &builder, Value best, Value before,
                       Value streak) {
  return StreakOp::create(builder, getScoresType(best), best, before, streak);
}

Value moe::buildLogistic(ImplicitLocOpBuilder &builder, ValueRange features,
                         ArrayRef<double> weights, double bias) {
  return LogisticOp::create(builder, getScoresType(features.front()), features,
                            builder.getF64ArrayAttr(weights), APFloat(bias));
}
