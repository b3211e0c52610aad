//===- VerifyModel.cpp - rows, indices and experts that fit ---------------===//
#include "VerifyModel.h"

#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

namespace {

/// The arguments of @forward.
enum Argument { Tokens, Sequences, Positions, Wanted, State };

class Verifier {
public:
  explicit Verifier(func::FuncOp forward)
      : forward(forward), state(forward.getArgument(State)) {}

  LogicalResult run() {
    if (!forward.getBody().hasOneBlock())
      return forward.emitOpError("has ")
             << forward.getBody().getBlocks().size()
             << " blocks, the cpu backend takes 1";
    auto kv = cast<KvType>(state.getType());
    if (!kv.getElementType().isF32())
      return forward.emitOpError("has a state of ")
             << kv.getElementType() << ", the cpu backend has f32";
    return verifyAll(forward.getBody().front());
  }

private:
  LogicalResult verifyAll(Block &block) {
    for (Operation &op : block) {
      if (failed(verifyRows(&op)) || failed(verify(&op)))
        return failure();
      auto launch = dyn_cast<sched::LaunchOp>(op);
      if (!launch)
        continue;
      Block &body = launch.getBody().front();
      if (failed(verifyAll(body)))
        return failure();
      for (auto [inner, outer] : llvm::zip_equal(
               body.getTerminator()->getOperands(), launch.getResults()))
        if (auto it = picked.find(inner); it != picked.end())
          picked[outer] = bool(it->second);
    }
    return success();
  }

  /// Where rows of activations come from: every row of the batch, or those
  /// that moe.pick took. Their numbers differ.
  LogicalResult verifyRows(Operation *op) {
    std::optional<bool> isPicked;
    if (isa<RopeOp, KvAppendOp, AttentionOp>(op))
      isPicked = false; // positions are of all rows
    for (Value operand : op->getOperands()) {
      auto it = picked.find(operand);
      if (it == picked.end())
        continue;
      if (isPicked && *isPicked != it->second)
        return op->emitOpError("mixes picked rows with all rows of the batch");
      isPicked = it->second;
    }
    if (isa<EmbedOp>(op))
      isPicked = false;
    if (isa<PickOp>(op)) {
      if (isPicked == true)
        return op->emitOpError("picks of rows that are picked already");
      isPicked = true;
    }
    if (isPicked)
      for (Value result : op->getResults())
        if (isa<RankedTensorType>(result.getType()))
          picked[result] = *isPicked;
    return success();
  }

  LogicalResult verify(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](EmbedOp o) { return verifyEmbed(o); })
        .Case([&](PickOp o) { return is(o, o.getRows(), Wanted); })
        .Case([&](RopeOp o) { return is(o, o.getPositions(), Positions); })
        .Case([&](KvAppendOp o) {
          if (failed(verifyPlaces(o)))
            return failure();
          state = o.getResult();
          return success();
        })
        .Case([&](AttentionOp o) { return verifyPlaces(o); })
        .Case([&](ExpertsOp o) { return verifyExperts(o); })
        .Case([&](sched::PrefetchOp o) { return verifyFetch(o); })
        .Case([&](sched::YieldOp o) { return verifyYield(o); })
        .Case([&](func::ReturnOp o) { return verifyReturn(o); })
        .Default(success());
  }

  /// Rows of a table by token, or by position.
  LogicalResult verifyEmbed(EmbedOp op) {
    if (op.getTokens() != forward.getArgument(Positions))
      return is(op, op.getTokens(), Tokens);
    auto table = cast<WeightOp>(
        SymbolTable::lookupNearestSymbolFrom(op, op.getTableAttr()));
    int64_t rows = table.getTensorType().getDimSize(0);
    int64_t context = op->getParentOfType<ModelOp>().getContext();
    if (rows >= context)
      return success();
    return op.emitOpError("has ") << rows << " rows for positions, the model has "
                                  << context << " positions";
  }

  LogicalResult is(Operation *op, Value index, Argument argument) {
    if (index == forward.getArgument(argument))
      return success();
    return op->emitOpError("takes argument ")
           << cast<BlockArgument>(index).getArgNumber()
           << " of @forward where the cpu backend needs argument "
           << int(argument);
  }

  /// Rows of the state are written in place.
  LogicalResult verifyState(Operation *op, Value used) {
    if (used == state)
      return success();
    return op->emitOpError("uses a state that a later moe.kv_append changes");
  }

  template <typename OpT> LogicalResult verifyPlaces(OpT op) {
    if (failed(is(op, op.getSequences(), Sequences)) ||
        failed(is(op, op.getPositions(), Positions)))
      return failure();
    return verifyState(op, op.getKv());
  }

  LogicalResult verifyExperts(ExpertsOp op) {
    auto weightOf = [&](FlatSymbolRefAttr symbol) {
      return cast<WeightOp>(SymbolTable::lookupNearestSymbolFrom(op, symbol));
    };
    FlatSymbolRefAttr symbols[] = {op.getGateAttr(), op.getUpAttr(),
                                   op.getDownAttr()};
    FlatSymbolRefAttr plain; // the first that is not stored as a code
    for (FlatSymbolRefAttr symbol : symbols) {
      if (weightOf(symbol).getCode())
        continue;
      if (!plain)
        plain = symbol;
      Type known = weightOf(plain).getTensorType().getElementType();
      Type other = weightOf(symbol).getTensorType().getElementType();
      if (other != known)
        return op.emitOpError("has elements of ")
               << known << " in " << plain << " and of " << other << " in "
               << symbol << ", an expert has one type";
    }
    RankedTensorType gate = weightOf(op.getGateAttr()).getTensorType();
    auto route = op.getExperts().getDefiningOp<RouteOp>();
    if (!route)
      return op.emitOpError("takes experts that no moe.route chose");
    int64_t chosenOf =
        cast<ShapedType>(route.getLogits().getType()).getDimSize(1);
    if (chosenOf <= gate.getDimSize(0))
      return success();
    return op.emitOpError("gets experts out of ")
           << chosenOf << ", there are " << gate.getDimSize(0);
  }

  /// What a layer gets is known by its number alone.
  LogicalResult verifyFetch(sched::PrefetchOp op) {
    if (op.isGuess() || fetched.insert(op.getLayer()).second)
      return success();
    return op.emitOpError("is the 2nd wanted fetch of layer ")
           << op.getLayer() << ", the cpu backend takes 1";
  }

  /// The buffers of what the body made become the launch's.
  LogicalResult verifyYield(sched::YieldOp op) {
    llvm::SmallDenseSet<Value> seen;
    for (Value value : op.getOperands()) {
      auto rows = dyn_cast<RankedTensorType>(value.getType());
      Operation *maker = value.getDefiningOp();
      if (!maker || maker->getBlock() != op->getBlock() || !rows ||
          isa<QuantizedType>(rows.getElementType()) ||
          !seen.insert(value).second)
        return op.emitOpError("gives a value that is not made here, given "
                              "twice, or not of float rows");
    }
    return success();
  }

  LogicalResult verifyReturn(func::ReturnOp op) {
    if (op.getOperand(0).getDefiningOp<sched::LaunchOp>())
      return op.emitOpError("returns a launch's result as logits, the cpu "
                            "backend needs an operation between them");
    auto it = picked.find(op.getOperand(0));
    if (it != picked.end() && !it->second)
      return op.emitOpError("returns logits of all rows of the batch, and not "
                            "of those that moe.pick takes");
    return verifyState(op, op.getOperand(1));
  }

  func::FuncOp forward;
  Value state; ///< as the last moe.kv_append left it
  llvm::DenseMap<Value, bool> picked;
  llvm::SmallDenseSet<int64_t> fetched; ///< layers with a wanted fetch
};

} // namespace

LogicalResult moe::cpu::verifyModel(func::FuncOp forward) {
  return Verifier(forward).run();
}
