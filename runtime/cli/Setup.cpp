//===- Setup.cpp - what every run of a module begins and ends with --------===//
#include "Setup.h"
#include "Interrupt.h"
#include "Output.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

using namespace moert::cli;

Module::For Setup::purpose() const {
  return options.verify ? Module::For::Running : Module::For::RunningUnverified;
}

Setup::Setup(const Options &options)
    : options(options), module(options.module, purpose()),
      context(options.context ? options.context : module.info.context) {
  if (!options.offloadFlags.empty())
    fail(module.path, options.offloadFlags.front(),
         " given, but this module has no experts on disk");
  if (!options.exitFlags.empty())
    fail(module.path, options.exitFlags.front(),
         " given, but this module has no exits");
  if (context > module.info.context)
    fail(module.path, "--ctx-size is ", context,
         ", but the model has room for ", module.info.context, " positions");
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
  running =
      std::make_unique<Session>(module, options.threads, capacity, sequences);
  if (!options.trace.empty())
    running->startTrace();
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
  result["peak_resident_bytes"] = int64_t(usage.ru_maxrss) * 1024;
  return result;
}

void Setup::finish(Json &result, const Runner *runner) {
  if (!options.trace.empty())
    running->writeTrace(options.trace);
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
