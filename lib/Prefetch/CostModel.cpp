//===- CostModel.cpp - a schedule judged before anything runs -------------===//
#include "moe/Prefetch/CostModel.h"

#include "ComputeCosts.h"
#include "GuessDecision.h"
#include "cache/CachePolicy.h"
#include "moe/Support/UnknownName.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace moe;

/// Uses of experts that one simulation replays at most: with some 60
/// simulations a decision takes a second or two.
constexpr int64_t mostUses = 100'000;
constexpr int64_t fewestRows = 128;
/// Nothing learns from more.
constexpr int64_t mostFittedRows = 4096;

namespace {

/// Rows to learn from, rows to judge, and the former before the latter; each a
/// forward of its own.
struct TraceHalves {
  TraceHalves() = default;
  explicit TraceHalves(const RoutingTrace &trace);
  RoutingTrace learned, judged, both;
};

/// A cache in which each layer has its share, replayed over the rows to judge.
struct PartedCache {
  std::vector<int64_t> shares;
  CacheSimulationResult result;
  bool isBetter; ///< than one cache for all
};

class Estimator {
public:
  Estimator(const ParameterPlan &plan, ModelOp model, const RoutingTrace &trace,
            const DeviceProfile &profile, const Predictor *predictor,
            StringRef policy, uint64_t budget, const FixedLimits &fixed)
      : model(model), whole(trace), profile(profile), predictor(predictor),
        fixed(fixed), costs(getComputeCosts(plan, model, profile)) {
    estimate.policy = policy.str();
    estimate.budget = budget;
    estimate.profile = profile.name;
    estimate.link = profile.linkKind;
    estimate.model = model.getSymName().str();
    estimate.predictor = predictor ? predictor->getName().str() : "";
  }

  Expected<ScheduleEstimate> run();

private:
  Error check();
  void describe();
  Error judgePolicies();
  Error judgePartition();
  Expected<GuessDecision> decide();
  void finish(GuessDecision decision);
  void describeResident();
  std::string explainFeasibility() const;

  ModelOp model;
  const RoutingTrace &whole;
  const DeviceProfile &profile;
  const Predictor *predictor;
  const FixedLimits &fixed;
  ComputeCosts costs;
  ScheduleEstimate estimate;
  TraceHalves halves;
  CacheSimulationOptions cache;
  CacheSimulationResult demand;
};

} // namespace

static RoutingTrace sliceRows(const RoutingTrace &trace, int64_t begin,
                              int64_t end) {
  RoutingTrace part = trace.slice(begin, end);
  for (auto [number, row] : enumerate(part.rows))
    row.forward = int32_t(number);
  return part;
}

TraceHalves::TraceHalves(const RoutingTrace &trace) {
  int64_t rows = trace.rows.size(), middle = getFittedRows(trace);
  int64_t usesPerRow = trace.layers.size() * trace.chosen;
  int64_t most = std::max(fewestRows, mostUses / usesPerRow);
  int64_t end = std::min(middle + most, rows);
  both = sliceRows(trace, 0, end);
  judged = sliceRows(trace, middle, end);
  // One row has no first half.
  learned = middle ? sliceRows(trace, 0, middle) : judged;
}

int64_t moe::getFittedRows(const RoutingTrace &trace) {
  return std::min<int64_t>(trace.rows.size() / 2, mostFittedRows);
}

Error moe::fitForEstimate(Predictor &predictor, const RoutingTrace &trace) {
  // Only the bound may know what it is judged by.
  if (predictor.isBound())
    return predictor.fit(trace);
  return predictor.fit(trace.slice(0, getFittedRows(trace)));
}

//===----------------------------------------------------------------------===//
// What is given
//===----------------------------------------------------------------------===//

Error Estimator::check() {
  if (costs.layers.empty())
    return createStringError("'" + model.getSymName() + "' has no experts");
  if (Error error = whole.verifyModel(model))
    return error;
  if (!moert::findCachePolicy(estimate.policy))
    return unknownName("cache policy", estimate.policy,
                       moert::cachePolicyNames());
  uint64_t least = costs.chosen * costs.entryBytes;
  if (estimate.budget < least)
    return createStringError(
        "memory budget of " + Twine(estimate.budget) + " bytes is below the " +
        Twine(costs.chosen) +
        " experts that one token needs at once, at least " + Twine(least) +
        " bytes");
  return Error::success();
}

void Estimator::describe() {
  estimate.expertBytes = costs.entryBytes;
  estimate.totalExperts = costs.totalExperts;
  estimate.capacity =
      std::min<int64_t>(estimate.budget / costs.entryBytes, costs.totalExperts);
  estimate.tokenBytes = costs.chosen * costs.layers.size() * costs.entryBytes;
  estimate.computeSeconds = costs.getSeconds();
  cache.policy = estimate.policy;
  cache.capacity = estimate.capacity;
  cache.layerSeconds = costs.layerSeconds;
  cache.readSeconds =
      profile.linkLatency + double(costs.entryBytes) / profile.linkBandwidth;
  estimate.worstTokenSeconds = costs.getSeconds() + costs.chosen *
                                                        costs.layers.size() *
                                                        cache.readSeconds;
}

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

/// One cache for all layers, by each policy.
Error Estimator::judgePolicies() {
  CacheSimulationOptions options = cache;
  for (const moert::CachePolicyInfo *info : moert::cachePolicies()) {
    StringRef name = info->name;
    options.policy = info->name;
    auto result = simulateCache(halves.judged, options);
    if (!result)
      return result.takeError();
    double rate = result->getHitRate();
    estimate.policyHitRates.push_back({name.str(), rate});
    if (name == "lru")
      estimate.sharedLruHitRate = rate;
    if (name == "belady")
      estimate.beladyHitRate = rate;
    if (name == estimate.policy)
      demand = std::move(*result);
  }
  estimate.sharedHitRate = demand.getHitRate();
  return Error::success();
}

/// Shares that the rows to learn from suggest. Nothing where the entries are
/// too few for shares; `shared`: what the cache gives when all layers share.
static Expected<std::optional<PartedCache>>
tryShares(const TraceHalves &halves, CacheSimulationOptions options,
          const CacheSimulationResult &shared) {
  options.partition = choosePartition(halves.learned, options.capacity);
  if (options.partition.empty())
    return std::nullopt;
  auto result = simulateCache(halves.judged, options);
  if (!result)
    return result.takeError();
  bool isBetter = result->misses < shared.misses;
  return PartedCache{std::move(options.partition), std::move(*result),
                     isBetter};
}

Error Estimator::judgePartition() {
  auto parted = tryShares(halves, cache, demand);
  if (!parted)
    return parted.takeError();
  if (!*parted)
    return Error::success();
  estimate.partitionedHitRate = (*parted)->result.getHitRate();
  if ((*parted)->isBetter) {
    demand = std::move((*parted)->result);
    cache.partition = estimate.partition = std::move((*parted)->shares);
  }
  return Error::success();
}

Expected<std::vector<int64_t>> moe::judgePartition(const RoutingTrace &trace,
                                                   StringRef policy,
                                                   int64_t capacity) {
  TraceHalves halves(trace);
  CacheSimulationOptions options;
  options.policy = policy.str();
  options.capacity = capacity;
  auto shared = simulateCache(halves.judged, options);
  if (!shared)
    return shared.takeError();
  auto parted = tryShares(halves, options, *shared);
  if (!parted)
    return parted.takeError();
  if (!*parted || !(*parted)->isBetter)
    return std::vector<int64_t>();
  return std::move((*parted)->shares);
}

static std::string percent(double share) {
  return formatv("{0:f1} %", 100 * share);
}

std::string Estimator::explainFeasibility() const {
  std::string budget = formatBytes(double(estimate.budget));
  std::string cycle = formatBytes(double(estimate.tokenBytes));
  std::string hits =
      formatv("a shared lru would hit {0}", percent(estimate.sharedLruHitRate));
  for (auto &[name, rate] : estimate.policyHitRates)
    if (name != "lru" && name != "belady")
      hits += formatv(", {0} {1}", name, percent(rate));
  if (estimate.partitionedHitRate)
    hits += formatv(", partitioned {0}", percent(*estimate.partitionedHitRate));
  hits += formatv(", belady {0}", percent(estimate.beladyHitRate));
  double cycles =
      double(estimate.capacity * estimate.expertBytes) / estimate.tokenBytes;
  if (cycles < 1)
    return formatv("budget {0} is below one token's cycle of {1}: {2}", budget,
                   cycle, hits);
  return formatv("budget {0} is {1:f1} of one token's cycle of {2}: {3}",
                 budget, cycles, cycle, hits);
}

//===----------------------------------------------------------------------===//
// The guesses
//===----------------------------------------------------------------------===//

Expected<GuessDecision> Estimator::decide() {
  double rows = halves.judged.rows.size();
  GuessInput input{halves.judged,    cache,
                   demand,           demand.seconds / rows + costs.tailSeconds,
                   costs.entryBytes, fixed};
  if (!predictor)
    return declineGuesses(input, "nobody guesses");
  // What was recorded was guessed at one distance.
  if (predictor->needsRows() && !input.fixed.ahead)
    input.fixed.ahead = 1;
  int64_t fitted = halves.both.rows.size() - halves.judged.rows.size();
  auto guess = [&](int64_t ahead,
                   int64_t count) -> Expected<std::vector<TraceGuesses>> {
    auto guesses =
        guessOverTrace(*predictor, halves.both, ahead, count, fitted);
    if (!guesses)
      return guesses.takeError();
    for (TraceGuesses &each : *guesses)
      each.dropRows(fitted);
    return guesses;
  };
  return decideGuesses(input, guess);
}

void Estimator::finish(GuessDecision decision) {
  double rows = halves.judged.rows.size();
  const CacheSimulationResult &result = decision.result;
  double all = demand.seconds + rows * costs.tailSeconds;
  estimate.layers = std::move(decision.layers);
  estimate.hitRate = demand.getHitRate();
  estimate.missesPerToken = demand.misses / rows;
  estimate.onDemandTokenSeconds = all / rows;
  estimate.onDemandStallSeconds = demand.stallSeconds / rows;
  estimate.linkIdle = 1 - demand.linkSeconds / all;
  estimate.tokenSeconds = result.seconds / rows + costs.tailSeconds;
  estimate.stallSeconds = result.stallSeconds / rows;
}

/// All experts are read once, which a long run does not feel.
void Estimator::describeResident() {
  estimate.hitRate = estimate.sharedHitRate = estimate.sharedLruHitRate =
      estimate.beladyHitRate = estimate.linkIdle = 1;
  estimate.tokenSeconds = estimate.onDemandTokenSeconds =
      estimate.computeSeconds;
  std::string reason =
      formatv("budget {0} holds all {1} experts",
              formatBytes(double(estimate.budget)), estimate.totalExperts);
  estimate.feasibility = reason;
  for (int layer : costs.layers) {
    LayerDecision decision;
    decision.layer = layer;
    decision.reason = reason;
    estimate.layers.push_back(std::move(decision));
  }
}

Expected<ScheduleEstimate> Estimator::run() {
  if (Error error = check())
    return std::move(error);
  describe();
  halves = TraceHalves(whole);
  estimate.rows = halves.judged.rows.size();
  if (estimate.capacity == costs.totalExperts) {
    describeResident();
    return std::move(estimate);
  }
  if (Error error = judgePolicies())
    return std::move(error);
  if (Error error = judgePartition())
    return std::move(error);
  estimate.feasibility = explainFeasibility();
  auto decision = decide();
  if (!decision)
    return decision.takeError();
  finish(std::move(*decision));
  return std::move(estimate);
}

Expected<ScheduleEstimate>
moe::estimateSchedule(const ParameterPlan &plan, ModelOp model,
                      const RoutingTrace &trace, const DeviceProfile &profile,
                      const Predictor *predictor, StringRef policy,
                      uint64_t budget, const FixedLimits &fixed) {
  return Estimator(plan, model, trace, profile, predictor, policy, budget,
                   fixed)
      .run();
}
