//===- CacheSimMain.cpp - the whole of moe-cache-sim ----------------------===//
//
// Partitions and predictors learn from the first half of the rows, and are
// judged by the second; where nothing learns, all rows judge.
//===----------------------------------------------------------------------===//
#include "CacheSim.h"
#include "Diagnostics.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/Registry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"

using namespace moe;
using namespace llvm;

namespace {
/// One trace, and what is known of it.
class Simulator {
public:
  Simulator(const CacheSimCommand &command, const RoutingTrace &trace)
      : command(command), trace(trace) {}

  Expected<SimulatedTrace> run();

private:
  bool isGuessing() const {
    return any_of(command.predictors,
                  [](StringRef name) { return name != "none"; });
  }
  bool isLearning() const { return command.partition || isGuessing(); }
  Error addPredictor(const std::string &name);
  Error addBudget(const CacheBudget &budget);
  Error addRun(const CacheBudget &budget, int64_t entries, StringRef policy,
               StringRef predictor, ArrayRef<int64_t> partition, double belady);
  void describe();
  Error setTimes();

  const CacheSimCommand &command;
  const RoutingTrace &trace;
  RoutingTrace learned, judged;
  /// What each predictor guesses for the rows that judge.
  std::vector<std::pair<std::string, std::vector<TraceGuesses>>> guesses;
  CacheSimulationOptions options;
  SimulatedTrace result;
};
} // namespace

/// Adds the guesses of one bin to those of another.
static void add(const CalibrationBin &bin, CalibrationBin &to) {
  to.low = bin.low;
  to.high = bin.high;
  if (bin.guesses == 0)
    return;
  double share = double(bin.guesses) / double(to.guesses + bin.guesses);
  to.confidence += share * (bin.confidence - to.confidence);
  to.share += share * (bin.share - to.share);
  to.guesses += bin.guesses;
}

/// Bins of all layers together.
static std::vector<CalibrationBin>
getCurve(ArrayRef<TraceGuesses> all, const RoutingTrace &trace, int64_t begin) {
  std::vector<CalibrationBin> sum;
  for (const TraceGuesses &guesses : all) {
    std::vector<CalibrationBin> bins =
        getCalibrationCurve(guesses, trace, begin, trace.rows.size());
    sum.resize(bins.size());
    for (size_t i = 0; i < bins.size(); ++i)
      add(bins[i], sum[i]);
  }
  return sum;
}

Error Simulator::addPredictor(const std::string &name) {
  std::unique_ptr<Predictor> predictor = getRegistry().predictors.at(name)();
  if (Error error = checkGuessesOverTrace(*predictor, trace)) {
    if (!command.areAllPredictors)
      return error;
    result.notes.push_back(name +
                           " is left out: " + toString(std::move(error)));
    return Error::success();
  }
  // Only the bound may know what it is judged by.
  int64_t fitted = predictor->isBound() ? trace.rows.size() : result.begin;
  if (Error error = predictor->fit(trace.slice(0, fitted)))
    return error;
  auto all =
      guessOverTrace(*predictor, trace, command.ahead,
                     command.count ? command.count : trace.chosen, fitted);
  if (!all)
    return all.takeError();
  if (command.calibration && !all->empty())
    result.calibrations.push_back({name, getCurve(*all, trace, result.begin)});
  for (TraceGuesses &each : *all)
    each.dropRows(result.begin);
  guesses.emplace_back(name, std::move(*all));
  return Error::success();
}

void Simulator::describe() {
  result.path = trace.path;
  result.model = trace.modelName;
  result.layers = trace.layers.size();
  result.experts = trace.experts;
  result.chosen = trace.chosen;
  result.rows = trace.rows.size();
  result.begin = isLearning() ? result.rows / 2 : 0;
  result.cycle = result.layers * trace.chosen;
  learned = trace.slice(0, result.begin);
  judged = trace.slice(result.begin, result.rows);
  for (size_t row = 0; row < judged.rows.size(); ++row)
    result.forwards +=
        row == 0 || judged.rows[row].forward != judged.rows[row - 1].forward;
}

/// A layer takes at least as long as its experts take to come from memory.
Error Simulator::setTimes() {
  if (!command.profile)
    return Error::success();
  options.readSeconds =
      command.profile->linkLatency +
      double(command.expertBytes) / command.profile->linkBandwidth;
  result.readSeconds = options.readSeconds;
  options.layerSeconds.assign(result.layers, command.layerSeconds);
  if (command.layerSeconds)
    return Error::success();
  CacheSimulationOptions everything;
  everything.capacity = result.layers * result.experts;
  auto uses = simulateCache(judged, everything);
  if (!uses)
    return uses.takeError();
  for (int64_t layer = 0; layer < result.layers; ++layer)
    options.layerSeconds[layer] =
        double(uses->layerUses[layer]) / double(result.forwards) *
        double(command.expertBytes) / command.profile->memoryBandwidth;
  return Error::success();
}

Error Simulator::addRun(const CacheBudget &budget, int64_t entries,
                        StringRef policy, StringRef predictor,
                        ArrayRef<int64_t> partition, double belady) {
  SimulatedRun run;
  run.policy = policy.str();
  run.predictor = predictor.str();
  run.budget = budget.text;
  run.entries = entries;
  run.partition = partition;
  run.beladyHitRate = belady;
  options.policy = run.policy;
  options.partition = run.partition;
  Expected<CacheSimulationResult> simulated = simulateCache(judged, options);
  if (!simulated)
    return simulated.takeError();
  run.result = std::move(*simulated);
  result.runs.push_back(std::move(run));
  return Error::success();
}

Error Simulator::addBudget(const CacheBudget &budget) {
  int64_t all = result.layers * result.experts;
  int64_t entries = budget.entries
                        ? budget.entries
                        : int64_t(double(all) * budget.percent / 100);
  entries = std::min(entries, all);
  options.capacity = entries;
  options.partition.clear();
  options.guesses = nullptr;
  options.policy = "belady";
  auto bound = simulateCache(judged, options);
  if (!bound)
    return createStringError("--budget=" + budget.text + ": " +
                             toString(bound.takeError()));
  std::vector<std::vector<int64_t>> partitions = {{}};
  if (command.partition) {
    std::vector<int64_t> shares = choosePartition(learned, entries);
    if (!shares.empty())
      partitions.push_back(std::move(shares));
    else
      result.notes.push_back("no partition of " + std::to_string(entries) +
                             " entries: one token uses " +
                             std::to_string(result.cycle) + " experts");
  }
  for (const std::string &policy : command.policies)
    for (auto &[predictor, guessed] : guesses)
      for (const std::vector<int64_t> &partition : partitions) {
        options.guesses = &guessed;
        if (Error error = addRun(budget, entries, policy, predictor, partition,
                                 bound->getHitRate()))
          return error;
      }
  return Error::success();
}

Expected<SimulatedTrace> Simulator::run() {
  describe();
  if (isLearning() && result.rows < 2)
    return createStringError("has 1 row, learning from one half and judging "
                             "by the other takes 2");
  if (isGuessing() && command.ahead >= result.layers)
    return createStringError("--ahead=" + Twine(command.ahead) +
                             ": must be below the " + Twine(result.layers) +
                             " layers with experts");
  options.ahead = command.ahead;
  options.count = command.count ? command.count : trace.chosen;
  options.threshold = command.threshold;
  for (const std::string &name : command.predictors)
    if (Error error = addPredictor(name))
      return std::move(error);
  if (Error error = setTimes())
    return std::move(error);
  for (const CacheBudget &budget : command.budgets)
    if (Error error = addBudget(budget))
      return std::move(error);
  if (command.recall) {
    RecallOptions recall;
    recall.ahead = command.ahead;
    Expected<RecallTable> table = getRecallTable(trace, recall);
    if (!table)
      return table.takeError();
    result.recall = std::move(*table);
  }
  return std::move(result);
}

Expected<SimulatedTrace> moe::simulateTrace(const CacheSimCommand &command,
                                            const std::string &path) {
  Expected<RoutingTrace> trace = RoutingTrace::read(path);
  if (!trace)
    return trace.takeError();
  Expected<SimulatedTrace> result = Simulator(command, *trace).run();
  if (result)
    return result;
  std::string what = toString(result.takeError());
  if (!StringRef(what).starts_with(path + ": "))
    what.insert(0, path + ": ");
  return createStringError(what);
}

static int fail(StringRef message) {
  errs() << "error: " << toOneLine(message) << "\n";
  return 1;
}

int moe::cacheSimMain(int argc, char **argv) {
  InitLLVM init(argc, argv);
  setBugReportMsg("This is a defect of moe-cache-sim. Please report it with "
                  "the input and the lines below.\n");
  CacheSimCommand command;
  if (Error error = parseCacheSimCommandLine(argc, argv, command))
    return fail("command line: " + toString(std::move(error)));
  std::vector<SimulatedTrace> traces;
  for (const std::string &path : command.traces) {
    Expected<SimulatedTrace> trace = simulateTrace(command, path);
    if (!trace)
      return fail(toString(trace.takeError()));
    traces.push_back(std::move(*trace));
  }
  if (command.json)
    writeSimulations(command, traces, outs());
  else
    printSimulations(command, traces, outs());
  outs().flush();
  if (!outs().has_error())
    return 0;
  std::string why = outs().error().message();
  outs().clear_error();
  return fail("standard output: " + StringRef(why).lower());
}
