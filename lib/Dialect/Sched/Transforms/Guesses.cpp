//===- Guesses.cpp - what passes ask about fetched layers -----------------===//
#include "Guesses.h"

#include "moe/Driver/Registry.h"
#include "moe/Support/UnknownName.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

/// Where a layer's experts are done with, and what they gave; null if the fetch
/// has no such end.
static std::pair<Operation *, Value> findEnd(PrefetchOp fetch) {
  Operation *end = nullptr;
  Value result;
  for (Operation *user : fetch.getToken().getUsers()) {
    if (auto launch = dyn_cast<LaunchOp>(user))
      return {launch, launch.getNumResults() ? launch.getResult(0) : Value()};
    if (isa<ReleaseOp>(user))
      end = user;
  }
  for (Operation *user : fetch.getExperts().getUsers())
    if (auto experts = dyn_cast<ExpertsOp>(user))
      result = experts.getResult();
  return {end, result};
}

/// What the residual stream is behind the layer: sums that the experts' result
/// goes into.
static Value findOutput(Value result) {
  while (result.hasOneUse()) {
    auto sum = dyn_cast<AddOp>(*result.getUsers().begin());
    if (!sum || sum->getBlock() != result.getParentBlock())
      break;
    result = sum.getResult();
  }
  return result;
}

std::vector<FetchedLayer> moe::sched::findFetchedLayers(ModelOp model) {
  std::vector<FetchedLayer> layers;
  auto forward = model.lookupSymbol<func::FuncOp>("forward");
  if (!forward || forward.isDeclaration())
    return layers;
  for (auto fetch : forward.getBody().front().getOps<PrefetchOp>()) {
    auto route = fetch.getExperts().getDefiningOp<RouteOp>();
    auto [end, result] = findEnd(fetch);
    if (fetch.isGuess() || !route || !end || !result)
      continue;
    // Once for each layer.
    int64_t number = fetch.getLayer();
    if (!layers.empty() && number <= layers.back().known.layer)
      continue;
    FetchedLayer layer;
    layer.fetch = fetch;
    layer.end = end;
    layer.known.layer = number;
    layer.known.logits = route.getLogits();
    layer.known.experts =
        cast<ShapedType>(route.getLogits().getType()).getDimSize(1);
    layer.known.chosen = route.getK();
    layer.known.router = route.getLogits().getDefiningOp<LinearOp>();
    if (layer.known.router)
      layer.known.input = layer.known.router.getInput();
    layer.known.output = findOutput(result);
    layers.push_back(layer);
  }
  return layers;
}

llvm::Expected<std::unique_ptr<Predictor>>
moe::sched::createPredictor(const Registry &registry, llvm::StringRef name) {
  auto found = registry.predictors.find(name.str());
  if (found == registry.predictors.end())
    return unknownMember("predictor", name, registry.predictors);
  return found->second();
}
