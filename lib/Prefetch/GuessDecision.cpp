//===- GuessDecision.cpp - the rule proposes, the simulation disposes -----===//
#include "GuessDecision.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <map>

using namespace llvm;
using namespace moe;

/// A layer's guesses must save this share of what the layer waits, and all of
/// them this share of a token: less is within the error of the model.
constexpr double leastSaving = 0.01;
/// A farther distance must promise so many times as much as the nearer ones.
constexpr double leastProgress = 1.05;
/// Distances and thresholds that are tried; each costs a simulation.
constexpr int64_t farthest = 3;
constexpr double thresholds[] = {0, 0.3, 0.5, 0.7};

namespace {

/// Guesses of one layer with their limits, and what the rule says of them.
struct Proposal {
  const TraceGuesses *guesses = nullptr;
  GuessLimits limits;
  double recall = 0, waste = 0; ///< r and w of the rule
  double computeSeconds = 0;    ///< C
  double hidden = 0, added = 0; ///< min(C, r M / B) and w r M / B
  double getGain() const { return hidden - added; }
};

class Decider {
public:
  Decider(const GuessInput &input, GuessFunction guess)
      : input(input), guess(guess), trace(input.trace), demand(input.demand),
        rows(double(trace.rows.size())), best(trace.layers.size()),
        considered(trace.layers.size()) {}

  Expected<GuessDecision> decide();

private:
  Error sweep();
  Error sweepLimits(const std::vector<TraceGuesses> &guesses, int64_t ahead);
  void propose(const CacheSimulationResult &result,
               const std::vector<TraceGuesses> &guesses, GuessLimits limits);
  double getFreeCompute(int64_t layer, int64_t ahead) const;
  double getPromise() const;
  Expected<CacheSimulationResult> simulate();
  Error dropUnconfirmed();
  Error dropAllUnlessTheyPay();
  LayerDecision describe(int64_t layer) const;
  std::string explain(int64_t layer) const;

  const GuessInput &input;
  GuessFunction guess;
  const RoutingTrace &trace;
  const CacheSimulationResult &demand;
  double rows;
  /// By distance; kept, because proposals point into it.
  std::vector<std::vector<TraceGuesses>> swept;
  /// By layer: what is guessed, and what was best by the rule, paying or not.
  std::vector<std::optional<Proposal>> best, considered;
  CacheSimulationResult result;
  /// Why the simulation took a layer back.
  std::map<int64_t, std::string> taken;
};

} // namespace

//===----------------------------------------------------------------------===//
// The rule
//===----------------------------------------------------------------------===//

/// Computing between guess and use that no wanted read overlaps, per row.
/// Guesses of as many layers share it as lie between.
double Decider::getFreeCompute(int64_t layer, int64_t ahead) const {
  // Reads that no layer waited for went on beside the computing.
  double overlapped = demand.linkSeconds - demand.stallSeconds;
  double free = 0;
  for (int64_t l = layer - ahead; l < layer; ++l) {
    double share =
        demand.misses ? double(demand.layerMisses[l]) / demand.misses : 0;
    free += std::max(input.cache.layerSeconds[l] -
                         share * std::max(overlapped, 0.0) / rows,
                     0.0);
  }
  return free / ahead;
}

void Decider::propose(const CacheSimulationResult &result,
                      const std::vector<TraceGuesses> &guesses,
                      GuessLimits limits) {
  for (const TraceGuesses &each : guesses) {
    int64_t layer = each.layer;
    double misses = demand.layerMisses[layer];
    double read = result.layerGuessesRead[layer];
    double useful = result.layerGuessesUseful[layer];
    if (misses == 0 || read == 0 || layer < limits.ahead)
      continue;
    Proposal proposal{&each, limits};
    // Guesses also bring back what guesses drove out: no more than all misses.
    proposal.recall = std::min(useful / misses, 1.0);
    proposal.waste = (read - useful) / std::max(useful, 1.0);
    proposal.computeSeconds = getFreeCompute(layer, limits.ahead);
    double missSeconds = misses / rows * input.cache.readSeconds;
    proposal.hidden =
        std::min(proposal.computeSeconds, proposal.recall * missSeconds);
    proposal.added = (read - useful) / rows * input.cache.readSeconds;
    auto &kept = considered[layer];
    if (!kept || proposal.getGain() > kept->getGain())
      kept = proposal;
  }
}

/// What the rule promises for all layers, in seconds per row.
double Decider::getPromise() const {
  double promise = 0;
  for (const auto &proposal : considered)
    promise += proposal ? std::max(proposal->getGain(), 0.0) : 0;
  return promise;
}

Error Decider::sweepLimits(const std::vector<TraceGuesses> &guesses,
                           int64_t ahead) {
  std::vector<int64_t> counts = {(trace.chosen + 1) / 2, trace.chosen,
                                 getUsualCount(trace.experts, trace.chosen)};
  if (input.fixed.count)
    counts = {*input.fixed.count};
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  std::vector<double> least(std::begin(thresholds), std::end(thresholds));
  if (input.fixed.threshold)
    least = {*input.fixed.threshold};
  for (int64_t count : counts)
    for (double threshold : least) {
      GuessLimits limits{ahead, count, threshold};
      CacheSimulationOptions options = input.cache;
      options.guesses = &guesses;
      options.limits.assign(guesses.size(), limits);
      auto result = simulateCache(trace, options);
      if (!result)
        return result.takeError();
      propose(*result, guesses, limits);
    }
  return Error::success();
}

Error Decider::sweep() {
  int64_t layers = trace.layers.size();
  int64_t first = input.fixed.ahead.value_or(1);
  int64_t last = input.fixed.ahead.value_or(std::min(farthest, layers - 1));
  swept.reserve(std::max<int64_t>(last - first + 1, 0));
  double promise = 0;
  for (int64_t ahead = first; ahead <= last; ++ahead) {
    int64_t count = input.fixed.count.value_or(
        getUsualCount(trace.experts, trace.chosen));
    auto guesses = guess(ahead, count);
    if (!guesses)
      return guesses.takeError();
    if (guesses->empty())
      continue;
    swept.push_back(std::move(*guesses));
    if (Error error = sweepLimits(swept.back(), ahead))
      return error;
    // Guesses from afar are worse ones; where they do not hide more, those from
    // farther away are not worth the search.
    double now = getPromise();
    if (ahead > first && now < leastProgress * promise)
      break;
    promise = now;
  }
  for (int64_t layer = 0; layer < layers; ++layer)
    if (considered[layer] && considered[layer]->getGain() > 0)
      best[layer] = considered[layer];
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The simulation
//===----------------------------------------------------------------------===//

/// With the guesses of all layers in `best`.
Expected<CacheSimulationResult> Decider::simulate() {
  std::vector<TraceGuesses> guesses;
  CacheSimulationOptions options = input.cache;
  for (const auto &proposal : best)
    if (proposal) {
      guesses.push_back(*proposal->guesses);
      options.limits.push_back(proposal->limits);
    }
  if (guesses.empty())
    return demand;
  options.guesses = &guesses;
  return simulateCache(trace, options);
}

/// Those that promise least go first, so that they do not hide behind others.
Error Decider::dropUnconfirmed() {
  std::vector<std::pair<double, int64_t>> order;
  for (int64_t layer = 0; layer < int64_t(best.size()); ++layer)
    if (best[layer])
      order.push_back({best[layer]->getGain(), layer});
  llvm::sort(order);
  for (auto [gain, layer] : order) {
    auto proposal = std::exchange(best[layer], std::nullopt);
    auto without = simulate();
    if (!without)
      return without.takeError();
    double saved = (without->seconds - result.seconds) / rows;
    double least = leastSaving * demand.layerStallSeconds[layer] / rows;
    if (saved > least) {
      best[layer] = proposal;
      continue;
    }
    taken[layer] =
        formatv("simulated, guesses {0} {1} a token, {2} would be "
                "worth it",
                saved < 0 ? "cost" : "save", formatSeconds(std::abs(saved)),
                formatSeconds(least));
    result = std::move(*without);
  }
  return Error::success();
}

Error Decider::dropAllUnlessTheyPay() {
  double saved = (demand.seconds - result.seconds) / rows;
  double least = leastSaving * input.tokenSeconds;
  if (saved > least)
    return Error::success();
  for (int64_t layer = 0; layer < int64_t(best.size()); ++layer)
    if (best[layer]) {
      taken[layer] =
          formatv("all guesses together save {0} of {1} a token, "
                  "{2} would be worth it",
                  formatSeconds(std::max(saved, 0.0)),
                  formatSeconds(input.tokenSeconds), formatSeconds(least));
      best[layer].reset();
    }
  result = demand;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

std::string Decider::explain(int64_t layer) const {
  const auto &proposal = considered[layer];
  if (demand.layerMisses[layer] == 0)
    return "nothing is missed";
  if (!proposal) {
    bool isGuessed = llvm::any_of(swept, [&](const auto &guesses) {
      return llvm::any_of(guesses, [&](const TraceGuesses &each) {
        return each.layer == layer;
      });
    });
    if (isGuessed)
      return "no guess is sure enough and not in the cache";
    return layer == 0 ? "no layer with experts comes before"
                      : "the predictor has no guess for it";
  }
  if (auto it = taken.find(layer); it != taken.end())
    return it->second;
  std::string added = formatSeconds(proposal->added);
  std::string hidden = formatSeconds(proposal->hidden);
  if (best[layer])
    return formatv("hides {0} a token for {1} of wasted reads", hidden, added);
  // With as many wasted bytes as useful ones no link would do.
  const char *why = proposal->waste < 1 ? "the link is busy: "
                                        : "too many guesses are wrong: ";
  return formatv("{0}{1} of wasted reads a token would hide {2}", why, added,
                 hidden);
}

LayerDecision Decider::describe(int64_t layer) const {
  LayerDecision decision;
  decision.layer = trace.layers[layer];
  decision.guess = best[layer].has_value();
  decision.missBytes =
      demand.layerMisses[layer] / rows * double(input.entryBytes);
  decision.stallBefore = demand.layerStallSeconds[layer] / rows;
  decision.stallAfter = result.layerStallSeconds[layer] / rows;
  if (const auto &proposal = considered[layer]) {
    decision.ahead = proposal->limits.ahead;
    decision.count = proposal->limits.count;
    decision.threshold = proposal->limits.threshold;
    decision.recall = proposal->recall;
    decision.wastePerUseful = proposal->waste;
    decision.computeSeconds = proposal->computeSeconds;
  } else if (layer > 0) {
    decision.computeSeconds = getFreeCompute(layer, 1);
  }
  decision.reason = explain(layer);
  return decision;
}

Expected<GuessDecision> Decider::decide() {
  if (Error error = sweep())
    return std::move(error);
  auto all = simulate();
  if (!all)
    return all.takeError();
  result = std::move(*all);
  if (Error error = dropUnconfirmed())
    return std::move(error);
  if (Error error = dropAllUnlessTheyPay())
    return std::move(error);
  GuessDecision decision;
  for (int64_t layer = 0; layer < int64_t(best.size()); ++layer)
    decision.layers.push_back(describe(layer));
  decision.result = std::move(result);
  return std::move(decision);
}

Expected<GuessDecision> moe::decideGuesses(const GuessInput &input,
                                           GuessFunction guess) {
  return Decider(input, guess).decide();
}

GuessDecision moe::declineGuesses(const GuessInput &input, StringRef reason) {
  GuessDecision decision;
  decision.result = input.demand;
  double rows = input.trace.rows.size();
  for (auto [layer, number] : llvm::enumerate(input.trace.layers)) {
    LayerDecision each;
    each.layer = number;
    each.missBytes =
        input.demand.layerMisses[layer] / rows * double(input.entryBytes);
    each.stallBefore = each.stallAfter =
        input.demand.layerStallSeconds[layer] / rows;
    each.reason = reason.str();
    decision.layers.push_back(std::move(each));
  }
  return decision;
}

std::string moe::formatSeconds(double seconds) {
  if (seconds == 0)
    return "0 us";
  if (seconds < 1e-3)
    return formatv("{0:f1} us", seconds * 1e6);
  if (seconds < 1)
    return formatv("{0:f2} ms", seconds * 1e3);
  return formatv("{0:f2} s", seconds);
}

std::string moe::formatBytes(double bytes) {
  constexpr const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  return formatv(bytes == std::floor(bytes) ? "{0:f0} {1}" : "{0:f1} {1}",
                 bytes, units[unit]);
}
