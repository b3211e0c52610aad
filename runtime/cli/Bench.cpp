//===- Bench.cpp - speed, beside what the machine could do ----------------===//
#include "Bench.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Setup.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

using namespace moert::cli;

double Samples::median() const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle]
                           : (sorted[middle - 1] + sorted[middle]) / 2;
}

uint64_t moert::cli::probeBytes() {
  uint64_t available = 0, granted = 0;
  check(moert_measure_memory(&available, &granted), "memory");
  const uint64_t most = uint64_t(1) << 30, least = uint64_t(64) << 20;
  return std::max(std::min(most, available / 4), least);
}

namespace {

/// Measures a module; every repetition measures the machine as well, so that
/// what slows the one slows the other.
class Benchmark {
public:
  explicit Benchmark(const Options &options);
  int run();

private:
  void chooseTokens();
  double prefillRate();
  double decodeRate();
  double generateRate();
  bool generates() const;
  void repeat();
  /// Whether products are sums of 8-bit integers.
  bool isCoded() const { return setup.module.info.coded_weights > 0; }
  Json report();
  void print(const Json &result) const;

  Setup setup;
  int64_t prefillTokens, decodeTokens;
  uint64_t probe;
  std::vector<int32_t> tokens, prompt;
  RowBatch batch;
  Sampler greedy;
  ExitFigures figures; ///< of decoded tokens
  uint64_t exitBytes = 0;
  Samples prefill, decode, bandwidth, peak, dotPeak;
};

} // namespace

Benchmark::Benchmark(const Options &options)
    : setup(options), prefillTokens(options.prefillTokens),
      decodeTokens(options.decodeTokens), probe(probeBytes()),
      batch(setup.makeBatch(/*whole=*/false)), greedy(setup.makeSampler()),
      figures(setup.module.info.layers) {
  if (!options.prefillGiven)
    prefillTokens = std::min(prefillTokens, setup.context);
  if (!options.decodeGiven)
    decodeTokens = std::min(decodeTokens, setup.context);
  if (prefillTokens > setup.context)
    fail(setup.module.path, "--pp is ", prefillTokens, ", the context has ",
         setup.context);
  if (decodeTokens > setup.context)
    fail(setup.module.path, "--tg is ", decodeTokens, ", the context has ",
         setup.context);
  chooseTokens();
  int64_t positions = std::max(prefillTokens, decodeTokens);
  if (generates())
    positions = std::max(positions, int64_t(prompt.size()) + decodeTokens - 1);
  setup.start(positions, 1);
}

/// Drafts of tokens that are given would be accepted by chance: such a module
/// decodes what it says itself, also where it is to be compared with itself
/// without exits.
bool Benchmark::generates() const {
  return setup.checksDrafts() ||
         std::string_view(setup.module.info.exit_state) == "verify";
}

/// What the user gave, from its start again if it is too short. Else the same
/// random tokens on every machine, so that all experts have work.
void Benchmark::chooseTokens() {
  const Options &options = setup.options;
  const int64_t vocabulary = setup.module.info.vocabulary;
  std::vector<int32_t> given;
  if (!options.tokenPrompts.empty())
    given = options.tokenPrompts.front();
  if (!options.promptFile.empty()) {
    given = setup.module.encode(readFile(options.promptFile), false);
    if (given.empty())
      fail(options.promptFile, "has 0 tokens, at least 1 is needed");
  }
  for (int32_t token : given)
    if (token >= vocabulary)
      fail(setup.module.path, "token ", token, " given, the vocabulary has ",
           vocabulary);
  std::mt19937_64 random(1);
  tokens.resize(size_t(std::max(prefillTokens, decodeTokens)));
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = given.empty() ? int32_t(random() % uint64_t(vocabulary))
                              : given[i % given.size()];
  const int64_t room = setup.context - decodeTokens + 1;
  if (given.empty())
    given.push_back(tokens.front());
  prompt.assign(given.begin(),
                given.begin() + std::min(int64_t(given.size()), room));
}

double Benchmark::prefillRate() {
  batch.clear();
  for (int64_t p = 0; p < prefillTokens; ++p)
    batch.add(tokens[size_t(p)], 0, p, p + 1 == prefillTokens);
  Clock::time_point start = Clock::now();
  batch.run(setup.forward());
  return double(prefillTokens) / secondsSince(start);
}

/// What follows the tokens that were given, or a random one.
double Benchmark::generateRate() {
  std::vector<Request> requests(1);
  requests[0].prompt = prompt;
  requests[0].most = decodeTokens;
  requests[0].sampler = setup.makeSampler();
  Runner runner = setup.makeRunner();
  runner.isEos = nullptr;
  runner.run(requests);
  figures.add(requests[0]);
  exitBytes += runner.exitBytes;
  return runner.decode.seconds > 0 ? runner.decode.perSecond() : 0;
}

/// From an empty context, one token after the other, each picked and thrown
/// away.
double Benchmark::decodeRate() {
  if (generates())
    return generateRate();
  Forward forward = setup.forward();
  Clock::time_point start = Clock::now();
  for (int64_t p = 0; p < decodeTokens; ++p) {
    batch.clear();
    batch.add(tokens[size_t(p)], 0, p, true,
              setup.replay() ? setup.replay()->leaveAfter(size_t(p))
                             : RowBatch::ByScore);
    batch.run(forward);
    if (setup.module.info.exits > 0) {
      figures.add(batch.layersOf(0));
      exitBytes += batch.exitBytesOf(0);
    }
    int32_t picked = 0;
    check(moert_sampler_pick(greedy.get(), batch.logitsOf(0),
                             setup.module.info.vocabulary, &picked),
          setup.module.path);
  }
  return double(decodeTokens) / secondsSince(start);
}

void Benchmark::repeat() {
  const int32_t threads = setup.session().threads();
  double bytesPerSecond = 0, operationsPerSecond = 0, dotsPerSecond = 0;
  check(moert_measure_read_bandwidth(threads, probe, &bytesPerSecond),
        "read bandwidth");
  double decodeRateNow = decodeRate();
  check(moert_measure_fma_peak(threads, &operationsPerSecond), "fma peak");
  if (isCoded())
    check(moert_measure_int8_peak(threads, &dotsPerSecond), "int8 peak");
  double prefillRateNow = prefillRate();
  if (interrupted())
    return; // a repetition counts whole or not at all
  bandwidth.add(bytesPerSecond);
  decode.add(decodeRateNow);
  peak.add(operationsPerSecond);
  if (isCoded())
    dotPeak.add(dotsPerSecond);
  prefill.add(prefillRateNow);
}

/// `name`, `name`_min, `name`_max; null if nothing was measured.
static void addMeasure(Json &result, const std::string &name,
                       const Samples &samples) {
  bool none = samples.empty();
  result[name] = none ? Json() : Json(samples.median());
  result[name + "_min"] = none ? Json() : Json(samples.least());
  result[name + "_max"] = none ? Json() : Json(samples.most());
}

/// How much of `limit` a rate uses, of which each token takes `perToken`; null
/// for a module that does not say.
static void addFraction(Json &result, const std::string &name,
                        const Samples &rate, double perToken,
                        const Samples &limit) {
  Samples fractions;
  if (perToken > 0)
    for (size_t i = 0; i < rate.size(); ++i)
      fractions.add(rate[i] * perToken / limit[i]);
  addMeasure(result, name, fractions);
  if (!fractions.empty()) // what a reader gets from the medians above
    result[name] = rate.median() * perToken / limit.median();
}

Json Benchmark::report() {
  const moert_module_info_t &info = setup.module.info;
  Json result = Json::object();
  addMeasure(result, "decode_tokens_per_second", decode);
  addMeasure(result, "prefill_tokens_per_second", prefill);
  addMeasure(result, "read_bandwidth_bytes_per_second", bandwidth);
  result["active_bytes_per_token"] = info.active_bytes_per_token;
  addFraction(result, "roofline_fraction", decode,
              double(info.active_bytes_per_token), bandwidth);
  result["bits_per_weight"] = info.bits_per_weight;
  addMeasure(result, "fma_peak_operations_per_second", peak);
  result["operations_per_prefill_token"] = 2 * info.macs_per_token;
  addFraction(result, "prefill_peak_fraction", prefill,
              2 * double(info.macs_per_token), peak);
  if (isCoded()) {
    addMeasure(result, "int8_peak_operations_per_second", dotPeak);
    addFraction(result, "prefill_int8_peak_fraction", prefill,
                2 * double(info.macs_per_token), dotPeak);
  }
  if (setup.module.info.exits > 0)
    figures.addTo(result, exitBytes, setup.module.info);
  result["prefill_tokens"] = prefillTokens;
  result["decode_tokens"] = decodeTokens;
  result["repetitions"] = decode.size();
  result["threads"] = setup.session().threads();
  addDevice(result, setup.session());
  return result;
}

void Benchmark::print(const Json &result) const {
  const moert_module_info_t &info = setup.module.info;
  std::string text;
  char line[256];
  std::snprintf(line, sizeof(line),
                "%s (%s) on %s, %d threads, %.2f bits per weight, median of "
                "%zu\n\n",
                info.name, info.family, info.backend,
                result["threads"].get<int>(), info.bits_per_weight,
                decode.size());
  text += line;
  text += "| measured                       |   median |      min |      max "
          "|\n| --- | ---: | ---: | ---: |\n";
  auto row = [&](const std::string &what, const std::string &key, double unit) {
    if (!result.contains(key) || result[key].is_null())
      return;
    std::snprintf(line, sizeof(line), "| %-30s | %8.2f | %8.2f | %8.2f |\n",
                  what.c_str(), result[key].get<double>() / unit,
                  result[key + "_min"].get<double>() / unit,
                  result[key + "_max"].get<double>() / unit);
    text += line;
  };
  row("prefill of " + std::to_string(prefillTokens) + ", tokens/s",
      "prefill_tokens_per_second", 1);
  row("decode of " + std::to_string(decodeTokens) + ", tokens/s",
      "decode_tokens_per_second", 1);
  row("read bandwidth, GB/s", "read_bandwidth_bytes_per_second", 1e9);
  row("FMA peak, GFLOP/s", "fma_peak_operations_per_second", 1e9);
  row("int8 peak, GOP/s", "int8_peak_operations_per_second", 1e9);
  row("decode, % of the bandwidth", "roofline_fraction", 0.01);
  row("prefill, % of the FMA peak", "prefill_peak_fraction", 0.01);
  row("prefill, % of the int8 peak", "prefill_int8_peak_fraction", 0.01);
  std::snprintf(line, sizeof(line),
                "\nA token reads %.3f MB of weights and takes %.3f MFLOP "
                "without the head.\n",
                double(info.active_bytes_per_token) / 1e6,
                2 * double(info.macs_per_token) / 1e6);
  text += line;
  if (result.contains("cycles_per_token")) {
    std::snprintf(line, sizeof(line),
                  "On the device it takes %.0f cycles: %.0f tokens/s.\n",
                  result["cycles_per_token"].get<double>(),
                  result["device_decode_tokens_per_second"].get<double>());
    text += line;
  }
  if (info.exits > 0 && !result["average_layers"].is_null()) {
    std::snprintf(line, sizeof(line),
                  "It ran through %.2f of %d layers, %.2f with the heads of "
                  "exits.\n",
                  result["average_layers"].get<double>(), info.layers,
                  result["average_layers_with_heads"].get<double>());
    text += line;
  }
  writeOut(text);
}

int Benchmark::run() {
  const Options &options = setup.options;
  Progress progress("benchmark", options.repetitions + 1);
  prefillRate(); // brings the weights and the KV state into memory
  decodeRate();
  figures = ExitFigures(setup.module.info.layers);
  exitBytes = 0;
  for (int64_t i = 0; i < options.repetitions && !interrupted(); ++i) {
    progress.update(i + 1);
    repeat();
  }
  progress.clear();
  Json result = report();
  int code = Setup::exitCode(result);
  setup.finish(result);
  if (options.json)
    writeJson(result);
  else
    print(result);
  return code;
}

int moert::cli::bench(const Options &options) {
  return Benchmark(options).run();
}
