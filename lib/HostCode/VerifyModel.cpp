//===- VerifyModel.cpp - rows, indices and experts that fit ---------------===//
#include "moe/HostCode/VerifyModel.h"
#include "moe/HostCode/VerifyRows.h"

#include "moe/Analysis/AccumulatorRange.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::host;

namespace {

class Verifier {
public:
  Verifier(func::FuncOp forward, StringRef backend)
      : forward(forward), backend(backend), rows(forward, backend),
        state(forward.getArgument(State)) {}

  LogicalResult run() {
    if (!forward.getBody().hasOneBlock())
      return forward.emitOpError("has ")
             << forward.getBody().getBlocks().size()
             << " blocks, the " << backend << " backend takes 1";
    auto kv = cast<KvType>(state.getType());
    if (!kv.getElementType().isF32())
      return forward.emitOpError("has a state of ")
             << kv.getElementType() << ", the " << backend << " backend has f32";
    return verifyAll(forward.getBody().front());
  }

private:
  LogicalResult verifyAll(Block &block) {
    for (Operation &op : block) {
      if (failed(rows.verify(&op)) || failed(verify(&op)))
        return failure();
      auto launch = dyn_cast<sched::LaunchOp>(op);
      if (!launch)
        continue;
      Block &body = launch.getBody().front();
      if (failed(verifyAll(body)))
        return failure();
      for (auto [inner, outer] : llvm::zip_equal(
               body.getTerminator()->getOperands(), launch.getResults()))
        rows.rename(inner, outer);
    }
    return success();
  }

  LogicalResult verify(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](EmbedOp o) { return verifyEmbed(o); })
        .Case([&](RopeOp o) {
          return rows.verifyOrigin(o, o.getPositions(), Positions);
        })
        .Case([&](KvAppendOp o) {
          if (failed(verifyPlaces(o)))
            return failure();
          state = o.getResult();
          return success();
        })
        .Case([&](AttentionOp o) { return verifyPlaces(o); })
        .Case([&](EnterOp o) {
          return o.getKv() ? verifyState(o, o.getKv()) : success();
        })
        .Case([&](ResumeOp o) { return verifyState(o, o.getKv()); })
        .Case([&](ParkOp o) {
          if (failed(verifyState(o, o.getKv())))
            return failure();
          state = o.getResult();
          return success();
        })
        .Case([&](ExpertsOp o) { return verifyExperts(o); })
        .Case([&](sched::PrefetchOp o) { return verifyFetch(o); })
        .Case([&](sched::YieldOp o) { return verifyYield(o); })
        .Case([&](func::ReturnOp o) { return verifyReturn(o); })
        .Default(success());
  }

  /// Rows of a table by token, or by position.
  LogicalResult verifyEmbed(EmbedOp op) {
    if (op.getTokens() != forward.getArgument(Positions))
      return rows.verifyOrigin(op, op.getTokens(), Tokens);
    auto table = cast<WeightOp>(
        SymbolTable::lookupNearestSymbolFrom(op, op.getTableAttr()));
    int64_t size = table.getTensorType().getDimSize(0);
    int64_t context = op->getParentOfType<ModelOp>().getContext();
    if (size >= context)
      return success();
    return op.emitOpError("has ") << size << " rows for positions, the model has "
                                  << context << " positions";
  }

  /// Rows of the state are written in place.
  LogicalResult verifyState(Operation *op, Value used) {
    if (used == state)
      return success();
    return op->emitOpError("uses a state that a later operation changes");
  }

  template <typename OpT> LogicalResult verifyPlaces(OpT op) {
    if (failed(rows.verifyOrigin(op, op.getSequences(), Sequences)) ||
        failed(rows.verifyOrigin(op, op.getPositions(), Positions)))
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
           << op.getLayer() << ", the " << backend << " backend takes 1";
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
      return op.emitOpError("returns a launch's result as logits, the ")
             << backend << " backend needs an operation between them";
    if (failed(rows.verifyLogits(op, op.getOperand(0))))
      return failure();
    return verifyState(op, op.getOperand(1));
  }

  func::FuncOp forward;
  StringRef backend;
  RowVerifier rows;
  Value state; ///< as the last operation that changed it left it
  llvm::SmallDenseSet<int64_t> fetched; ///< layers with a wanted fetch
};

} // namespace

LogicalResult moe::host::verifyModel(func::FuncOp forward,
                                      StringRef backend) {
  return Verifier(forward, backend).run();
}

FailureOr<func::FuncOp> moe::host::findForward(ModuleOp module,
                                               StringRef backend) {
  auto models = llvm::to_vector(module.getOps<ModelOp>());
  if (models.size() != 1)
    return module.emitError("the ")
           << backend << " backend takes 1 model, the module has "
           << models.size();
  ModelOp model = models.front();
  auto forward = dyn_cast_or_null<func::FuncOp>(
      SymbolTable::lookupSymbolIn(model, "forward"));
  if (!forward)
    return model.emitOpError("has no function @forward to lower");
  // Kernels of stored weights sum in int32, which neither saturates nor wraps.
  if (failed(verifyModel(forward, backend)) || failed(verifyAccumulators(model)))
    return failure();
  return forward;
}
