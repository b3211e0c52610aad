//===- Perplexity.cpp - how well a model predicts a text ------------------===//
#include "Perplexity.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Setup.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace moert::cli;

double moert::cli::negativeLogLikelihood(const float *logits, int64_t count,
                                         int32_t target) {
  // A comparison with NaN is false, so the maximum alone could hide one; the
  // sum does not.
  double largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - largest);
  return std::log(sum) + largest - double(logits[target]);
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

void WindowScorer::run(const std::vector<int32_t> &ids) {
  for (;;) {
    gather(ids);
    if (batch.rows() == 0 || interrupted())
      return;
    batch.run(forward);
    score();
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
static const int64_t BatchRows = 512;

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

static void printPerplexity(const WindowScorer &scorer, int64_t window) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "perplexity %.4f over %lld tokens (%lld windows of %lld)\n",
                scorer.perplexity(), static_cast<long long>(scorer.scored),
                static_cast<long long>(scorer.windows),
                static_cast<long long>(window));
  writeOut(text);
}

int moert::cli::perplexity(const Options &options) {
  const std::string &file = options.perplexityFile;
  Setup setup(options);
  const int64_t window = windowOf(setup);
  std::vector<int32_t> ids = setup.module.encode(readFile(file), false);
  if (ids.size() < 2)
    fail(file, "perplexity needs at least 2 tokens, the text has ", ids.size());
  for (int32_t id : ids)
    if (id >= setup.module.info.vocabulary)
      fail(setup.module.path, "the tokenizer gave token ", id,
           ", the vocabulary has ", setup.module.info.vocabulary);
  const int64_t capacity = std::min(window, int64_t(ids.size()));
  setup.start(capacity, WindowScorer::sequencesFor(BatchRows, window));
  WindowScorer scorer(setup.forward(), setup.module.info.vocabulary, BatchRows,
                      window, setup.module.path);
  Progress progress("perplexity", int64_t(ids.size()));
  scorer.onProgress = [&](int64_t done) { progress.update(done); };
  Clock::time_point start = Clock::now();
  scorer.run(ids);
  progress.clear();

  Json result = {
      {"perplexity", scorer.perplexity()},
      {"tokens", scorer.scored},
      {"negative_log_likelihood_per_token", scorer.meanNegativeLogLikelihood()},
      {"window_tokens", window},
      {"windows", scorer.windows},
      {"tokens_per_second", scorer.scored / secondsSince(start)}};
  int code = Setup::exitCode(result);
  setup.finish(result);
  if (options.json)
    writeJson(result);
  else if (scorer.scored > 0)
    printPerplexity(scorer, window);
  return code;
}
