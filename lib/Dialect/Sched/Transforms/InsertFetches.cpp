//===- InsertFetches.cpp - experts are fetched when they are wanted -------===//
#include "cache/CachePolicy.h"
#include "moe/Analysis/DecoderLayers.h"
#include "moe/Dialect/Sched/Transforms/MemoryBudget.h"
#include "moe/Dialect/Sched/Transforms/Passes.h"
#include "moe/Support/UnknownName.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

namespace moe::sched {
#define GEN_PASS_DEF_INSERTFETCHESPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {
using Layers = llvm::MapVector<Operation *, int64_t>;

struct InsertFetches : moe::sched::impl::InsertFetchesPassBase<InsertFetches> {
  using InsertFetchesPassBase::InsertFetchesPassBase;

  void runOnOperation() override;

private:
  FailureOr<int64_t> getEntries();
  StringAttr insertCache(int64_t entries);
  void insertFetch(ExpertsOp experts, int64_t layer, StringAttr cache);
};
} // namespace

/// Whether a layer uses one bank, once, a bank has one layer, and all banks have
/// equally many experts: the runtime knows them by layer and number.
static bool areFetchable(ModelOp model, const Layers &layers) {
  llvm::SmallDenseSet<int64_t> known, counts;
  llvm::SmallDenseSet<Attribute> gates;
  for (auto [op, layer] : layers) {
    FlatSymbolRefAttr gate = cast<ExpertsOp>(op).getGateAttr();
    if (layer < 0 || !known.insert(layer).second || !gates.insert(gate).second)
      return false;
    counts.insert(model.lookupSymbol<WeightOp>(gate).getMatrices());
  }
  return counts.size() == 1;
}

/// 0 if nobody says.
FailureOr<int64_t> InsertFetches::getEntries() {
  ModelOp model = getOperation();
  if (entries < 0)
    return model.emitError() << "a cache of " << entries.getValue()
                             << " entries, expected at least 1";
  if (budget.empty())
    return int64_t(entries);
  if (entries)
    return model.emitError()
           << "a cache of " << entries.getValue() << " entries and a budget of "
           << budget.getValue() << ", expected one of them";
  ParameterPlan plan(model);
  llvm::Expected<MemoryBudget> size = MemoryBudget::parse(budget);
  if (!size)
    return model.emitError(llvm::toString(size.takeError()));
  llvm::Expected<MemoryBudget::Share> share = size->resolve(plan, model);
  if (!share)
    return model.emitError(llvm::toString(share.takeError()));
  return share->entries;
}

/// In front of the functions.
StringAttr InsertFetches::insertCache(int64_t entries) {
  ModelOp model = getOperation();
  Block &body = model.getBody().front();
  OpBuilder builder(&getContext());
  builder.setInsertionPoint(*body.getOps<func::FuncOp>().begin());
  std::string name = "experts";
  for (int64_t i = 1; model.lookupSymbol(name); ++i)
    name = "experts." + std::to_string(i);
  auto number = entries ? builder.getI64IntegerAttr(entries) : IntegerAttr();
  return CacheOp::create(builder, model.getLoc(), builder.getStringAttr(name),
                         builder.getStringAttr(policy), number,
                         DenseI64ArrayAttr())
      .getSymNameAttr();
}

void InsertFetches::insertFetch(ExpertsOp experts, int64_t layer,
                                StringAttr cache) {
  OpBuilder builder(experts);
  Location loc = experts.getLoc();
  auto fetch = PrefetchOp::create(
      builder, loc, TokenType::get(&getContext()), experts.getExperts(),
      /*confidence=*/Value(), /*threshold=*/FloatAttr(),
      builder.getI64IntegerAttr(layer), FlatSymbolRefAttr::get(cache),
      /*guess=*/Value());
  auto route = experts.getExperts().getDefiningOp<RouteOp>();
  if (route && route == experts.getWeights().getDefiningOp())
    RecordOp::create(builder, loc, route.getLogits(), experts.getExperts(),
                     experts.getWeights(), builder.getI64IntegerAttr(layer));
  AwaitOp::create(builder, loc, fetch.getToken());
  builder.setInsertionPointAfter(experts);
  ReleaseOp::create(builder, loc, fetch.getToken());
  ++fetched;
}

void InsertFetches::runOnOperation() {
  ModelOp model = getOperation();
  if (!moert::findCachePolicy(policy)) {
    model.emitError(llvm::toString(
        unknownName("cache policy", policy, moert::cachePolicyNames())));
    return signalPassFailure();
  }
  Layers layers = getDecoderLayers(model);
  if (!areFetchable(model, layers) || !model.getOps<CacheOp>().empty())
    return;
  FailureOr<int64_t> number = getEntries();
  if (failed(number))
    return signalPassFailure();
  StringAttr cache = insertCache(*number);
  for (auto [op, layer] : layers)
    insertFetch(cast<ExpertsOp>(op), layer, cache);
}
