//===- Perplexity.cpp - how well a model predicts a text ------------------===//
#include "Perplexity.h"
#include "Interrupt.h"
#include "LogitsFile.h"
#include "Modes.h"
#include "Setup.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

using namespace moert::cli;

//===-- WindowScorer ------------------------------------------------------===//

WindowScorer::WindowScorer(Forward forward, int64_t vocabulary,
                           int64_t batchRows, int64_t window,
                           std::string origin, int32_t exits)
    : forward(std::move(forward)), vocabulary(vocabulary),
      batchRows(std::min(batchRows, mostLogitRows(vocabulary))), window(window),
      sequences(sequencesFor(batchRows, window)), origin(std::move(origin)),
      batch(vocabulary, exits) {}

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
    if (batch.layersOf(row) < 0)
      fail(origin, "the row behind token ", scored, " of the text waits behind ",
           -batch.layersOf(row), " layers that was to have logits");
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
  reference(batch, referenceLogits);
  for (int64_t row = 0; row < batch.rows(); ++row)
    if (!comparison.add(referenceLogits.data() + row * vocabulary,
                        batch.logitsOf(row), vocabulary))
      fail(referenceOrigin, "the logits behind token ", comparison.rows,
           " of the text are not numbers");
}

void WindowScorer::run(const std::vector<int32_t> &ids) {
  for (;;) {
    gather(ids);
    if (batch.rows() == 0 || interrupted())
      return;
    batch.run(forward);
    score();
    if (onBatch)
      onBatch(batch);
    if (onLogits)
      onLogits(batch.logitsOf(0), batch.rows());
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

/// The text of --perplexity, as the module reads it.
struct ScoredText {
  std::string bytes;
  std::vector<int32_t> ids;
  int64_t window;
  LogitsFacts facts;
};

/// What --reference or --kl-reference names.
class Reference {
public:
  virtual ~Reference() = default;
  /// Makes room for running it, if it runs.
  virtual void start(int64_t capacity, int64_t sequences) = 0;
  /// Fills in the logits of the rows of a batch.
  virtual void read(const RowBatch &batch, std::vector<float> &logits) = 0;
  virtual const std::string &origin() const = 0;
};

/// A module that runs on the same windows, every token through all layers.
class ReferenceModule : public Reference {
public:
  ReferenceModule(const Setup &setup, const ScoredText &text)
      : module(setup.options.reference, setup.purpose()), setup(setup) {
    if (module.info.vocabulary != setup.module.info.vocabulary)
      fail(module.path, "has a vocabulary of ", module.info.vocabulary,
           ", the module to compare has ", setup.module.info.vocabulary);
    if (module.info.context < text.window)
      fail(module.path, "has room for ", module.info.context,
           " positions, the window has ", text.window);
    if (module.encode(text.bytes, false) != text.ids)
      fail(module.path, "has another tokenizer than ", setup.module.path);
  }
  void start(int64_t capacity, int64_t sequences) override {
    SessionOptions wanted;
    wanted.threads = setup.options.threads;
    wanted.context = capacity;
    wanted.sequences = sequences;
    session.emplace(module, wanted);
  }
  void read(const RowBatch &batch, std::vector<float> &logits) override {
    batch.runWhole([this](const moert_batch_t &b) { session->forward(b); },
                   logits);
  }
  const std::string &origin() const override { return module.path; }

private:
  Module module;
  const Setup &setup;
  std::optional<Session> session;
};

/// Logits that another run saved.
class ReferenceFile : public Reference {
public:
  ReferenceFile(const std::string &path, const LogitsFacts &facts)
      : reader(path, facts) {}
  void start(int64_t, int64_t) override {}
  void read(const RowBatch &batch, std::vector<float> &logits) override {
    reader.read(batch.rows(), logits);
  }
  const std::string &origin() const override { return reader.path; }

private:
  LogitsReader reader;
};

} // namespace

static std::unique_ptr<Reference> makeReference(const Setup &setup,
                                                const ScoredText &text) {
  if (!setup.options.reference.empty())
    return std::make_unique<ReferenceModule>(setup, text);
  if (!setup.options.klReference.empty())
    return std::make_unique<ReferenceFile>(setup.options.klReference,
                                           text.facts);
  return nullptr;
}

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
  if (result.contains("average_layers_with_heads")) {
    std::snprintf(text, sizeof(text),
                  "average layers %.2f, %.2f with the heads of exits\n",
                  result["average_layers"].get<double>(),
                  result["average_layers_with_heads"].get<double>());
    writeOut(text);
  }
  if (!scorer.reference)
    return;
  std::snprintf(text, sizeof(text),
                "kl divergence %.6f (standard error %.6f) nats per token, same "
                "likeliest token %.2f %%\n",
                scorer.comparison.meanKlDivergence,
                scorer.comparison.standardError(),
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
    result["kl_divergence"] = scorer.comparison.meanKlDivergence;
    result["kl_divergence_standard_error"] = scorer.comparison.standardError();
    result["top1_agreement"] = double(scorer.comparison.sameLikeliest) / scored;
  }
  return result;
}

static ScoredText readText(const Setup &setup) {
  ScoredText text;
  text.window = windowOf(setup);
  text.bytes = readFile(setup.options.perplexityFile);
  text.ids = setup.module.encode(text.bytes, false);
  checkIds(text.ids, setup);
  text.facts = LogitsFacts(text.ids, text.window, setup.module.info.vocabulary);
  return text;
}

int moert::cli::perplexity(const Options &options) {
  Setup setup(options);
  const ScoredText text = readText(setup);
  std::unique_ptr<Reference> reference = makeReference(setup, text);
  std::optional<LogitsWriter> saved;
  if (!options.saveLogits.empty())
    saved.emplace(options.saveLogits, text.facts);

  const int64_t size = int64_t(text.ids.size());
  const int64_t capacity = std::min(text.window, size);
  const int64_t sequences =
      WindowScorer::sequencesFor(mostBatchRows, text.window);
  setup.start(capacity, sequences);
  WindowScorer scorer(setup.forward(), setup.module.info.vocabulary,
                      mostBatchRows, text.window, setup.module.path,
                      setup.module.info.exits);
  if (reference) {
    reference->start(capacity, sequences);
    scorer.referenceOrigin = reference->origin();
    scorer.reference = [&](const RowBatch &batch, std::vector<float> &logits) {
      reference->read(batch, logits);
    };
  }
  if (saved)
    scorer.onLogits = [&](const float *logits, int64_t rows) {
      saved->append(logits, rows);
    };
  ExitFigures figures(setup.module.info.layers);
  uint64_t exitBytes = 0;
  if (setup.module.info.exits > 0)
    scorer.onBatch = [&](const RowBatch &batch) {
      for (int64_t i = 0; i < batch.wantedRows(); ++i) {
        figures.add(batch.layersOf(i));
        exitBytes += batch.exitBytesOf(i);
      }
    };
  Progress progress("perplexity", size);
  scorer.onProgress = [&](int64_t done) { progress.update(done); };
  Clock::time_point start = Clock::now();
  scorer.run(text.ids);
  progress.clear();

  Json result = resultOf(scorer, text.window, secondsSince(start));
  if (setup.module.info.exits > 0)
    figures.addTo(result, exitBytes, setup.module.info);
  int code = Setup::exitCode(result);
  setup.finish(result);
  // Logits of a part of the text belong to nothing that a header could name.
  if (saved && scorer.scored == text.facts.rows())
    saved->finish();
  if (options.json)
    writeJson(result);
  else if (scorer.scored > 0)
    printPerplexity(scorer, result);
  return code;
}
