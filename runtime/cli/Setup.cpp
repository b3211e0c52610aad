//===- Setup.cpp - what every run of a module begins and ends with --------===//
#include "Setup.h"
#include "Interrupt.h"
#include "Output.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

using namespace moert::cli;

static_assert(int(Options::Prefetch::On) == MOERT_PREFETCH_ON &&
              int(Options::Prefetch::Off) == MOERT_PREFETCH_OFF);

Module::For Setup::purpose() const {
  return options.verify ? Module::For::Running : Module::For::RunningUnverified;
}

Setup::Setup(const Options &options)
    : options(options), module(options.module, purpose(), options.device),
      context(options.context ? options.context : module.info.context) {
  checkFlags();
  checkExitFlags();
  if (context > module.info.context)
    fail(module.path, "--ctx-size is ", context,
         ", but the module has room for ", module.info.context, " positions");
}

/// What has no meaning for this module is refused, not ignored.
void Setup::checkFlags() const {
  const bool fetches = module.info.fetched_experts > 0;
  if (!options.offloadFlags.empty() && !fetches)
    fail(module.path, options.offloadFlags.front(),
         " given, but this module has no experts that can be fetched");
  if (!options.recordRouting.empty() && !fetches)
    fail(module.path,
         "--record-routing given, but this module has no routers that can be "
         "watched");
  if (!options.guessFlags.empty() && !*module.info.predictor)
    fail(module.path, options.guessFlags.front(),
         " given, but this module does not guess experts");
}

void Setup::checkExitFlags() const {
  if (!options.exitFlags.empty() && module.info.exits == 0)
    fail(module.path, options.exitFlags.front(),
         " given, but this module has no exits");
  const int32_t drafts = options.verifyDrafts.value_or(0);
  if (drafts > 0 && !module.info.exits_park)
    fail(module.path, "--verify-drafts is ", drafts,
         ", but tokens that leave this module cannot go on: its state is ",
         module.info.exit_state);
  if (dropsCertificate())
    std::fprintf(stderr,
                 "warning: %s: %s given, so the certificate of its exits no "
                 "longer holds\n",
                 module.path.c_str(),
                 options.exitThreshold          ? "--exit-threshold"
                 : !options.exitReplay.empty() ? "--exit-replay"
                                               : "--temp");
}

//===-- Exits -------------------------------------------------------------===//

/// It is about these thresholds, and about the likeliest tokens.
bool Setup::dropsCertificate() const {
  return module.info.exits_calibrated && !options.noExit &&
         (options.exitThreshold || !options.exitReplay.empty() ||
          options.temperature > 0);
}

/// Null if it does not hold.
Json Setup::certificate() const {
  if (dropsCertificate())
    return Json();
  char *made = nullptr;
  check(moert_module_describe(module.get(), &made), module.path);
  Text description(made);
  Json json = Json::parse(description.get(), nullptr,
                          /*allow_exceptions=*/false);
  const Json::json_pointer where("/exits/certificate");
  return json.is_object() && json.contains(where) ? json[where] : Json();
}

bool Setup::checksDrafts() const {
  return module.info.exits_park && !options.noExit &&
         options.verifyDrafts.value_or(
             std::string_view(module.info.exit_state) == "verify") > 0;
}

/// What is checked gives what the full model gives, so a text that is only read
/// is read by the full model.
ExitChoice Setup::exitChoice() const {
  const bool reads = options.mode == Mode::Perplexity;
  return {options.noExit || (reads && checksDrafts()), options.exitThreshold};
}

RowBatch Setup::makeBatch(bool whole) const {
  RowBatch batch(module.info.vocabulary, module.info.exits);
  batch.wholeDistributions = whole;
  return batch;
}

//===-- Sessions ----------------------------------------------------------===//

/// What the runtime calls the budget.
int64_t Setup::budgetBytes(const MemoryBudget &budget) const {
  const double all = double(module.info.fetched_experts) *
                     double(module.info.fetched_expert_bytes);
  switch (budget.kind) {
  case MemoryBudget::Auto:
    return MOERT_BUDGET_AUTO;
  case MemoryBudget::All:
    return MOERT_BUDGET_ALL;
  case MemoryBudget::Bytes:
    return budget.bytes;
  case MemoryBudget::Percent:
    return std::max(int64_t(all * budget.percent / 100), int64_t(1));
  }
  return MOERT_BUDGET_AUTO;
}

/// Says before the run that a file cannot be written behind it.
static void verifyWritable(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_other(path, ignored))
    fail(path, "cannot write: is not a regular file");
  OutputFile writable(path);
}

void Setup::makeSession(const ExitChoice &choice) {
  SessionOptions wanted;
  wanted.threads = options.threads;
  wanted.context = capacity;
  wanted.sequences = sequences;
  wanted.exact = options.exact;
  if (!options.device.empty())
    wanted.driver = options.device.c_str();
  wanted.memory_budget = budgetBytes(options.memoryBudget);
  wanted.device_memory = budgetBytes(options.deviceMemory);
  if (!options.cachePolicy.empty())
    wanted.cache_policy = options.cachePolicy.c_str();
  wanted.prefetch = int32_t(options.prefetch);
  wanted.exits = choice.off ? MOERT_EXITS_OFF : MOERT_EXITS_ON;
  if (choice.threshold)
    wanted.exit_threshold = *choice.threshold;
  drafting.reset();
  running.reset(); // first: two may not fit into memory
  running = std::make_unique<Session>(module, wanted);
}

void Setup::start(int64_t wantedCapacity, int64_t wantedSequences) {
  for (const std::string &file : {options.trace, options.exitReport})
    if (!file.empty())
      verifyWritable(file);
  if (!options.exitReplay.empty())
    replayed.emplace(readFile(options.exitReplay), options.exitReplay,
                     module.info.layers);
  capacity = wantedCapacity;
  sequences = wantedSequences;
  makeSession(exitChoice());
  if (!options.trace.empty())
    running->startTrace();
  if (!options.recordRouting.empty())
    running->startRouting(options.recordRouting);
}

void Setup::restart(const ExitChoice &choice) { makeSession(choice); }

Forward Setup::forward() {
  return [session = running.get()](const moert_batch_t &batch) {
    session->forward(batch);
  };
}

/// Checks of more drafts at once save more, but more drafts are thrown away.
static constexpr int32_t usualDrafts = 4;

Runner Setup::makeRunner() {
  ExitUse exits;
  exits.layers = module.info.layers;
  exits.exits = module.info.exits;
  exits.wholeDistributions = options.temperature > 0 || !options.logits.empty();
  exits.checks = checksDrafts();
  exits.drafts = options.verifyDrafts.value_or(usualDrafts);
  exits.measuresDrafts = exits.checks && !options.verifyDrafts;
  if (!drafting)
    drafting = std::make_shared<DraftSwitch>(exits.measuresDrafts);
  exits.drafting = drafting;
  if (replay())
    exits.leaveAfter = [this](size_t i, size_t j) {
      return replay()->leaveAfter(i, j);
    };
  Runner runner(forward(),
                {module.info.vocabulary, sequences, running->batchRows},
                module.path, exits);
  if (!options.ignoreEos)
    runner.isEos = [this](int32_t token) { return module.isEos(token); };
  return runner;
}

Sampler Setup::makeSampler() const {
  moert_sampler_options_t wanted;
  moert_sampler_options_init(&wanted);
  wanted.temperature = options.temperature;
  wanted.top_k = options.topK;
  wanted.top_p = options.topP;
  wanted.seed = options.seed;
  moert_sampler_t *sampler = nullptr;
  check(moert_sampler_create(&wanted, &sampler), commandLine);
  return Sampler(sampler);
}

void moert::cli::addDevice(Json &result, const Session &session) {
  const moert_session_stats_t stats = session.stats();
  if (stats.device_rows == 0)
    return;
  const double perToken =
      double(stats.device_cycles) / double(stats.device_rows);
  result["predicted_cycles"] = stats.predicted_cycles;
  result["simulated_cycles"] = stats.device_cycles;
  result["cycles_per_token"] = perToken;
  result["device_decode_tokens_per_second"] = stats.device_clock_hz / perToken;
}

/// Which share of the time each kind of unit was at work.
static void addUnits(Json &result, const moert_session_stats_t &stats) {
  for (int64_t i = 0; i < stats.device_unit_count; ++i) {
    const moert_session_unit_t &unit = stats.device_units[i];
    result[std::string(unit.name) + "_share"] =
        double(unit.busy_cycles) / double(unit.available_cycles);
  }
}

Json moert::cli::statsOf(const Session &session, const Runner *runner) {
  moert_session_stats_t stats = session.stats();
  Json result = Json::object();
  if (runner) {
    result["prefill_tokens"] = runner->prefill.tokens;
    result["prefill_seconds"] = runner->prefill.seconds;
    result["decode_tokens"] = runner->decode.tokens;
    result["decode_seconds"] = runner->decode.seconds;
  }
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  result["rows"] = stats.rows;
  result["forward_calls"] = stats.forward_calls;
  result["forward_seconds"] = stats.forward_seconds;
  result["threads"] = session.threads();
  result["weight_bytes"] = stats.weight_bytes;
  result["kv_bytes"] = stats.kv_bytes;
  result["workspace_bytes"] = stats.workspace_bytes;
  if (session.module.info.exits > 0) {
    result["exit_tokens"] = stats.exit_tokens;
    result["exit_layers"] = stats.exit_layers;
    result["exit_checks"] = stats.exit_checks;
    result["exit_counts"] = session.exitCounts();
    result["exit_certain"] = stats.exit_certain;
    result["exit_unsure"] = stats.exit_unsure;
    result["exit_bytes"] = stats.exit_bytes;
    result["rows_resumed"] = stats.rows_resumed;
  }
  if (runner && runner->checksDrafts()) {
    result["drafts"] = runner->draftsMade;
    result["drafts_accepted"] = runner->draftsAccepted;
    result["draft_checks"] = runner->draftChecks;
    result["drafts_stopped"] = runner->draftsStopped();
  }
  if (stats.expert_capacity > 0) {
    result["expert_capacity"] = stats.expert_capacity;
    result["expert_bytes"] = stats.expert_bytes;
    result["expert_hits"] = stats.expert_hits;
    result["expert_misses"] = stats.expert_misses;
    result["prefetch_useful"] = stats.prefetch_useful;
    result["prefetch_wasted"] = stats.prefetch_wasted;
    result["prefetch_stopped"] = stats.prefetch_stopped != 0;
    result["bytes_read"] = stats.bytes_read;
    result["stall_seconds"] = stats.stall_seconds;
    result["link_seconds"] = stats.link_seconds;
    result["expert_reader"] = stats.expert_reader;
  }
  if (stats.device_weight_bytes > 0)
    result["device_weight_bytes"] = stats.device_weight_bytes;
  if (stats.device_expert_capacity > 0) {
    result["device_expert_capacity"] = stats.device_expert_capacity;
    result["device_expert_hits"] = stats.device_expert_hits;
    result["device_expert_misses"] = stats.device_expert_misses;
    result["device_expert_bytes"] = stats.device_expert_bytes;
    result["device_prefetch_useful"] = stats.device_prefetch_useful;
    result["device_prefetch_wasted"] = stats.device_prefetch_wasted;
  }
  if (stats.device_rows > 0) {
    result["device_clock_hz"] = stats.device_clock_hz;
    result["device_rows"] = stats.device_rows;
    addDevice(result, session);
    addUnits(result, stats);
  }
  result["peak_resident_bytes"] = int64_t(usage.ru_maxrss) * 1024;
  return result;
}

void Setup::finish(Json &result, const Runner *runner) {
  if (!options.trace.empty())
    running->writeTrace(options.trace);
  if (!options.recordRouting.empty())
    running->writeRouting();
  if (module.info.exits_calibrated && !options.noExit)
    result["certificate"] = certificate();
  if (!options.stats)
    return;
  Json stats = statsOf(*running, runner);
  if (options.json) {
    result["stats"] = stats;
    return;
  }
  for (const auto &[name, value] : stats.items())
    std::fprintf(stderr, "%-20s %s\n", name.c_str(), value.dump().c_str());
}

int Setup::exitCode(Json &result) {
  if (!interrupted())
    return 0;
  result["interrupted"] = true;
  return interruptedExitCode();
}
