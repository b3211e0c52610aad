//===- InsertPrefetch.cpp - guess what later layers will choose -----------===//
#include "Guesses.h"

#include "moe/Driver/Registry.h"
#include "moe/Prefetch/CostModel.h"
#include "moe/Prefetch/Predictor.h"

namespace moe::sched {
#define GEN_PASS_DEF_INSERTPREFETCHPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {

struct InsertPrefetch
    : moe::sched::impl::InsertPrefetchPassBase<InsertPrefetch> {
  InsertPrefetch(const Registry &registry,
                 const InsertPrefetchPassOptions &options)
      : InsertPrefetchPassBase(options), registry(&registry) {}

  void runOnOperation() override {
    if (llvm::Error error = run()) {
      getOperation().emitError(llvm::toString(std::move(error)));
      signalPassFailure();
    }
  }

  llvm::Error run() {
    if (predictor == "none")
      return llvm::Error::success();
    auto maker = createPredictor(*registry, predictor);
    if (!maker)
      return maker.takeError();
    ModelOp model = getOperation();
    std::vector<FetchedLayer> layers = findFetchedLayers(model);
    if (layers.empty())
      return llvm::Error::success();
    if (llvm::Error error = verifyOptions(layers))
      return error;
    if (llvm::Error error = learn(model, **maker, layers))
      return error;
    Stretches stretches(*layers.front().fetch->getBlock());
    for (size_t to = ahead; to < layers.size(); ++to)
      guess(model, **maker, layers, to, stretches);
    return llvm::Error::success();
  }

  llvm::Error verifyOptions(llvm::ArrayRef<FetchedLayer> layers) {
    if (ahead < 1)
      return llvm::createStringError(
          "guesses " + llvm::Twine(ahead) +
          " layers ahead requested, must be at least 1");
    if (count < 0)
      return llvm::createStringError(llvm::Twine(count) +
                                     " guesses requested, must be at least 0");
    for (const FetchedLayer &layer : layers)
      if (count > layer.known.experts)
        return llvm::createStringError(
            llvm::Twine(count) + " guesses requested, layer " +
            llvm::Twine(layer.known.layer) + " has " +
            llvm::Twine(layer.known.experts) + " experts");
    return llvm::Error::success();
  }

  /// Fits the predictor and its confidence, if there is a trace.
  llvm::Error learn(ModelOp model, Predictor &maker,
                    llvm::ArrayRef<FetchedLayer> layers) {
    if (trace.empty()) {
      if (maker.needsTrace())
        return llvm::createStringError("predictor '" + predictor +
                                       "' needs a routing trace, use --trace");
      return llvm::Error::success();
    }
    auto rows = RoutingTrace::read(trace);
    if (!rows)
      return rows.takeError();
    if (llvm::Error error = rows->verifyModel(model))
      return error;
    // The layers of a trace are numbered as those are that have a fetch.
    if (rows->layers.size() != layers.size())
      return llvm::createStringError(
          trace + ": has " + llvm::Twine(rows->layers.size()) +
          " layers with experts, routers choose what " +
          llvm::Twine(layers.size()) + " of them fetch");
    int64_t fitted = getFittedRows(*rows);
    if (llvm::Error error = fitForEstimate(maker, *rows))
      return error;
    return calibrate(maker, *rows, fitted);
  }

  llvm::Error calibrate(const Predictor &maker, const RoutingTrace &rows,
                        int64_t fitted) {
    // Without its own guesses in the trace, confidence stays as it is.
    if (llvm::Error error = checkGuessesOverTrace(maker, rows)) {
      llvm::consumeError(std::move(error));
      return llvm::Error::success();
    }
    int64_t guesses =
        count ? int64_t(count) : getUsualCount(rows.experts, rows.chosen);
    if (rows.guesses && maker.needsRows())
      guesses = std::min(guesses, rows.guesses);
    auto judged = guessOverTrace(maker, rows, ahead, guesses, fitted);
    if (!judged)
      return judged.takeError();
    calibrations.assign(rows.layers.size(), {});
    for (const TraceGuesses &layer : *judged)
      calibrations[layer.layer] = layer.calibration;
    return llvm::Error::success();
  }

  void guess(ModelOp model, const Predictor &maker,
             llvm::ArrayRef<FetchedLayer> layers, size_t to,
             const Stretches &stretches) {
    const FetchedLayer &target = layers[to], &source = layers[to - ahead];
    PrefetchOp wanted = target.fetch;
    if (wanted.getGuess())
      return;
    Operation *behind = source.end;
    if (maker.needsOutput())
      behind = source.known.output.getDefiningOp();
    // Layers that compute side by side come too late for a guess.
    if (!behind->isBeforeInBlock(wanted))
      return;
    if (ExitOp exit =
            findBarrier(stretches.getExits(behind, wanted), stayLeast)) {
      behind = exit;
      if (!isWorkBetween(exit, wanted))
        return;
    }
    ImplicitLocOpBuilder builder(wanted.getLoc(), wanted);
    builder.setInsertionPointAfter(behind);
    int64_t stretch = stretches.getStretch(behind->getNextNode());
    SmallVector<RoutedLayer> known;
    for (const auto &[i, layer] : llvm::enumerate(layers)) {
      known.push_back(layer.known);
      RoutedLayer &now = known.back();
      if (i > to - ahead)
        now.logits = now.input = {};
      if (i != to - ahead || !maker.needsOutput())
        now.output = {};
      int64_t own = stretches.getStretch(layer.fetch);
      for (Value *rows : {&now.logits, &now.input, &now.output})
        *rows = stretches.bring(builder, *rows, own, stretch);
    }
    PredictionSite site;
    site.model = model;
    site.layers = known;
    site.from = to - ahead;
    site.to = to;
    site.positions = stretches.pick(builder, getPositions(wanted), stretch);
    if (Value scores = maker.buildScores(builder, site))
      fetchGuess(builder, scores, target, to, stretches);
    eraseUnused(behind, wanted);
  }

  /// Least probability that the rows which a guess is made of are still there
  /// when it is of use.
  static constexpr double stayLeast = 0.5;

  /// The last exit that so many rows leave at, there and further on, that a
  /// guess should not be made in front of it; null if none is so.
  static ExitOp findBarrier(llvm::ArrayRef<ExitOp> exits, double least) {
    double stay = 1;
    for (ExitOp exit : llvm::reverse(exits)) {
      if (std::optional<APFloat> taken = exit.getTaken())
        stay *= 1 - taken->convertToDouble();
      if (stay <= least)
        return exit;
    }
    return {};
  }

  /// Whether anything is computed that a read could hide behind.
  static bool isWorkBetween(Operation *from, Operation *to) {
    for (Operation *op = from; op != to; op = op->getNextNode())
      if (isa<AttentionOp, MlpOp, ExpertsOp, LaunchOp>(op))
        return true;
    return false;
  }

  /// What was brought to where the guess is made, and is not used there.
  static void eraseUnused(Operation *from, Operation *to) {
    for (Operation *op = to->getPrevNode(); op != from;) {
      Operation *before = op->getPrevNode();
      if (isa<NormOp, PickOp, PlaceOp, ZerosOp>(op) && op->use_empty())
        op->erase();
      op = before;
    }
  }

  void fetchGuess(ImplicitLocOpBuilder &builder, Value scores,
                  const FetchedLayer &target, size_t index,
                  const Stretches &stretches) {
    const RoutedLayer &layer = target.known;
    PrefetchOp wanted = target.fetch;
    int64_t guesses =
        count ? int64_t(count) : getUsualCount(layer.experts, layer.chosen);
    int64_t rows = cast<ShapedType>(scores.getType()).getDimSize(0);
    ScoreCalibration calibration;
    if (index < calibrations.size())
      calibration = calibrations[index];
    auto predicted = PredictOp::create(
        builder, RankedTensorType::get({rows, guesses}, builder.getI32Type()),
        RankedTensorType::get({rows, guesses}, builder.getF32Type()), scores,
        layer.layer, guesses, layer.chosen, predictor,
        ArrayRef<double>{calibration.slope, calibration.bias});
    auto fetch = PrefetchOp::create(
        builder, predicted.getExperts(), predicted.getConfidence(),
        builder.getF64FloatAttr(threshold),
        builder.getI64IntegerAttr(layer.layer), wanted.getCacheAttr(), Value());
    // Where no row goes on, nobody will want it.
    Value token = fetch.getToken();
    for (ExitOp exit : stretches.getExits(fetch, wanted)) {
      builder.setInsertionPointAfter(exit);
      token = CancelOp::create(builder, token.getType(), token,
                               exit.getRunningOn())
                  .getLeft();
    }
    wanted.getGuessMutable().assign(token);
    ++guessed;
  }

  static Value getPositions(PrefetchOp fetch) {
    return fetch->getParentOfType<func::FuncOp>().getArgument(2);
  }

  const Registry *registry;
  std::vector<ScoreCalibration> calibrations; ///< by layer with experts
};

} // namespace

std::unique_ptr<Pass>
moe::sched::createInsertPrefetchPass(const Registry &registry,
                                     const InsertPrefetchPassOptions &options) {
  return std::make_unique<InsertPrefetch>(registry, options);
}
