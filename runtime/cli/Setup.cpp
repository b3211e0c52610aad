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
    : options(options), module(options.module, purpose()),
      context(options.context ? options.context : module.info.context) {
  checkFlags();
  if (context > module.info.context)
    fail(module.path, "--ctx-size is ", context,
         ", but the model has room for ", module.info.context, " positions");
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
  if (!options.exitFlags.empty())
    fail(module.path, options.exitFlags.front(),
         " given, but this module has no exits");
}

/// What the runtime calls the budget.
int64_t Setup::budgetBytes() const {
  const MemoryBudget &budget = options.memoryBudget;
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

/// Says before the run that its trace cannot be written behind it.
static void verifyTrace(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_other(path, ignored))
    fail(path, "cannot write: is not a regular file");
  OutputFile writable(path);
}

void Setup::start(int64_t capacity, int64_t wantedSequences) {
  if (!options.trace.empty())
    verifyTrace(options.trace);
  sequences = wantedSequences;
  SessionOptions wanted;
  wanted.threads = options.threads;
  wanted.context = capacity;
  wanted.sequences = sequences;
  wanted.memory_budget = budgetBytes();
  if (!options.cachePolicy.empty())
    wanted.cache_policy = options.cachePolicy.c_str();
  wanted.prefetch = int32_t(options.prefetch);
  running = std::make_unique<Session>(module, wanted);
  if (!options.trace.empty())
    running->startTrace();
  if (!options.recordRouting.empty())
    running->startRouting(options.recordRouting);
}

Forward Setup::forward() {
  return [session = running.get()](const moert_batch_t &batch) {
    session->forward(batch);
  };
}

Runner Setup::makeRunner() {
  Runner runner(forward(),
                {module.info.vocabulary, sequences, running->batchRows},
                module.path);
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
  result["peak_resident_bytes"] = int64_t(usage.ru_maxrss) * 1024;
  return result;
}

void Setup::finish(Json &result, const Runner *runner) {
  if (!options.trace.empty())
    running->writeTrace(options.trace);
  if (!options.recordRouting.empty())
    running->writeRouting();
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
