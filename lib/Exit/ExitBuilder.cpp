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
