//===- VerifyRows.cpp - every row number names a row that is there --------===//
#include "moe/HostCode/VerifyRows.h"

#include "moe/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::host;

RowVerifier::RowVerifier(func::FuncOp forward, StringRef backend)
    : forward(forward), backend(backend) {
  for (int64_t i : {Tokens, Sequences, Positions, Wanted}) {
    Value argument = forward.getArgument(i);
    rows[argument] = i == Wanted ? wanted() : batch();
    origin[argument] = argument;
  }
  named[wanted()] = batch();
}

void RowVerifier::rename(Value inner, Value outer) {
  if (Value kind = rows.lookup(inner))
    rows[outer] = kind;
}

LogicalResult RowVerifier::verify(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](PickOp o) { return verifyPick(o); })
      .Case([&](PlaceOp o) { return verifyPlace(o); })
      .Case([&](EnterOp o) { return verifyEnter(o); })
      .Case([&](ExitOp o) { return verifyExit(o); })
      .Case([&](CertainOp o) { return noteCertain(o); })
      .Case([&](ResumeOp o) { return verifyResume(o); })
      .Case([&](ParkOp o) { return verifyPark(o); })
      .Default([&](Operation *) { return verifyAlike(op); });
}

LogicalResult RowVerifier::verifySame(Operation *op, Value a, Value b) {
  Value first = rows.lookup(a), second = rows.lookup(b);
  if (!first || !second || first == second)
    return success();
  return op->emitOpError("mixes rows that were picked differently");
}

LogicalResult RowVerifier::verifyAlike(Operation *op) {
  // Of others nothing is known; they are refused elsewhere.
  if (!isa<MoeDialect, sched::SchedDialect>(op->getDialect()))
    return success();
  Value known;
  for (Value operand : op->getOperands()) {
    if (known && failed(verifySame(op, known, operand)))
      return failure();
    if (rows.lookup(operand))
      known = operand;
  }
  if (!known)
    return success();
  Value kind = rows.lookup(known);
  for (Value result : op->getResults())
    if (isa<RankedTensorType>(result.getType()))
      rows[result] = kind;
  return success();
}

LogicalResult RowVerifier::verifyPick(PickOp op) {
  Value target = named.lookup(op.getRows());
  if (!target)
    return op.emitOpError("takes numbers that name no rows");
  if (rows.lookup(op.getInput()) != target)
    return op.emitOpError("takes numbers of other rows than its input has");
  Value result = op.getResult();
  rows[result] = rows.lookup(op.getRows());
  // Numbers that are picked still name what they named.
  if (Value kind = named.lookup(op.getInput()))
    named[result] = kind;
  if (Value argument = origin.lookup(op.getInput()))
    origin[result] = argument;
  return success();
}

LogicalResult RowVerifier::verifyPlace(PlaceOp op) {
  Value target = named.lookup(op.getRows());
  if (!target)
    return op.emitOpError("takes numbers that name no rows");
  if (rows.lookup(op.getInto()) != target)
    return op.emitOpError("takes numbers of other rows than its table has");
  if (failed(verifySame(op, op.getInput(), op.getRows())))
    return failure();
  rows[op.getResult()] = target;
  return success();
}

LogicalResult RowVerifier::verifyBatch(Operation *op, ValueRange values) {
  for (Value value : values)
    if (rows.lookup(value) != batch())
      return op->emitOpError("takes other rows than those of the whole batch");
  return success();
}

LogicalResult RowVerifier::verifyEnter(EnterOp op) {
  if (failed(verifyOrigin(op, op.getWanted(), Wanted)) ||
      failed(verifyOrigin(op, op.getSequences(), Sequences)) ||
      failed(verifyOrigin(op, op.getPositions(), Positions)) ||
      failed(verifyBatch(op, {op.getSequences(), op.getPositions()})))
    return failure();
  if (entered)
    return op.emitOpError("is the 2nd of @forward, the ")
           << backend << " backend takes 1";
  entered = op;
  for (Value result : op.getResults())
    rows[result] = result;
  named[op.getRunning()] = batch();
  named[op.getDue()] = named[op.getAsking()] = wanted();
  return success();
}

/// The runtime keeps the row sets as well, so they must be those that it gave.
bool RowVerifier::takesLastSets(ExitOp op) {
  if (!entered)
    return false;
  if (!lastExit)
    return op.getAsking() == entered.getAsking() &&
           op.getRunning() == entered.getRunning() &&
           op.getDue() == entered.getDue();
  auto pick = op.getAsking().getDefiningOp<PickOp>();
  return pick && pick.getInput() == lastExit.getAsking() &&
         pick.getRows() == lastExit.getKept() &&
         op.getRunning() == lastExit.getRunningOn() &&
         op.getDue() == lastExit.getStillDue();
}

LogicalResult RowVerifier::verifyExit(ExitOp op) {
  if (failed(verifyOrigin(op, op.getWanted(), Wanted)) ||
      failed(verifyOrigin(op, op.getSequences(), Sequences)) ||
      failed(verifyOrigin(op, op.getPositions(), Positions)) ||
      failed(verifyBatch(op, {op.getSequences(), op.getPositions()})))
    return failure();
  if (!takesLastSets(op))
    return op.emitOpError(
        "takes other row sets than the moe.enter or moe.exit before it gave");
  lastExit = op;
  SmallVector<Value> ofAsking = {op.getScores()};
  llvm::append_range(ofAsking, op.getWatched());
  for (Value value : ofAsking)
    if (failed(verifySame(op, op.getAsking(), value)))
      return failure();
  for (Value result : op.getResults())
    rows[result] = result;
  named[op.getRunningOn()] = named[op.getGone()] = batch();
  named[op.getStillDue()] = wanted();
  named[op.getKept()] = named[op.getLeaving()] = rows.lookup(op.getAsking());
  return success();
}

LogicalResult RowVerifier::noteCertain(CertainOp op) {
  for (Value result : op.getResults()) {
    rows[result] = result;
    named[result] = rows.lookup(op.getSurplus());
  }
  return success();
}

LogicalResult RowVerifier::verifyResume(ResumeOp op) {
  rows[op.getResult()] = batch();
  return verifyBatch(op, {op.getInput(), op.getSequences(), op.getPositions()});
}

LogicalResult RowVerifier::verifyPark(ParkOp op) {
  if (!lastExit || op.getGone() != lastExit.getGone())
    return op.emitOpError("takes other rows than those that left");
  return verifyBatch(op, {op.getInput(), op.getSequences(), op.getPositions()});
}

LogicalResult RowVerifier::verifyLogits(Operation *op, Value logits) {
  Value kind = rows.lookup(logits);
  if (!kind || kind == wanted())
    return success();
  return op->emitOpError("returns logits of other rows than the wanted ones");
}

LogicalResult RowVerifier::verifyOrigin(Operation *op, Value numbers,
                                        Argument argument) {
  Value known = origin.lookup(numbers);
  if (known == forward.getArgument(argument))
    return success();
  InFlightDiagnostic error = op->emitOpError("takes ");
  if (known)
    error << "argument " << cast<BlockArgument>(known).getArgNumber()
          << " of @forward";
  else
    error << "numbers of its own";
  return error << " where the " << backend << " backend needs argument "
               << int(argument);
}
