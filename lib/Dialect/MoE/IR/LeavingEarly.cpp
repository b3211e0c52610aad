//===- LeavingEarly.cpp - rows that stop behind a layer, and what decides
//--===//
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
  return verifySameRows(
      *this, {{"rows", getRows().getType()}, {"input", getInput().getType()}});
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

/// Whether rows that come from an enter or an exit may wait.
static bool hasState(Operation *op) {
  if (auto enter = dyn_cast<EnterOp>(op))
    return bool(enter.getKv());
  return bool(cast<ExitOp>(op).getKv());
}

LogicalResult ExitOp::verify() {
  // exit_c1
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (int64_t(getLayers()) < 1 || int64_t(getLayers()) > most)
    return emitOpError() << "stands behind " << int64_t(getLayers())
                         << " layers when that should lie between 1 and "
                         << most;
  // exit_c2
  if (getThreshold().isNaN())
    return emitOpError("threshold is nan when it should be a number");
  // exit_c3
  if (std::optional<APFloat> taken = getTaken())
    if (!(*taken >= APFloat(0.0) && *taken <= APFloat(1.0)))
      return emitOpError() << "share of leaving entries is " << realText(*taken)
                           << " when it should lie between 0.0 and 1.0";
  // exit_c4
  Operation *before = getRunning().getDefiningOp();
  auto exit = dyn_cast_or_null<ExitOp>(before);
  if (exit && exit.getLayers() >= getLayers()) {
    InFlightDiagnostic error = emitOpError();
    error << "stands behind " << getLayers()
          << " layers when the exit before stands behind " << exit.getLayers();
    error.attachNote(exit.getLoc()) << "the exit before";
    return error;
  }
  // exit_c5
  for (Value watched : getWatched())
    if (failed(verifySameRows(
            *this, {{"scores", getScores().getType()},
                    {"watched", cast<RankedTensorType>(watched.getType())}})))
      return failure();
  // exit_c6
  if (!isa_and_present<EnterOp, ExitOp>(before) ||
      hasState(before) == bool(getKv()))
    return success();
  InFlightDiagnostic error = emitOpError();
  error << (getKv() ? "has a state when " : "has no state when ")
        << before->getName() << " has " << (getKv() ? "none" : "one");
  error.attachNote(before->getLoc()) << "rows come from here";
  return error;
}

LogicalResult ParkOp::verify() {
  // park_c1
  auto exit = getGone().getDefiningOp<ExitOp>();
  if (!exit || exit.getKv())
    return success();
  InFlightDiagnostic error =
      emitOpError("keeps rows of an exit that has no state");
  error.attachNote(exit.getLoc()) << "rows come from here";
  return error;
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
    return emitOpError() << "has " << int(bool(getBefore()))
                         << " tokens before and " << int(bool(getStreak()))
                         << " streaks before";
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
  if (failed(verifyFinite(*this, "bias", getBias())))
    return failure();
  // logistic_c3
  SmallVector<Rows> rows = {{"result", getType()}};
  for (Value feature : getFeatures())
    rows.push_back({"feature", cast<RankedTensorType>(feature.getType())});
  return verifySameRows(*this, rows);
}

//===----------------------------------------------------------------------===//
// SurplusOp, CertainOp, SpreadOp
//===----------------------------------------------------------------------===//

LogicalResult SurplusOp::verify() {
  // surplus_c1
  return verifySameRows(*this, {{"inside", getInside().getType()},
                                {"outside", getOutside().getType()},
                                {"features", getFeatures().getType()},
                                {"result", getType()}});
}

LogicalResult SurplusOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // surplus_c2
  int64_t words = moe::getFeatures(getOutside().getType());
  SymbolUse slack = {"slack", getSlackAttr()};
  if (failed(verifyWeight(*this, symbols, slack, {words, 2})))
    return failure();
  return verifyPlain(*this, symbols, slack);
}

void CertainOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getCertain(), "certain");
  setName(getUnsure(), "unsure");
}

LogicalResult SpreadOp::verify() {
  // spread_c1
  ArrayRef<int32_t> columns = getColumns();
  int64_t input = getFeatures(getInput().getType());
  int64_t result = getFeatures(getType());
  if (int64_t(columns.size()) != input)
    return emitOpError() << "has " << columns.size()
                         << " places for the input's " << input << " columns";
  int64_t before = -1;
  for (int32_t column : columns) {
    if (column < 0 || column >= result)
      return emitOpError() << "puts a column at " << column
                           << " when the result has " << result;
    if (column <= before)
      return emitOpError() << "puts a column at " << column << " after one at "
                           << before << " when places should ascend";
    before = column;
  }
  // spread_c2
  return verifySameRows(
      *this, {{"input", getInput().getType()}, {"result", getType()}});
}
