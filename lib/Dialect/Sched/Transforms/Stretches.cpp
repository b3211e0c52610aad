//===- Stretches.cpp - rows in front of an exit and behind it -------------===//
#include "Guesses.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

Stretches::Stretches(Block &body) : exits(body.getOps<ExitOp>()) {
  for (auto op : body.getOps<EnterOp>())
    enter = op;
}

int64_t Stretches::getStretch(Operation *op) const {
  return llvm::partition_point(
             exits, [&](ExitOp exit) { return exit->isBeforeInBlock(op); }) -
         exits.begin();
}

llvm::ArrayRef<ExitOp> Stretches::getExits(Operation *from,
                                           Operation *to) const {
  int64_t begin = getStretch(from), end = getStretch(to);
  return llvm::ArrayRef(exits).slice(begin, std::max<int64_t>(end - begin, 0));
}

Value Stretches::getRunning(int64_t stretch) const {
  if (stretch > 0)
    return ExitOp(exits[stretch - 1]).getRunningOn();
  // Without a state, no row waits.
  EnterOp first = enter;
  return first && first.getKv() ? first.getRunning() : Value();
}

static Value pickRows(ImplicitLocOpBuilder &builder, Value table, Value rows) {
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  return PickOp::create(builder, type.clone(shape), table, rows);
}

Value Stretches::pick(ImplicitLocOpBuilder &builder, Value ofBatch,
                      int64_t stretch) const {
  Value running = getRunning(stretch);
  return running ? pickRows(builder, ofBatch, running) : ofBatch;
}

Value Stretches::bring(ImplicitLocOpBuilder &builder, Value rows, int64_t from,
                       int64_t to) const {
  if (!rows || from == to)
    return rows;
  // Levels are made of features, and of them again by who needs them.
  if (auto quantize = rows.getDefiningOp<QuantizeOp>()) {
    if (quantize.getArrivedRotated())
      return {};
    rows = quantize.getInput();
  }
  // Who takes other norms looks for what is normalised.
  if (auto norm = rows.getDefiningOp<NormOp>()) {
    IRMapping made;
    made.map(norm.getInput(), bring(builder, norm.getInput(), from, to));
    return builder.clone(*norm, made)->getResult(0);
  }
  if (Value running = getRunning(from)) {
    EnterOp first = enter;
    Value none = ZerosOp::create(builder, rows.getType(), first.getPositions());
    rows = PlaceOp::create(builder, rows.getType(), rows, running, none);
  }
  return pick(builder, rows, to);
}
