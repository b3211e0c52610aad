//===- Cache.cpp - what a cache promises to its model ---------------------===//
//
// Which experts are used when is a matter of the whole model, so the cache, of
// which a model has one, verifies it.
//===----------------------------------------------------------------------===//
#include "Verify.h"

#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace moe;
using namespace moe::sched;

LogicalResult CacheOp::verify() {
  // cache_c1
  auto caches = llvm::to_vector((*this)->getBlock()->getOps<CacheOp>());
  if (caches.size() > 1 && caches[0] != *this) {
    InFlightDiagnostic error = emitOpError()
                               << "is one of " << caches.size()
                               << " caches when a model has at most 1";
    error.attachNote(caches[0].getLoc()) << "the first one";
    return error;
  }
  return success();
}

/// The experts that one row chooses.
static int64_t getChosen(ExpertsOp op) {
  return getFeatures(op.getExperts().getType());
}

//===----------------------------------------------------------------------===//
// Every use is of experts that are there
//===----------------------------------------------------------------------===//

/// The fetch whose await and release lie around `op`.
static FailureOr<PrefetchOp> findAwaited(ExpertsOp op) {
  PrefetchOp known;
  bool isAwaited = false;
  for (Operation *user : op.getExperts().getUsers()) {
    auto fetch = dyn_cast<PrefetchOp>(user);
    if (!fetch || fetch.isGuess() || fetch->getBlock() != op->getBlock())
      continue;
    known = fetch;
    AwaitOp await = findAwait(fetch);
    isAwaited = await && await->isBeforeInBlock(op);
    if (isAwaited && op->isBeforeInBlock(findEnd(fetch)))
      return fetch;
  }
  if (!known)
    return op.emitOpError("lies in no sched.launch, and 0 fetches in its block "
                          "are of its choice");
  InFlightDiagnostic error = op.emitOpError();
  error << "uses experts "
        << (isAwaited ? "after their release" : "that are not awaited");
  error.attachNote(known.getLoc()) << "fetched here";
  return error;
}

static FailureOr<PrefetchOp> findFetch(ExpertsOp op) {
  if (auto launch = dyn_cast<LaunchOp>(op->getParentOp()))
    return launch.getToken().getDefiningOp<PrefetchOp>();
  return findAwaited(op);
}

namespace {
/// A decoder layer's experts, which a fetch of that layer brings.
struct LayerExperts {
  ExpertsOp op;
  int64_t count = 0;  ///< of experts
  int64_t chosen = 0; ///< by one row, at most
};
using Layers = std::map<int64_t, LayerExperts>;
} // namespace

// cache_c5
static LogicalResult verifyBank(int64_t layer, ExpertsOp op,
                                const Layers &layers) {
  for (const auto &[otherLayer, other] : layers) {
    ExpertsOp known = other.op;
    bool isSameBank = known.getGateAttr() == op.getGateAttr() &&
                      known.getUpAttr() == op.getUpAttr() &&
                      known.getDownAttr() == op.getDownAttr();
    if (isSameBank == (layer == otherLayer))
      continue;
    InFlightDiagnostic error = op.emitOpError();
    if (isSameBank)
      error << "uses a bank of layer " << otherLayer << " as one of layer "
            << layer;
    else
      error << "uses a second bank of layer " << layer;
    error.attachNote(known.getLoc()) << "used here";
    return error;
  }
  return success();
}

static FailureOr<Layers> collectLayers(ModelOp model,
                                       SymbolTableCollection &symbols) {
  Layers layers;
  WalkResult result = model.walk([&](ExpertsOp op) -> WalkResult {
    // cache_c4
    FailureOr<PrefetchOp> fetch = findFetch(op);
    if (failed(fetch))
      return failure();
    int64_t layer = fetch->getLayer();
    if (failed(verifyBank(layer, op, layers)))
      return failure();
    LayerExperts &known = layers[layer];
    known.op = op;
    // A missing weight is told of by those who name it.
    if (auto gate =
            symbols.lookupNearestSymbolFrom<WeightOp>(op, op.getGateAttr()))
      known.count = gate.getMatrices();
    known.chosen = std::max(known.chosen, getChosen(op));
    return success();
  });
  if (result.wasInterrupted())
    return failure();
  return layers;
}

// cache_c7
static LogicalResult verifyPredicted(PredictOp op, const Layers &layers) {
  auto found = layers.find(op.getLayer());
  LayerExperts layer;
  if (found != layers.end())
    layer = found->second;
  int64_t scores = getFeatures(op.getScores().getType());
  if (scores != layer.count)
    return op.emitOpError()
           << "has scores of " << scores << " experts when layer "
           << op.getLayer() << " has " << layer.count;
  if (int64_t(op.getChosen()) != layer.chosen)
    return op.emitOpError() << "says that a row chooses " << op.getChosen()
                            << " experts when a row of layer " << op.getLayer()
                            << " chooses " << layer.chosen;
  return success();
}

//===----------------------------------------------------------------------===//
// The entries suffice
//===----------------------------------------------------------------------===//

// cache_c2
static LogicalResult verifyEntries(CacheOp cache, const Layers &layers) {
  if (!cache.getEntries())
    return success();
  int64_t entries = *cache.getEntries();
  if (entries < 1)
    return cache.emitOpError()
           << "holds " << entries << " experts when it should hold at least 1";
  for (const auto &[layer, experts] : layers)
    if (entries < experts.chosen)
      return cache.emitOpError()
             << "holds " << entries << " experts when a row of layer " << layer
             << " chooses " << experts.chosen;
  return success();
}

// cache_c3
static LogicalResult verifyPartition(CacheOp cache, const Layers &layers) {
  if (!cache.getPartition())
    return success();
  ArrayRef<int64_t> shares = *cache.getPartition();
  if (shares.size() != layers.size())
    return cache.emitOpError() << "has " << shares.size() << " shares for "
                               << layers.size() << " layers with experts";
  uint64_t sum = 0;
  for (auto [share, layer] : llvm::zip_equal(shares, layers)) {
    if (share < layer.second.chosen)
      return cache.emitOpError()
             << "has a share of " << share << " for layer " << layer.first
             << ", of which a row chooses " << layer.second.chosen;
    sum = llvm::SaturatingAdd(sum, uint64_t(share));
  }
  if (cache.getEntries() && sum != *cache.getEntries())
    return cache.emitOpError() << "has shares of " << sum << " when it holds "
                               << *cache.getEntries();
  return success();
}

// cache_c6
static LogicalResult verifyHeld(CacheOp cache, Block &block) {
  if (!cache.getEntries())
    return success();
  int64_t held = 0, entries = *cache.getEntries();
  for (Operation &op : block) {
    if (!isa<AwaitOp, LaunchOp, ReleaseOp>(op))
      continue;
    auto fetch = op.getOperand(0).getDefiningOp<PrefetchOp>();
    int64_t experts = getFeatures(fetch.getExperts().getType());
    if (isa<ReleaseOp>(op))
      held -= experts;
    else if (held + experts > entries)
      return op.emitOpError()
             << "needs " << experts << " experts for a row when " << held
             << " are not released, the cache holds " << entries;
    else if (isa<AwaitOp>(op))
      held += experts;
  }
  return success();
}

LogicalResult CacheOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto model = cast<ModelOp>((*this)->getParentOp());
  FailureOr<Layers> layers = collectLayers(model, symbols);
  if (failed(layers) || failed(verifyEntries(*this, *layers)) ||
      failed(verifyPartition(*this, *layers)))
    return failure();
  WalkResult predicted = model.walk(
      [&](PredictOp op) -> WalkResult { return verifyPredicted(op, *layers); });
  if (predicted.wasInterrupted())
    return failure();
  WalkResult held = model.walk(
      [&](Block *block) -> WalkResult { return verifyHeld(*this, *block); });
  return failure(held.wasInterrupted());
}
