//===- ExitWork.cpp - tells heads of exits from layers --------------------===//
#include "moe/Analysis/ExitWork.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

/// Whether the value is a set of rows of the batch, or says which rows entries
/// want. Other lists are places in such a set.
static bool isRowsOfBatch(Value rows) {
  if (isa<BlockArgument>(rows))
    return true;
  Operation *op = rows.getDefiningOp();
  if (auto pick = dyn_cast<PickOp>(op))
    return isRowsOfBatch(pick.getInput());
  if (auto enter = dyn_cast<EnterOp>(op))
    return rows == enter.getRunning();
  if (auto exit = dyn_cast<ExitOp>(op))
    return rows == exit.getRunningOn() || rows == exit.getGone();
  return false;
}

/// Where rows leave the layers for a head, or anything else that is no head.
static bool isBorder(Operation *op) {
  if (auto pick = dyn_cast<PickOp>(op))
    return isRowsOfBatch(pick.getRows());
  return isa<EnterOp, ExitOp, EmbedOp, AttentionOp, KvAppendOp, ResumeOp>(op);
}

/// Adds what computes the value, up to the border.
static void addHead(Value value, ExitWork::Ops &head) {
  Operation *op = value.getDefiningOp();
  if (!op || isBorder(op) || !head.insert(op))
    return;
  for (Value operand : op->getOperands())
    addHead(operand, head);
}

/// What makes keys and values of rows that are gone, up to the state.
static void addBehindGone(func::FuncOp forward,
                          llvm::SmallPtrSetImpl<Operation *> &ops) {
  llvm::SmallPtrSet<Operation *, 32> behind;
  for (Operation &op : forward.getBody().front()) {
    auto pick = dyn_cast<PickOp>(op);
    bool begins = pick && pick.getRows().getDefiningOp<ExitOp>() &&
                  pick.getRows() ==
                      pick.getRows().getDefiningOp<ExitOp>().getGone();
    bool follows = llvm::any_of(op.getOperands(), [&](Value operand) {
      Operation *definition = operand.getDefiningOp();
      return !isa<KvType>(operand.getType()) && definition &&
             behind.contains(definition);
    });
    if (begins || follows)
      behind.insert(&op);
  }
  ops.insert(behind.begin(), behind.end());
}

/// Whether rows are put in place whose shortlist does not suffice.
static bool isOfUnsure(PlaceOp place) {
  auto entries = place.getRows().getDefiningOp<PickOp>();
  auto certain = entries ? entries.getRows().getDefiningOp<CertainOp>() : nullptr;
  return certain && entries.getRows() == certain.getUnsure();
}

ExitWork::ExitWork(ModelOp model) {
  auto forward = model.lookupSymbol<func::FuncOp>("forward");
  if (!forward || forward.isDeclaration())
    return;
  Block &body = forward.getBody().front();
  Ops heads;
  for (auto exit : body.getOps<ExitOp>()) {
    exits.push_back(exit);
    addHead(exit.getScores(), checks.emplace_back());
    addHead(exit.getScores(), heads);
    for (Value watched : exit.getWatched())
      addHead(watched, heads);
  }
  // Logits of later heads are placed among those of earlier ones.
  Value logits = body.getTerminator()->getOperand(0);
  auto last = logits.getDefiningOp<PlaceOp>();
  addHead(last ? last.getInput() : logits, lastHead);
  if (exits.empty())
    return;
  const Ops checked = heads;
  for (auto place = last; place;
       place = place.getInto().getDefiningOp<PlaceOp>()) {
    if (place == last)
      continue;
    Ops head;
    addHead(place.getInput(), head);
    heads.insert_range(head);
    head.set_subtract(checked);
    (isOfUnsure(place) ? unsure : leaving).push_back(std::move(head));
  }
  for (auto [more, usual] : llvm::zip(unsure, leaving))
    more.set_subtract(usual);
  for (Operation *op : heads)
    if (!lastHead.contains(op))
      extra.insert(op);
  addBehindGone(forward, extra);
}

uint64_t moe::getBytesRead(ModelOp model, llvm::ArrayRef<Operation *> ops) {
  llvm::SmallPtrSet<Operation *, 32> read;
  uint64_t bytes = 0;
  auto add = [&](FlatSymbolRefAttr symbol, int64_t share, int64_t of) {
    auto weight = symbol ? model.lookupSymbol<WeightOp>(symbol) : WeightOp();
    if (weight && read.insert(weight).second)
      bytes += weight.getStoredSize() / of * share;
  };
  auto whole = [&](std::initializer_list<FlatSymbolRefAttr> symbols) {
    for (FlatSymbolRefAttr symbol : symbols)
      add(symbol, 1, 1);
  };
  for (Operation *op : ops)
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](NormOp o) { whole({o.getScaleAttr()}); })
        .Case([&](LinearOp o) { whole({o.getWeightAttr(), o.getBiasAttr()}); })
        .Case([&](SurplusOp o) { whole({o.getSlackAttr()}); })
        .Case([&](MlpOp o) {
          whole({o.getGateAttr(), o.getUpAttr(), o.getDownAttr(),
                 o.getSharedGateAttr()});
        })
        .Case([&](EmbedOp o) {
          auto table = model.lookupSymbol<WeightOp>(o.getTableAttr());
          add(o.getTableAttr(), 1, table.getTensorType().getDimSize(0));
        })
        .Case([&](ExpertsOp o) {
          int64_t chosen =
              cast<ShapedType>(o.getExperts().getType()).getDimSize(1);
          for (FlatSymbolRefAttr bank :
               {o.getGateAttr(), o.getUpAttr(), o.getDownAttr()})
            add(bank, chosen,
                model.lookupSymbol<WeightOp>(bank).getMatrices());
        });
  return bytes;
}
