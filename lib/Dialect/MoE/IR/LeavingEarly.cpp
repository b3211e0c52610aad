//===- LeavingEarly.cpp - rows that stop behind a layer, and what decides --===//
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "moe/Dialect/MoE/IR/Verify.h"

using namespace mlir;
using namespace moe;

RankedTensorType moe::getRowSetType(MLIRContext *context) {
  return RankedTensorType::get({ShapedType::kDynamic},
                               IntegerType::get(context, 32));
}

//===----------------------------------------------------------------------===//
// PlaceOp, ZerosOp
//===----------------------------------------------------------------------===//

LogicalResult PlaceOp::verify() {
  // place_c1
  int64_t input = getFeatures(getInput().getType());
  int64_t table = getFeatures(getInto().getType());
  if (input != table)
    return emitOpError() << "table has " << table
                         << " features when the input has " << input;
  // place_c2
  return verifySameRows(*this, {{"rows", getRows().getType()},
                                {"input", getInput().getType()}});
}

LogicalResult ZerosOp::verify() {
  // zeros_c1
  return verifySameRows(*this,
                        {{"like", getLike().getType()}, {"result", getType()}});
}

//===----------------------------------------------------------------------===//
// EnterOp, ExitOp, ResumeOp, ParkOp
//===----------------------------------------------------------------------===//

void EnterOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getRunning(), "running");
  setName(getDue(), "due");
  setName(getAsking(), "asking");
}

void ExitOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  std::string layers = "." + std::to_string(getLayers());
  setName(getRunningOn(), "running" + layers);
  setName(getGone(), "gone" + layers);
  setName(getStillDue(), "due" + layers);
  setName(getKept(), "kept" + layers);
  setName(getLeaving(), "leaving" + layers);
}

LogicalResult ExitOp::verify() {
  // exit_c1
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (int64_t(getLayers()) < 1 || int64_t(getLayers()) > most)
    return emitOpError() << "stands behind " << int64_t(getLayers())
                         << " layers when that should be between 1 and "
                         << most;
  // exit_c2
  if (getThreshold().isNaN())
    return emitOpError("threshold is nan when it should be a number");
  // exit_c3
  if (std::optional<APFloat> taken = getTaken())
    if (!(*taken >= APFloat(0.0) && *taken <= APFloat(1.0)))
      return emitOpError() << "share of leaving entries is "
                           << realText(*taken)
                           << " when it should be between 0 and 1";
  // exit_c4
  auto before = getRunning().getDefiningOp<ExitOp>();
  if (before && before.getLayers() >= getLayers())
    return emitOpError() << "stands behind layer " << getLayers()
                         << " when the exit before stands behind layer "
                         << before.getLayers();
  return success();
}

LogicalResult ResumeOp::verify() {
  // resume_c1
  return verifySameRows(*this, {{"input", getInput().getType()},
                                {"positions", getPositions().getType()}});
}

LogicalResult ParkOp::verify() {
  // park_c1
  return verifySameRows(*this, {{"input", getInput().getType()},
                                {"positions", getPositions().getType()}});
}

//===----------------------------------------------------------------------===//
// ConfidenceOp, SimilarityOp, BestOp, StreakOp, LogisticOp
//===----------------------------------------------------------------------===//

LogicalResult ConfidenceOp::verify() {
  // confidence_c1
  return verifySameRows(
      *this, {{"logits", getLogits().getType()}, {"result", getType()}});
}

LogicalResult SimilarityOp::verify() {
  // similarity_c1
  return verifySameRows(*this, {{"lhs", getLhs().getType()},
                                {"rhs", getRhs().getType()},
                                {"result", getType()}});
}

LogicalResult BestOp::verify() {
  // best_c1
  return verifySameRows(
      *this, {{"input", getInput().getType()}, {"result", getType()}});
}

LogicalResult StreakOp::verify() {
  // streak_c2
  if (bool(getBefore()) != bool(getStreak()))
    return emitOpError("tokens before and a streak before belong together");
  // streak_c1
  SmallVector<Rows> rows = {{"best", getBest().getType()},
                            {"result", getType()}};
  if (getBefore()) {
    rows.push_back({"before", getBefore().getType()});
    rows.push_back({"streak", getStreak().getType()});
  }
  return verifySameRows(*this, rows);
}

LogicalResult LogisticOp::verify() {
  // logistic_c1
  if (getFeatures().empty() || getFeatures().size() != getWeights().size())
    return emitOpError() << "has " << getWeights().size() << " weights for "
                         << getFeatures().size() << " features";
  for (APFloat weight : getWeights().getAsValueRange<FloatAttr>())
    if (failed(verifyFinite(*this, "weight", weight)))
      return failure();
  // logistic_c2
  return verifyFinite(*this, "bias", getBias());
}
