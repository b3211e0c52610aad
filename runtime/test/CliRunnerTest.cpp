//===- CliRunnerTest.cpp - batching, scoring and judging on a toy model ---===//
#include "Bench.h"
#include "Evaluate.h"
#include "ExitSweep.h"
#include "Perplexity.h"
#include "Runner.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

using namespace moert::cli;
using testing::ElementsAre;

namespace {

constexpr int64_t vocabulary = 11;

/// A language whose next token is the sum of all tokens so far; checks that
/// batches keep the rules of moert_session_forward.
class ToyModel {
public:
  explicit ToyModel(int64_t sequences) : histories(size_t(sequences)) {}

  void forward(const moert_batch_t &batch) {
    ++calls;
    mostRows = std::max(mostRows, batch.rows);
    int64_t wanted = 0;
    for (int64_t row = 0; row < batch.rows; ++row) {
      ASSERT_GE(batch.sequences[row], 0);
      ASSERT_LT(size_t(batch.sequences[row]), histories.size());
      auto &history = histories[size_t(batch.sequences[row])];
      ASSERT_LE(size_t(batch.positions[row]), history.size());
      history.resize(size_t(batch.positions[row]));
      history.push_back(batch.tokens[row]);
      if (wanted < batch.wanted_rows && batch.wanted[wanted] == row)
        answer(history, batch.logits + vocabulary * wanted++);
    }
    EXPECT_EQ(wanted, batch.wanted_rows);
  }

  Forward function() {
    return [this](const moert_batch_t &batch) { forward(batch); };
  }

  int64_t calls = 0, mostRows = 0;

private:
  static void answer(const std::vector<int32_t> &history, float *logits) {
    int64_t sum = 0;
    for (int32_t token : history)
      sum += token;
    for (int64_t i = 0; i < vocabulary; ++i)
      logits[i] = i == sum % vocabulary ? 3.0f : 0.0f;
  }
  std::vector<std::vector<int32_t>> histories;
};

std::vector<int32_t> expected(std::vector<int32_t> history, int64_t count) {
  std::vector<int32_t> result;
  for (int64_t i = 0; i < count; ++i) {
    int64_t sum = 0;
    for (int32_t token : history)
      sum += token;
    history.push_back(int32_t(sum % vocabulary));
    result.push_back(history.back());
  }
  return result;
}

Request request(std::vector<int32_t> prompt, int64_t most,
                float temperature = 0) {
  Request result;
  result.prompt = std::move(prompt);
  result.most = most;
  moert_sampler_options_t options;
  moert_sampler_options_init(&options);
  options.temperature = temperature;
  moert_sampler_t *sampler = nullptr;
  check(moert_sampler_create(&options, &sampler), "sampler");
  result.sampler.reset(sampler);
  return result;
}

TEST(CliRunner, TogetherEqualsAlone) {
  for (int64_t slots : {1, 2, 3, 8})
    for (int64_t batchRows : {1, 2, 5, 512}) {
      ToyModel model(slots);
      std::vector<Request> requests;
      requests.push_back(request({1, 2, 3, 4, 5, 6, 7}, 5));
      requests.push_back(request({4}, 1));
      requests.push_back(request({9, 9}, 12));
      requests.push_back(request({3, 1, 4, 1, 5}, 0));
      requests.push_back(request({2, 6}, 7));
      Runner runner(model.function(), {vocabulary, slots, batchRows}, "toy");
      runner.run(requests);
      for (const Request &done : requests) {
        EXPECT_EQ(done.tokens, expected(done.prompt, done.most));
        EXPECT_EQ(done.stop, Stop::Length);
      }
      EXPECT_LE(model.mostRows, batchRows);
      EXPECT_EQ(runner.requestsDone, 5);
    }
}

TEST(CliRunner, PrefillsTogetherThenDecodesTogether) {
  ToyModel model(2);
  std::vector<Request> requests;
  requests.push_back(request({1, 2, 3}, 4));
  requests.push_back(request({5, 6}, 4));
  Runner runner(model.function(), {vocabulary, 2, 512}, "toy");
  runner.run(requests);
  EXPECT_EQ(model.calls, 4); // the prompts, then three tokens each
  EXPECT_EQ(runner.prefill.tokens, 5);
  EXPECT_EQ(runner.decode.tokens, 6);
}

TEST(CliRunner, StopsAtTheEndOfText) {
  ToyModel model(1);
  std::vector<Request> requests;
  requests.push_back(request({1, 2}, 20)); // 3, 6, 1, 2, 4, 8, ...
  std::vector<int32_t> seen;
  size_t ended = 0;
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy");
  runner.isEos = [](int32_t token) { return token == 1; };
  runner.onToken = [&](size_t, int32_t token) {
    seen.push_back(token);
    return true;
  };
  runner.onEnd = [&](size_t) { ++ended; };
  runner.run(requests);
  EXPECT_THAT(requests[0].tokens, ElementsAre(3, 6, 1));
  EXPECT_THAT(seen, ElementsAre(3, 6));
  EXPECT_EQ(requests[0].stop, Stop::EndOfText);
  EXPECT_EQ(ended, 1u);
}

TEST(CliRunner, StopsWhenTheCallerSaysSo) {
  ToyModel model(1);
  std::vector<Request> requests;
  requests.push_back(request({1, 2}, 20));
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy");
  runner.onToken = [](size_t, int32_t token) { return token != 6; };
  runner.run(requests);
  EXPECT_THAT(requests[0].tokens, ElementsAre(3, 6));
  EXPECT_EQ(requests[0].stop, Stop::Caller);
}

TEST(CliRunner, HandsOutTheLogitsOfThePrompt) {
  ToyModel model(1);
  std::vector<Request> requests;
  requests.push_back(request({1, 2, 3, 4}, 2));
  std::vector<int32_t> likeliest;
  Runner runner(model.function(), {vocabulary, 1, 3}, "toy");
  runner.onPromptLogits = [&](size_t, const float *row) {
    likeliest.push_back(int32_t(std::max_element(row, row + vocabulary) - row));
  };
  runner.run(requests);
  EXPECT_THAT(likeliest, ElementsAre(1, 3, 6, 10));
  EXPECT_THAT(requests[0].tokens, ElementsAre(10, 9));
}

/// A text is judged token by token: another one spoils nothing behind it.
TEST(CliRunner, AgreementIsAfterTheSameText) {
  ToyModel model(2);
  std::vector<Request> requests;
  requests.push_back(request({1, 2, 3}, 4));
  requests.push_back(request({4}, 0));
  requests.push_back(request({5}, 2));
  Runner full(model.function(), {vocabulary, 2, 2}, "toy");
  TaskScore score = agreement(full, requests, {{6, 2, 3, 6}, {}, {5, 9}});
  EXPECT_EQ(score.right, 4); // not 2 after 1 2 3 6, nor 9 after 5 5
  EXPECT_EQ(score.total, 6);
}

TEST(CliRunner, AgreementDrawsAsTheTextDid) {
  std::vector<Request> requests;
  for (int32_t first : {1, 2, 3})
    requests.push_back(request({first, 7}, 20, /*temperature=*/2));
  ToyModel model(2);
  Runner(model.function(), {vocabulary, 2, 8}, "toy").run(requests);
  std::vector<std::vector<int32_t>> tokens;
  for (const Request &request : requests)
    tokens.push_back(request.tokens);
  Runner full(model.function(), {vocabulary, 2, 8}, "toy");
  EXPECT_EQ(agreement(full, requests, tokens).right, 60);
}

TEST(CliRunner, LogitsThatAreNotNumbersEndTheRun) {
  std::vector<Request> requests;
  requests.push_back(request({1}, 2));
  Runner runner(
      [](const moert_batch_t &batch) {
        std::fill_n(batch.logits, batch.wanted_rows * vocabulary, NAN);
      },
      {vocabulary, 1, 512}, "toy.moe");
  try {
    runner.run(requests);
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_STREQ(failure.what(),
                 "toy.moe: the logit of token 0 of 11 is not a number");
  }
}

//===-- Perplexity --------------------------------------------------------===//

TEST(CliPerplexity, LossIsExact) {
  float equal[] = {2, 2, 2, 2};
  EXPECT_NEAR(negativeLogLikelihood(equal, 4, 1), std::log(4.0), 1e-15);
  float huge[] = {1000, 1001, -3e38f};
  EXPECT_NEAR(negativeLogLikelihood(huge, 3, 0), std::log1p(std::exp(1.0)),
              1e-12);
  EXPECT_NEAR(negativeLogLikelihood(huge, 3, 1), std::log1p(std::exp(-1.0)),
              1e-12);
  float broken[] = {1, NAN, 2};
  EXPECT_TRUE(std::isnan(negativeLogLikelihood(broken, 3, 0)));
  broken[1] = INFINITY;
  EXPECT_TRUE(std::isnan(negativeLogLikelihood(broken, 3, 0)));
}

/// The toy model predicts right with logit 3 of 11, so the loss of a token only
/// depends on whether it is the sum of those before it in its window.
double expectedLoss(const std::vector<int32_t> &ids, int64_t window) {
  double total = 0;
  const double norm = std::log(std::exp(3.0) + vocabulary - 1);
  for (size_t i = 0; i < ids.size(); ++i) {
    int64_t sum = 0;
    size_t begin = i / size_t(window) * size_t(window);
    for (size_t j = begin; j < i; ++j)
      sum += ids[j];
    if (i > begin)
      total += norm - (ids[i] == sum % vocabulary ? 3 : 0);
  }
  return total;
}

TEST(CliPerplexity, WindowsDoNotOverlapInAnyBatch) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 101; ++i)
    ids.push_back(i % 3 ? i % vocabulary : (i * i) % vocabulary);
  for (int64_t window : {2, 3, 7, 10, 100, 1000})
    for (int64_t rows : {1, 4, 32, 512}) {
      ToyModel model(WindowScorer::sequencesFor(rows, window));
      WindowScorer scorer(model.function(), vocabulary, rows, window, "toy");
      int64_t last = 0;
      scorer.onProgress = [&](int64_t done) {
        EXPECT_GE(done, last);
        last = done;
      };
      scorer.run(ids);
      int64_t full = 101 / window, rest = 101 % window;
      EXPECT_EQ(scorer.scored,
                full * (window - 1) + std::max<int64_t>(rest - 1, 0));
      EXPECT_EQ(scorer.windows, full + (rest > 1));
      EXPECT_NEAR(scorer.totalNegativeLogLikelihood, expectedLoss(ids, window),
                  1e-9);
      EXPECT_LE(model.mostRows, rows);
    }
}

TEST(CliPerplexity, RefusesLogitsThatAreNotNumbers) {
  WindowScorer scorer(
      [](const moert_batch_t &batch) {
        std::fill_n(batch.logits, batch.wanted_rows * vocabulary, NAN);
      },
      vocabulary, 512, 4, "toy.moe");
  EXPECT_THROW(scorer.run({1, 2, 3}), Failure);
}

TEST(CliPerplexity, RefusesRowsWithoutLogits) {
  WindowScorer scorer(
      [](const moert_batch_t &batch) {
        std::fill_n(batch.logits, batch.wanted_rows * vocabulary, 0.0f);
        std::fill_n(batch.layers_run, batch.wanted_rows, 2);
        batch.layers_run[1] = -1;
      },
      vocabulary, 512, 4, "toy.moe", /*exits=*/1);
  try {
    scorer.run({1, 2, 3});
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_STREQ(failure.what(),
                 "toy.moe: the row behind token 1 of the text waits behind 1 "
                 "layers that was to have logits");
  }
}

TEST(CliPerplexity, KlDivergenceIsExact) {
  float equal[] = {1, 1}, skewed[] = {0, float(std::log(3.0))};
  EXPECT_NEAR(klDivergence(equal, equal, 2), 0, 1e-15);
  // 1/2 log(1/2 / 1/4) + 1/2 log(1/2 / 3/4)
  EXPECT_NEAR(klDivergence(equal, skewed, 2), 0.5 * std::log(4.0 / 3), 1e-7);
  EXPECT_NEAR(klDivergence(skewed, equal, 2),
              0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-7);
  float never[] = {-INFINITY, 0};
  EXPECT_NEAR(klDivergence(never, equal, 2), std::log(2.0), 1e-15);
}

TEST(CliPerplexity, ComparesWithAReference) {
  std::vector<int32_t> ids = {1, 2, 3, 6, 1, 5, 7};
  for (bool same : {true, false}) {
    ToyModel model(8), reference(8);
    WindowScorer scorer(model.function(), vocabulary, 4, 4, "toy");
    scorer.reference = [&](const RowBatch &batch, std::vector<float> &logits) {
      batch.runWhole(reference.function(), logits);
      if (!same) // one token of the first batch thinks otherwise
        logits[0] += reference.calls == 1 ? 10 : 0;
    };
    scorer.run(ids);
    EXPECT_EQ(scorer.scored, 5);
    EXPECT_EQ(scorer.comparison.rows, 5);
    EXPECT_EQ(scorer.comparison.sameLikeliest, same ? 5 : 4);
    if (same)
      EXPECT_NEAR(scorer.comparison.meanKlDivergence, 0, 1e-12);
    else
      EXPECT_GT(scorer.comparison.meanKlDivergence, 0.2);
  }
}

TEST(CliPerplexity, RefusesAReferenceThatIsNotNumbers) {
  ToyModel model(8);
  WindowScorer scorer(model.function(), vocabulary, 4, 4, "toy");
  scorer.referenceOrigin = "saved.npy";
  scorer.reference = [&](const RowBatch &batch, std::vector<float> &logits) {
    logits.assign(size_t(batch.rows() * vocabulary), 0);
    logits[size_t(vocabulary)] = NAN;
  };
  try {
    scorer.run({1, 2, 3, 6});
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_STREQ(failure.what(), "saved.npy: the logits behind token 1 of the "
                                 "text are not numbers");
  }
}

TEST(CliPerplexity, HandsOutLogitsInTheOrderOfTheText) {
  std::vector<int32_t> ids = {1, 2, 3, 6, 1, 5, 7, 0, 2};
  std::vector<float> all[2];
  for (int64_t rows : {2, 512}) {
    ToyModel model(WindowScorer::sequencesFor(rows, 4));
    WindowScorer scorer(model.function(), vocabulary, rows, 4, "toy");
    std::vector<float> &logits = all[rows == 2];
    scorer.onLogits = [&](const float *from, int64_t count) {
      logits.insert(logits.end(), from, from + count * vocabulary);
    };
    scorer.run(ids);
    EXPECT_EQ(int64_t(logits.size()), scorer.scored * vocabulary);
  }
  EXPECT_EQ(all[0], all[1]);
}

TEST(CliPerplexity, StandardErrorIsThatOfTheMean) {
  const float equal[] = {1, 1}, skewed[] = {0, float(std::log(3.0))};
  const double one = klDivergence(equal, skewed, 2);
  Comparison comparison;
  EXPECT_TRUE(std::isnan(comparison.standardError()));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(comparison.add(equal, equal, 2));
    EXPECT_TRUE(comparison.add(equal, skewed, 2));
  }
  EXPECT_NEAR(comparison.meanKlDivergence, one / 2, 1e-15);
  // Of 0, x, 0, x: variance x^2 / 3, of the mean x^2 / 12.
  EXPECT_NEAR(comparison.standardError(), one / std::sqrt(12.0), 1e-15);
}

//===-- Evaluation --------------------------------------------------------===//

TEST(CliEvaluate, AnswerIsTheStrippedFirstLine) {
  EXPECT_EQ(answerIn(" 6\nMath"), "6");
  EXPECT_EQ(answerIn("\t in the garden \r\n"), "in the garden");
  EXPECT_EQ(answerIn("no newline"), "no newline");
  EXPECT_EQ(answerIn("\n6"), "");
  EXPECT_EQ(answerIn("   "), "");
  EXPECT_EQ(answerIn(""), "");
}

TEST(CliEvaluate, ReadsItemsAndTheirLines) {
  auto items = parseEvalFile(
      "{\"prompt\": \"a\\n\", \"answer\": \"b\", \"task\": \"t\", \"x\": 1}\r\n"
      "\n  \n"
      "{\"task\":\"u\",\"answer\":\"\",\"prompt\":\"\xc3\xa9\"}",
      "f.jsonl");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].prompt, "a\n");
  EXPECT_EQ(items[0].answer, "b");
  EXPECT_EQ(items[0].line, 1u);
  EXPECT_EQ(items[1].task, "u");
  EXPECT_EQ(items[1].prompt, "\xc3\xa9");
  EXPECT_EQ(items[1].line, 4u);
}

std::string evalFailure(const std::string &text) {
  try {
    parseEvalFile(text, "f.jsonl");
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "accepted";
}

TEST(CliEvaluate, RefusesBadLinesByNumber) {
  const std::string good =
      "{\"prompt\":\"a\",\"answer\":\"b\",\"task\":\"t\"}\n";
  EXPECT_EQ(evalFailure(good + "{\"prompt\":"),
            "f.jsonl: line 2 is not valid JSON");
  EXPECT_EQ(evalFailure(good + good + "[1]"),
            "f.jsonl: line 3 is a JSON array, an object is needed");
  EXPECT_EQ(evalFailure("{\"prompt\":\"a\",\"task\":\"t\"}"),
            "f.jsonl: line 1 has no key 'answer'");
  EXPECT_EQ(evalFailure("{\"prompt\":\"a\",\"answer\":6,\"task\":\"t\"}"),
            "f.jsonl: line 1 has a number as 'answer', a string is needed");
  EXPECT_EQ(evalFailure("{\"prompt\":\"\xff\",\"answer\":\"\",\"task\":\"\"}"),
            "f.jsonl: line 1 is not valid JSON");
  EXPECT_EQ(evalFailure("\n \n"),
            "f.jsonl: has no tasks, at least 1 is needed");
}

//===-- Benchmark figures -------------------------------------------------===//

TEST(CliBench, MedianAndRange) {
  Samples samples;
  for (double value : {3.0, 1.0, 2.0})
    samples.add(value);
  EXPECT_EQ(samples.median(), 2);
  samples.add(10);
  EXPECT_EQ(samples.median(), 2.5);
  EXPECT_EQ(samples.least(), 1);
  EXPECT_EQ(samples.most(), 10);
}

} // namespace
