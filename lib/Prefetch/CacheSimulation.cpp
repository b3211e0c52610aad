//===- CacheSimulation.cpp - an expert store made of counters -------------===//
#include "moe/Prefetch/CacheSimulation.h"

#include "TracePasses.h"
#include "cache/CachePolicy.h"
#include "moe/Support/UnknownName.h"
#include <cmath>
#include <deque>
#include <limits>

using namespace llvm;
using namespace moe;
using moert::ExpertKey;

//===----------------------------------------------------------------------===//
// What can be simulated
//===----------------------------------------------------------------------===//

static Error fail(const Twine &message) { return createStringError(message); }

static Error checkPartition(const RoutingTrace &trace,
                            const CacheSimulationOptions &options) {
  if (options.partition.empty())
    return Error::success();
  int64_t layers = trace.layers.size(), sum = 0;
  if (int64_t(options.partition.size()) != layers)
    return fail("a partition of " + Twine(options.partition.size()) +
                " shares, the trace has " + Twine(layers) +
                " layers with experts");
  for (int64_t layer = 0; layer < layers; ++layer) {
    int64_t share = options.partition[layer];
    if (share < trace.chosen || share > options.capacity)
      return fail("layer " + Twine(trace.layers[layer]) + " has a share of " +
                  Twine(share) + " entries, must be between " +
                  Twine(trace.chosen) + " and " + Twine(options.capacity));
    sum += share;
  }
  if (sum > options.capacity)
    return fail("the shares of the partition are " + Twine(sum) +
                " entries together, the cache has " + Twine(options.capacity));
  return Error::success();
}

static Error checkTimes(const RoutingTrace &trace,
                        const CacheSimulationOptions &options) {
  size_t layers = trace.layers.size();
  if (!options.layerSeconds.empty() && options.layerSeconds.size() != layers)
    return fail("times of " + Twine(options.layerSeconds.size()) +
                " layers, the trace has " + Twine(layers) +
                " layers with experts");
  auto isTime = [](double t) { return t >= 0 && std::isfinite(t); };
  if (!all_of(options.layerSeconds, isTime) || !isTime(options.readSeconds))
    return fail("a time is negative or not finite");
  return Error::success();
}

static GuessLimits getLimits(const CacheSimulationOptions &options, size_t i) {
  if (!options.limits.empty())
    return options.limits[i];
  return {options.ahead, options.count, options.threshold};
}

static Error checkGuesses(const RoutingTrace &trace,
                          const CacheSimulationOptions &options) {
  if (!options.guesses)
    return Error::success();
  int64_t layers = trace.layers.size();
  if (!options.limits.empty() &&
      options.limits.size() != options.guesses->size())
    return fail("limits of " + Twine(options.limits.size()) +
                " guesses, there are " + Twine(options.guesses->size()));
  for (auto [i, guesses] : enumerate(*options.guesses)) {
    if (guesses.layer < 0 || guesses.layer >= layers)
      return fail("guesses for layer with experts " + Twine(guesses.layer) +
                  ", the trace has " + Twine(layers));
    int64_t ahead = getLimits(options, i).ahead;
    if (ahead < 1 || ahead > guesses.layer)
      return fail("guesses for layer with experts " + Twine(guesses.layer) +
                  " are made " + Twine(ahead) +
                  " layers ahead, must be between 1 and " +
                  Twine(guesses.layer));
    size_t size = trace.rows.size() * size_t(guesses.count);
    if (guesses.experts.size() != size || guesses.confidence.size() != size)
      return fail(Twine(guesses.experts.size()) + " guesses for layer with " +
                  "experts " + Twine(guesses.layer) + ", the trace's " +
                  Twine(trace.rows.size()) + " rows need " + Twine(size));
  }
  return Error::success();
}

static Expected<const moert::CachePolicyInfo *>
check(const RoutingTrace &trace, const CacheSimulationOptions &options) {
  const moert::CachePolicyInfo *policy = moert::findCachePolicy(options.policy);
  if (!policy)
    return unknownName("cache policy", options.policy,
                       moert::cachePolicyNames());
  if (options.capacity < trace.chosen)
    return fail("a cache of " + Twine(options.capacity) +
                " entries, a row chooses " + Twine(trace.chosen) + " experts");
  int64_t keys = int64_t(trace.layers.size()) * trace.experts;
  if (keys > std::numeric_limits<ExpertKey>::max())
    return fail(Twine(keys) + " experts, a cache can tell " +
                Twine(std::numeric_limits<ExpertKey>::max()) + " apart");
  if (Error error = checkPartition(trace, options))
    return std::move(error);
  if (Error error = checkTimes(trace, options))
    return std::move(error);
  if (Error error = checkGuesses(trace, options))
    return std::move(error);
  return policy;
}

//===----------------------------------------------------------------------===//
// The store
//===----------------------------------------------------------------------===//

/// All uses of a trace, in order.
static std::vector<ExpertKey> getFuture(const RoutingTrace &trace) {
  std::vector<ExpertKey> future;
  std::vector<int32_t> wanted;
  for (int64_t row = 0, rows = trace.rows.size(); row < rows;) {
    int64_t end = getForwardEnd(trace, row);
    for (size_t layer = 0; layer < trace.layers.size(); ++layer) {
      getWanted(trace, layer, row, end, wanted);
      for (int32_t expert : wanted)
        future.push_back(ExpertKey(layer * trace.experts + expert));
    }
    row = end;
  }
  return future;
}

namespace {
class Store {
public:
  Store(const RoutingTrace &trace, const CacheSimulationOptions &options,
        const moert::CachePolicyInfo &info);

  CacheSimulationResult run();

private:
  enum class Place { Absent, Reading, Resident };
  struct Expert {
    Place place = Place::Absent;
    bool isPinned = false;   ///< wanted by the layer that is there
    bool isGuess = false;    ///< nobody wanted it since it came
    bool isExpected = false; ///< guessed for a layer that has not come yet
  };

  void forward(int64_t begin, int64_t end);
  double demand(int64_t layer);
  void endGuesses(int64_t layer);
  void expect(const TraceGuesses &guesses, const GuessLimits &limits,
              int64_t begin, int64_t end);
  void readGuesses(double seconds);
  bool startGuess();
  void arrive();

  bool hasRoom(int64_t layer) const;
  bool evict(ExpertKey key, bool forGuess, bool mayTakeExpected);
  void makeRoom(ExpertKey key);
  void enter(ExpertKey key, bool isGuess);
  void leave(ExpertKey key);

  int64_t layerOf(ExpertKey key) const { return key / trace.experts; }

  const RoutingTrace &trace;
  const CacheSimulationOptions &options;
  bool hasTime;
  std::unique_ptr<moert::CachePolicy> policy;
  std::vector<Expert> experts;                ///< by key
  std::vector<int64_t> entries;               ///< that each layer holds
  int64_t used = 0;                           ///< entries
  std::vector<std::vector<size_t>> guessesAt; ///< by the layer that makes them
  std::deque<ExpertKey> queue;                ///< guesses to be read, in order
  ExpertKey reading = -1;                     ///< the guess that is half read
  double left = 0;                            ///< seconds until it has arrived
  std::vector<ExpertKey> pinned;
  std::vector<int32_t> wanted;     ///< kept between calls, as the next one
  std::vector<double> confidences; ///< by expert
  CacheSimulationResult result;
};
} // namespace

Store::Store(const RoutingTrace &trace, const CacheSimulationOptions &options,
             const moert::CachePolicyInfo &info)
    : trace(trace), options(options), hasTime(!options.layerSeconds.empty()),
      experts(trace.layers.size() * trace.experts),
      entries(trace.layers.size()), guessesAt(trace.layers.size()),
      confidences(trace.experts) {
  moert::CachePolicyOptions policyOptions;
  policyOptions.keys = experts.size();
  policyOptions.capacity = options.capacity;
  policyOptions.experts = trace.experts;
  if (info.needsFuture)
    policyOptions.future = getFuture(trace);
  policy = info.create(policyOptions);
  if (options.guesses)
    for (auto [i, guesses] : enumerate(*options.guesses))
      guessesAt[guesses.layer - getLimits(options, i).ahead].push_back(i);
  size_t layers = trace.layers.size();
  for (auto *values : {&result.layerUses, &result.layerMisses,
                       &result.layerGuessesRead, &result.layerGuessesUseful})
    values->resize(layers);
  result.layerStallSeconds.resize(layers);
}

CacheSimulationResult Store::run() {
  for (int64_t row = 0, rows = trace.rows.size(); row < rows;) {
    int64_t end = getForwardEnd(trace, row);
    forward(row, end);
    row = end;
  }
  result.hits = result.uses - result.misses;
  return std::move(result);
}

void Store::forward(int64_t begin, int64_t end) {
  for (int64_t layer = 0; layer < int64_t(trace.layers.size()); ++layer) {
    getWanted(trace, layer, begin, end, wanted);
    double stall = demand(layer);
    for (size_t i : guessesAt[layer])
      expect((*options.guesses)[i], getLimits(options, i), begin, end);
    double computing = hasTime ? options.layerSeconds[layer] : 0;
    readGuesses(computing);
    for (ExpertKey key : pinned)
      experts[key].isPinned = false;
    pinned.clear();
    if (!hasTime)
      continue;
    result.layerStallSeconds[layer] += stall;
    result.stallSeconds += stall;
    result.linkSeconds += stall;
    result.seconds += stall + computing;
  }
}

/// A layer comes. Returns for how long the link reads what it wants.
double Store::demand(int64_t layer) {
  ExpertKey first = ExpertKey(layer * trace.experts);
  for (int32_t expert : wanted)
    policy->use(first + expert);
  double seconds = 0;
  std::vector<ExpertKey> missing;
  for (int32_t expert : wanted) {
    ExpertKey key = first + expert;
    Expert &state = experts[key];
    bool isHit = state.place == Place::Resident;
    ++result.uses, ++result.layerUses[layer];
    result.misses += !isHit, result.layerMisses[layer] += !isHit;
    if (state.isGuess) {
      ++result.guessesUseful, ++result.layerGuessesUseful[layer];
      state.isGuess = false;
    }
    if (state.place == Place::Absent) {
      missing.push_back(key);
      continue;
    }
    state.isPinned = true;
    pinned.push_back(key);
    if (state.place == Place::Reading) {
      seconds += left;
      arrive();
    }
  }
  endGuesses(layer);
  for (ExpertKey key : missing) {
    makeRoom(key);
    enter(key, false);
    experts[key].place = Place::Resident;
    experts[key].isPinned = true;
    pinned.push_back(key);
    seconds += options.readSeconds;
  }
  return seconds;
}

//===----------------------------------------------------------------------===//
// Guesses
//===----------------------------------------------------------------------===//

/// What a layer that has come did not want is no longer expected.
void Store::endGuesses(int64_t layer) {
  ExpertKey first = ExpertKey(layer * trace.experts);
  if (reading >= 0 && layerOf(reading) == layer)
    leave(reading);
  erase_if(queue, [&](ExpertKey key) { return layerOf(key) == layer; });
  if (options.guesses)
    for (ExpertKey key = first; key < first + trace.experts; ++key)
      experts[key].isExpected = false;
}

void Store::expect(const TraceGuesses &guesses, const GuessLimits &limits,
                   int64_t begin, int64_t end) {
  std::fill(confidences.begin(), confidences.end(), -1);
  int64_t count = std::min(limits.count, guesses.count);
  for (int64_t row = begin; row < end; ++row)
    for (int64_t j = row * guesses.count; j < row * guesses.count + count; ++j)
      if (int32_t expert = guesses.experts[j];
          expert >= 0 && expert < trace.experts)
        confidences[expert] =
            std::max(confidences[expert], double(guesses.confidence[j]));
  ExpertKey first = ExpertKey(guesses.layer * trace.experts);
  size_t before = queue.size();
  for (ExpertKey expert = 0; expert < trace.experts; ++expert) {
    if (!(confidences[expert] >= 0 && confidences[expert] >= limits.threshold))
      continue;
    policy->expect(first + expert, confidences[expert]);
    Expert &state = experts[first + expert];
    state.isExpected = true;
    if (state.place == Place::Absent && !is_contained(queue, first + expert))
      queue.push_back(first + expert);
  }
  std::stable_sort(queue.begin() + before, queue.end(),
                   [&](ExpertKey a, ExpertKey b) {
                     return confidences[a - first] > confidences[b - first];
                   });
}

/// The link is idle for so long.
void Store::readGuesses(double seconds) {
  auto isIdle = [&] {
    return !hasTime || seconds > 0 || options.readSeconds == 0;
  };
  while (reading >= 0 || (isIdle() && startGuess())) {
    double part = hasTime ? std::min(left, seconds) : left;
    if (hasTime)
      result.linkSeconds += part;
    left -= part;
    seconds -= part;
    if (left > 0)
      return;
    arrive();
  }
}

bool Store::startGuess() {
  if (queue.empty())
    return false;
  ExpertKey key = queue.front();
  if (!hasRoom(layerOf(key)) && !evict(key, true, false))
    return false;
  queue.pop_front();
  enter(key, true);
  experts[key].place = Place::Reading;
  reading = key;
  left = options.readSeconds;
  ++result.guessesRead, ++result.layerGuessesRead[layerOf(key)];
  return true;
}

void Store::arrive() {
  experts[reading].place = Place::Resident;
  reading = -1;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

bool Store::hasRoom(int64_t layer) const {
  return options.partition.empty() ? used < options.capacity
                                   : entries[layer] < options.partition[layer];
}

/// What is wanted stays, and a guess makes nobody leave who is expected. Of a
/// partition, each layer has its own.
bool Store::evict(ExpertKey key, bool forGuess, bool mayTakeExpected) {
  int64_t layer = layerOf(key);
  ExpertKey victim = policy->victim([&](ExpertKey other) {
    const Expert &state = experts[other];
    if (state.place != Place::Resident || state.isPinned ||
        (!options.partition.empty() && layerOf(other) != layer))
      return false;
    return mayTakeExpected ||
           !(state.isExpected && (forGuess || state.isGuess));
  });
  if (victim < 0)
    return false;
  leave(victim);
  return true;
}

/// For an expert that is wanted.
void Store::makeRoom(ExpertKey key) {
  if (hasRoom(layerOf(key)) || evict(key, false, false) ||
      evict(key, false, true))
    return;
  if (reading >= 0)
    leave(reading);
  if (hasRoom(layerOf(key)))
    return;
  // The layer wants more than fits: it computes with those that are there, and
  // lets them go.
  for (ExpertKey other : pinned)
    experts[other].isPinned = false;
  pinned.clear();
  bool found = evict(key, false, true);
  assert(found && "an entry of the layer is free or may leave");
  (void)found;
}

void Store::enter(ExpertKey key, bool isGuess) {
  policy->insert(key, isGuess);
  experts[key].isGuess = isGuess;
  ++used, ++entries[layerOf(key)];
  ++result.reads;
}

void Store::leave(ExpertKey key) {
  policy->remove(key);
  experts[key].place = Place::Absent;
  experts[key].isGuess = false;
  --used, --entries[layerOf(key)];
  if (key == reading)
    reading = -1;
}

Expected<CacheSimulationResult>
moe::simulateCache(const RoutingTrace &trace,
                   const CacheSimulationOptions &options) {
  Expected<const moert::CachePolicyInfo *> policy = check(trace, options);
  if (!policy)
    return policy.takeError();
  return Store(trace, options, **policy).run();
}
