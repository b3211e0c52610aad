//===- Perplexity.cpp - how well a model predicts a text ------------------===//
#include "Perplexity.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Setup.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

using namespace moert::cli;

/// log of the sum of exp; NaN if any logit is.
static double logSumOfExp(const float *logits, int64_t count) {
  // A comparison with NaN is false, so the maximum alone could hide one; the
  // sum does not.
  double largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - largest);
  return std::log(sum) + largest;
}

double moert::cli::negativeLogLikelihood(const float *logits, int64_t count,
                                         int32_t target) {
  return logSumOfExp(logits, count) - double(logits[target]);
}

double moert::cli::klDivergence(const float *reference, const float *logits,
                                int64_t count) {
  double referenceSum = logSumOfExp(reference, count);
  double sum = logSumOfExp(logits, count), divergence = 0;
  for (int64_t i = 0; i < count; ++i) {
    double expected = double(reference[i]) - referenceSum;
    double probability = std::exp(expected);
    if (probability > 0)
      divergence += probability * (expected - (double(logits[i]) - sum));
  }
  return divergence;
}

//===-- WindowScorer ------------------------------------------------------===//

WindowScorer::WindowScorer(Forward forward, int64_t vocabulary,
                           int64_t batchRows, int64_t window,
                           std::string origin)
    : forward(std::move(forward)), vocabulary(vocabulary),
      batchRows(std::min(batchRows, mostLogitRows(vocabulary))), window(window),
      sequences(sequencesFor(batchRows, window)), origin(std::move(origin)),
      batch(vocabulary) {}

int64_t WindowScorer::sequencesFor(int64_t batchRows, int64_t window) {
  // A batch may end one window, hold whole ones and begin another.
  return batchRows / (window - 1) + 2;
}

void WindowScorer::gather(const std::vector<int32_t> &ids) {
  const int64_t size = int64_t(ids.size());
  batch.clear();
  targets.clear();
  while (batch.rows() < batchRows && begin + position + 1 < size) {
    batch.add(ids[size_t(begin + position)], windows % sequences, position,
              true);
    targets.push_back(ids[size_t(begin + position + 1)]);
    // The last token of a window is predicted, and predicts nothing.
    if (++position + 1 < window && begin + position + 1 < size)
      continue;
    begin += window;
    position = 0;
    ++windows;
  }
}

void WindowScorer::score() {
  for (int64_t row = 0; row < batch.rows(); ++row) {
    int32_t target = targets[size_t(row)];
    double loss =
        negativeLogLikelihood(batch.logitsOf(row), vocabulary, target);
    if (std::isnan(loss))
      fail(origin, "the logits behind token ", scored,
           " of the text are not numbers");
    totalNegativeLogLikelihood += loss;
    ++scored;
  }
}

void WindowScorer::compare() {
  batch.run(reference, referenceLogits);
  for (int64_t row = 0; row < batch.rows(); ++row) {
    const float *logits = batch.logitsOf(row);
    const float *expected = referenceLogits.data() + row * vocabulary;
    totalKlDivergence += klDivergence(expected, logits, vocabulary);
    sameLikeliest +=
        std::max_element(logits, logits + vocabulary) - logits ==
        std::max_element(expected, expected + vocabulary) - expected;
  }
}

void WindowScorer::run(const std::vector<int32_t> &ids) {
  for (;;) {
    gather(ids);
    if (batch.rows() == 0 || interrupted())
      return;
    batch.run(forward);
    score();
    if (reference)
      compare();
    if (onProgress)
      onProgress(std::min(begin + position, int64_t(ids.size())));
  }
}

double WindowScorer::meanNegativeLogLikelihood() const {
  return totalNegativeLogLikelihood / double(scored);
}

double WindowScorer::perplexity() const {
  return std::exp(meanNegativeLogLikelihood());
}

//===-- The mode ----------------------------------------------------------===//

/// Enough for matrix-matrix kernels; more only costs memory.
static constexpr int64_t mostBatchRows = 512;

static int64_t windowOf(const Setup &setup) {
  int64_t window = setup.options.window ? setup.options.window : setup.context;
  if (window > setup.context)
    fail(setup.module.path, "--window is ", window, ", the context has ",
         setup.context);
  if (window < 2)
    fail(setup.module.path, "--window is ", window,
         " when it should be at least 2");
  return window;
}

namespace {

/// The module that --reference names, run on the same windows.
class Reference {
public:
  Reference(const Setup &setup, const std::string &text,
            const std::vector<int32_t> &ids, int64_t window)
      : module(setup.options.reference, setup.purpose()) {
    if (module.info.vocabulary != setup.module.info.vocabulary)
      fail(module.path, "has a vocabulary of ", module.info.vocabulary,
           ", the module to compare has ", setup.module.info.vocabulary);
    if (module.info.context < window)
      fail(module.path, "has room for ", module.info.context,
           " positions, the window has ", window);
    if (module.encode(text, false) != ids)
      fail(module.path, "has another tokenizer than ", setup.module.path);
  }
  Forward start(int32_t threads, int64_t capacity, int64_t sequences) {
    session.emplace(module, threads, capacity, sequences);
    return [this](const moert_batch_t &batch) { session->forward(batch); };
  }

private:
  Module module;
  std::optional<Session> session;
};

} // namespace

static void checkIds(const std::vector<int32_t> &ids, const Setup &setup) {
  if (ids.size() < 2)
    fail(setup.options.perplexityFile,
         "perplexity needs at least 2 tokens, the text has ", ids.size());
  for (int32_t id : ids)
    if (id >= setup.module.info.vocabulary)
      fail(setup.module.path, "the tokenizer gave token ", id,
           ", the vocabulary has ", setup.module.info.vocabulary);
}

static void printPerplexity(const WindowScorer &scorer, const Json &result) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "perplexity %.4f over %lld tokens (%lld windows of %lld)\n",
                scorer.perplexity(), static_cast<long long>(scorer.scored),
                static_cast<long long>(scorer.windows),
                result["window_tokens"].get<long long>());
  writeOut(text);
  if (!scorer.reference)
    return;
  std::snprintf(text, sizeof(text),
                "kl divergence %.6f nats per token, same likeliest token %.2f "
                "%%\n",
                result["kl_divergence"].get<double>(),
                100 * result["top1_agreement"].get<double>());
  writeOut(text);
}

static Json resultOf(const WindowScorer &scorer, int64_t window,
                     double seconds) {
  const double scored = double(scorer.scored);
  Json result = {
      {"perplexity", scorer.perplexity()},
      {"tokens", scorer.scored},
      {"negative_log_likelihood_per_token", scorer.meanNegativeLogLikelihood()},
      {"window_tokens", window},
      {"windows", scorer.windows},
      {"tokens_per_second", scored / seconds}};
  if (scorer.reference) {
    result["kl_divergence"] = scorer.totalKlDivergence / scored;
    result["top1_agreement"] = double(scorer.sameLikeliest) / scored;
  }
  return result;
}

int moert::cli::perplexity(const Options &options) {
  Setup setup(options);
  const int64_t window = windowOf(setup);
  const std::string text = readFile(options.perplexityFile);
  std::vector<int32_t> ids = setup.module.encode(text, false);
  checkIds(ids, setup);
  std::optional<Reference> reference;
  if (!options.reference.empty())
    reference.emplace(setup, text, ids, window);

  const int64_t capacity = std::min(window, int64_t(ids.size()));
  const int64_t sequences = WindowScorer::sequencesFor(mostBatchRows, window);
  setup.start(capacity, sequences);
  WindowScorer scorer(setup.forward(), setup.module.info.vocabulary,
                      mostBatchRows, window, setup.module.path);
  if (reference)
    scorer.reference = reference->start(options.threads, capacity, sequences);
  Progress progress("perplexity", int64_t(ids.size()));
  scorer.onProgress = [&](int64_t done) { progress.update(done); };
  Clock::time_point start = Clock::now();
  scorer.run(ids);
  progress.clear();

  Json result = resultOf(scorer, window, secondsSince(start));
  int code = Setup::exitCode(result);
  setup.finish(result);
  if (options.json)
    writeJson(result);
  else if (scorer.scored > 0)
    printPerplexity(scorer, result);
  return code;
}
