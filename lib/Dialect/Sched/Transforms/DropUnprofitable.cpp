//===- DropUnprofitable.cpp - take out guesses that cannot pay ------------===//
#include "Guesses.h"

#include "moe/Dialect/Sched/Transforms/MemoryBudget.h"
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/CostModel.h"
#include "llvm/ADT/SetVector.h"

namespace moe::sched {
#define GEN_PASS_DEF_DROPUNPROFITABLEPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {

/// What the guess of a fetch was made with; null if it has none.
PredictOp getPrediction(PrefetchOp wanted) {
  PrefetchOp fetch = getFetchOf(wanted.getGuess());
  return fetch ? fetch.getExperts().getDefiningOp<PredictOp>() : PredictOp();
}

/// Removes an operation and what only it needed.
void eraseWithInputs(Operation *op) {
  llvm::SetVector<Operation *> dead;
  dead.insert(op);
  auto isDead = [&](Operation *user) { return dead.contains(user); };
  // Whoever uses an operation stands before it.
  for (size_t i = 0; i < dead.size(); ++i)
    for (Value operand : dead[i]->getOperands()) {
      Operation *definition = operand.getDefiningOp();
      if (definition && wouldOpBeTriviallyDead(definition) &&
          llvm::all_of(definition->getUsers(), isDead))
        dead.insert(definition);
    }
  for (Operation *each : dead)
    each->erase();
}

struct DropUnprofitable
    : moe::sched::impl::DropUnprofitablePassBase<DropUnprofitable> {
  DropUnprofitable(const Registry &registry,
                   const DropUnprofitablePassOptions &options,
                   std::function<void(const ScheduleEstimate &)> onEstimate)
      : DropUnprofitablePassBase(options), registry(&registry),
        onEstimate(std::move(onEstimate)) {}

  void runOnOperation() override {
    if (llvm::Error error = run()) {
      getOperation().emitError(llvm::toString(std::move(error)));
      signalPassFailure();
    }
  }

  llvm::Error run() {
    ModelOp model = getOperation();
    std::vector<FetchedLayer> layers = findFetchedLayers(model);
    if (trace.empty() || budget.empty() || layers.empty())
      return llvm::Error::success();
    StringRef predictor; // empty: nobody guesses
    for (const FetchedLayer &layer : layers)
      if (PredictOp prediction = getPrediction(layer.fetch))
        predictor = prediction.getPredictor();
    auto estimate = estimateFor(model, predictor);
    if (!estimate)
      return estimate.takeError();
    if (onEstimate)
      onEstimate(*estimate);
    for (const FetchedLayer &layer : layers)
      for (const LayerDecision &decision : estimate->layers)
        if (decision.layer == layer.known.layer)
          follow(decision, layer.fetch);
    return llvm::Error::success();
  }

  llvm::Expected<ScheduleEstimate> estimateFor(ModelOp model, StringRef name) {
    auto rows = RoutingTrace::read(trace);
    if (!rows)
      return rows.takeError();
    auto device = DeviceProfile::load(profile);
    if (!device)
      return device.takeError();
    ParameterPlan plan(model);
    auto size = MemoryBudget::parse(budget);
    if (!size)
      return size.takeError();
    auto share = size->resolve(plan, model);
    if (!share)
      return share.takeError();
    std::unique_ptr<Predictor> predictor;
    if (!name.empty()) {
      auto maker = createPredictor(*registry, name);
      if (!maker)
        return maker.takeError();
      predictor = std::move(*maker);
      if (llvm::Error error = fitForEstimate(*predictor, *rows))
        return std::move(error);
    }
    FixedLimits fixed;
    fixed.ahead = int64_t(ahead);
    if (count)
      fixed.count = int64_t(count);
    if (threshold >= 0)
      fixed.threshold = double(threshold);
    auto cache = *model.getOps<CacheOp>().begin();
    return estimateSchedule(plan, model, *rows, *device, predictor.get(),
                            cache.getPolicy(), share->bytes, fixed);
  }

  void follow(const LayerDecision &decision, PrefetchOp wanted) {
    PredictOp prediction = getPrediction(wanted);
    if (!prediction)
      return;
    PrefetchOp guess = getFetchOf(wanted.getGuess());
    if (!decision.guess) {
      Value token = wanted.getGuess();
      wanted.getGuessMutable().clear();
      // Exits may cancel it.
      while (auto cancel = token.getDefiningOp<CancelOp>()) {
        token = cancel.getToken();
        cancel->erase();
      }
      eraseWithInputs(guess);
      ++dropped;
      return;
    }
    OpBuilder builder(prediction);
    guess.setThresholdAttr(builder.getF64FloatAttr(decision.threshold));
    if (decision.count && decision.count < int64_t(prediction.getCount()))
      narrow(prediction, decision.count);
  }

  /// Fewer guesses per row: the likeliest ones.
  static void narrow(PredictOp prediction, int64_t count) {
    OpBuilder builder(prediction);
    auto narrowed = [&](Type type) {
      auto table = cast<RankedTensorType>(type);
      return RankedTensorType::get({table.getDimSize(0), count},
                                   table.getElementType());
    };
    prediction.setCountAttr(builder.getI64IntegerAttr(count));
    for (Value result : prediction->getResults())
      result.setType(narrowed(result.getType()));
  }

  const Registry *registry;
  std::function<void(const ScheduleEstimate &)> onEstimate;
};

} // namespace

std::unique_ptr<Pass> moe::sched::createDropUnprofitablePass(
    const Registry &registry, const DropUnprofitablePassOptions &options,
    std::function<void(const ScheduleEstimate &)> onEstimate) {
  return std::make_unique<DropUnprofitable>(registry, options,
                                            std::move(onEstimate));
}
