//===- CliDraftTest.cpp - drafts that the full model checks ---------------===//
#include "DraftSwitch.h"
#include "Runner.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace moert::cli;
using testing::Each;
using testing::ElementsAre;

namespace {

constexpr int64_t vocabulary = 23;
constexpr int32_t layers = 6;
const std::vector<int32_t> exitLayers = {1, 3, 5};

uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t checkBytes = 1000;

using History = std::vector<int32_t>;

uint64_t hashOf(const History &history, uint64_t salt) {
  uint64_t hash = mixed(salt + 1);
  for (int32_t token : history)
    hash = mixed(hash * 31 + uint64_t(token) + 7);
  return hash;
}

/// A model whose logits and exits are drawn by lot, once for each history, and
/// that parks rows as moert.h says.
class ParkingModel {
public:
  struct Traits {
    uint64_t seed = 1;
    double leaving = 0.7;  ///< chance that a row leaves at all
    double agreeing = 0.8; ///< that it is then of the full model's opinion
  };
  ParkingModel(int64_t sequences, Traits traits)
      : traits(traits), sequences(size_t(sequences)) {}

  /// Of the token behind a history.
  std::vector<float> full(const History &history) const {
    return drawn(hashOf(history, traits.seed));
  }

  void forward(const moert_batch_t &batch) {
    ++calls;
    mostRows = std::max(mostRows, batch.rows);
    std::map<int32_t, std::vector<Row>> rows;
    int64_t wanted = 0;
    for (int64_t r = 0; r < batch.rows; ++r) {
      Row row = {batch.tokens[r], batch.positions[r], -1, 0};
      if (wanted < batch.wanted_rows && batch.wanted[wanted] == r)
        row.entry = wanted++;
      rows[batch.sequences[r]].push_back(row);
    }
    EXPECT_EQ(wanted, batch.wanted_rows);
    for (auto &[sequence, some] : rows)
      runSequence(sequences[size_t(sequence)], some, batch);
  }
  Forward function() {
    return [this](const moert_batch_t &batch) { forward(batch); };
  }

  /// Nothing waits any more; all has run through all layers.
  void forget() {
    for (Sequence &sequence : sequences)
      sequence.waiting.clear();
  }

  int64_t calls = 0, mostRows = 0, deepCalls = 0;

private:
  struct Sequence {
    History history;
    std::map<int32_t, int32_t> waiting; ///< layers, by position
  };
  struct Row {
    int32_t token, position;
    int64_t entry;
    int32_t depth; ///< 0: it waited
  };

  std::vector<float> drawn(uint64_t hash) const {
    std::vector<float> logits;
    for (int64_t i = 0; i < vocabulary; ++i)
      logits.push_back(float(mixed(hash + uint64_t(i)) % 1000) * 0.004f);
    return logits;
  }
  std::vector<float> early(const History &history, int32_t depth) const {
    const uint64_t hash = hashOf(history, traits.seed + 100 + uint64_t(depth));
    return chance(hash) < traits.agreeing ? full(history) : drawn(hash);
  }
  static double chance(uint64_t hash) {
    return double(mixed(hash + 99) >> 11) * 0x1p-53;
  }
  /// Where it leaves by its score.
  int32_t depthOf(const History &history) const {
    const uint64_t hash = hashOf(history, traits.seed + 50);
    return chance(hash) < traits.leaving ? exitLayers[hash % 3] : layers;
  }

  int32_t wantedDepth(const moert_batch_t &batch, const Row &row,
                      const History &history) const {
    if (row.entry < 0 || batch.exits == MOERT_EXITS_OFF)
      return layers;
    const int32_t after = batch.leave_after ? batch.leave_after[row.entry] : 0;
    if (after < 0)
      return layers;
    if (after == 0)
      return depthOf(history);
    for (int32_t exit : exitLayers)
      if (exit >= after)
        return exit;
    return layers;
  }

  void runSequence(Sequence &sequence, std::vector<Row> &rows,
                   const moert_batch_t &batch) {
    int32_t deepest = 0, last = -1;
    for (Row &row : rows) {
      EXPECT_GT(row.position, last);
      last = row.position;
      if (row.position > 0 && sequence.waiting.count(row.position) &&
          sequence.history[size_t(row.position)] == row.token)
        continue;
      // What comes behind it has attended to something else.
      sequence.waiting.erase(sequence.waiting.lower_bound(row.position),
                             sequence.waiting.end());
      ASSERT_LE(size_t(row.position), sequence.history.size());
      sequence.history.resize(size_t(row.position));
      sequence.history.push_back(row.token);
      row.depth = wantedDepth(batch, row, sequence.history);
      deepest = std::max(deepest, row.depth);
    }
    if (deepest == 0) // all wait: they run on their own
      deepest = layers;
    deepCalls += deepest == layers;
    for (auto &[position, depth] : sequence.waiting)
      depth = std::max(depth, deepest);
    for (const Row &row : rows)
      answer(sequence, row, batch, deepest);
    for (const Row &row : rows)
      if (row.depth)
        sequence.waiting[row.position] = deepest;
    std::erase_if(sequence.waiting,
                  [](const auto &one) { return one.second == layers; });
  }

  void answer(Sequence &sequence, const Row &row, const moert_batch_t &batch,
              int32_t deepest) const {
    if (row.entry < 0)
      return;
    History history(sequence.history.begin(),
                    sequence.history.begin() + row.position + 1);
    float *logits = batch.logits + row.entry * vocabulary;
    const int32_t depth = row.depth ? row.depth : deepest;
    std::vector<float> made(size_t(vocabulary), NAN);
    if (depth == layers)
      made = full(history);
    else if (row.depth)
      made = early(history, row.depth);
    std::copy(made.begin(), made.end(), logits);
    batch.layers_run[row.entry] =
        row.depth || depth == layers ? depth : -sequence.waiting[row.position];
    for (size_t e = 0; e < 3; ++e) {
      const bool asks = row.depth && exitLayers[e] <= row.depth;
      batch.exit_scores[size_t(row.entry) * 3 + e] = asks ? 0.5f : NAN;
      batch.exit_bytes[row.entry] += asks ? checkBytes : 0;
    }
  }

  Traits traits;
  std::vector<Sequence> sequences;
};

struct Sampling {
  float temperature;
  uint64_t seed;
};

Sampler samplerOf(Sampling sampling) {
  moert_sampler_options_t options;
  moert_sampler_options_init(&options);
  options.temperature = sampling.temperature;
  options.top_k = 9;
  options.top_p = 0.9f;
  options.seed = sampling.seed;
  moert_sampler_t *sampler = nullptr;
  check(moert_sampler_create(&options, &sampler), "sampler");
  return Sampler(sampler);
}

Request requestOf(History prompt, int64_t most, Sampling sampling) {
  Request result;
  result.prompt = std::move(prompt);
  result.most = most;
  result.sampler = samplerOf(sampling);
  return result;
}

/// What the full model says, one token after the other.
std::vector<int32_t> expected(const ParkingModel &model, const Request &request,
                              Sampling sampling, int32_t eos) {
  Sampler sampler = samplerOf(sampling);
  History history = request.prompt;
  std::vector<int32_t> tokens;
  while (int64_t(tokens.size()) < request.most) {
    std::vector<float> logits = model.full(history);
    int32_t token = 0;
    check(moert_sampler_pick(sampler.get(), logits.data(), vocabulary, &token),
          "sampler");
    tokens.push_back(token);
    history.push_back(token);
    if (token == eos)
      break;
  }
  return tokens;
}

ExitUse checking(int32_t drafts) {
  ExitUse use;
  use.layers = layers;
  use.exits = int32_t(exitLayers.size());
  use.checks = true;
  use.drafts = drafts;
  return use;
}

/// Whatever leaves, agrees, ends or waits: every request gets the tokens of the
/// full model.
TEST(CliDrafts, TokensAreThoseOfTheFullModel) {
  std::mt19937_64 random(5);
  auto upTo = [&](uint64_t most) { return random() % (most + 1); };
  int64_t made = 0, accepted = 0, rejected = 0;
  for (int round = 0; round < 600; ++round) {
    SCOPED_TRACE(round);
    ParkingModel::Traits traits;
    traits.seed = random();
    traits.leaving = double(upTo(4)) / 4;
    traits.agreeing = double(upTo(4)) / 4;
    const int64_t slots = int64_t(1 + upTo(3));
    const int64_t batchRows = upTo(1) ? 512 : int64_t(slots + upTo(12));
    const Sampling sampling = {upTo(1) ? 0.0f : 0.8f, random()};
    const int32_t eos = upTo(1) ? int32_t(upTo(vocabulary - 1)) : -1;
    ParkingModel model(slots, traits);
    std::vector<Request> requests;
    for (uint64_t i = 0; i <= upTo(5); ++i) {
      History prompt;
      for (uint64_t j = 0; j <= upTo(9); ++j)
        prompt.push_back(int32_t(upTo(vocabulary - 1)));
      requests.push_back(requestOf(prompt, int64_t(upTo(30)), sampling));
    }
    ExitUse use = checking(int32_t(upTo(6)));
    use.measuresDrafts = upTo(3) == 0;
    if (upTo(3) == 0)
      use.leaveAfter = [](size_t i, size_t j) {
        return int32_t(1 + mixed(i * 100 + j) % layers);
      };
    Runner runner(model.function(), {vocabulary, slots, batchRows}, "toy", use);
    if (eos >= 0)
      runner.isEos = [eos](int32_t token) { return token == eos; };
    std::map<size_t, std::vector<int32_t>> shown;
    runner.onToken = [&](size_t i, int32_t token) {
      shown[i].push_back(token);
      return true;
    };
    runner.run(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      std::vector<int32_t> tokens = expected(model, requests[i], sampling, eos);
      EXPECT_EQ(requests[i].tokens, tokens);
      EXPECT_EQ(requests[i].sources.size(), tokens.size());
      const bool ends = !tokens.empty() && tokens.back() == eos;
      EXPECT_EQ(requests[i].stop, ends ? Stop::EndOfText : Stop::Length);
      if (ends)
        tokens.pop_back();
      EXPECT_EQ(shown[i], tokens);
      for (const TokenSource &source : requests[i].sources)
        EXPECT_EQ(source.layers, layers);
    }
    EXPECT_LE(model.mostRows, batchRows);
    made += runner.draftsMade;
    accepted += runner.draftsAccepted;
    rejected += runner.draftChecks;
  }
  EXPECT_GT(made, 1000);
  EXPECT_GT(accepted, made / 4);
  EXPECT_LT(accepted, made);
  EXPECT_GT(rejected, 100);
}

TEST(CliDrafts, ACallerThatHasEnoughEndsARequest) {
  ParkingModel model(1, {.seed = 3, .leaving = 1, .agreeing = 1});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2}, 20, {0, 1}));
  requests.push_back(requestOf({1, 2}, 20, {0, 1}));
  const std::vector<int32_t> tokens = expected(model, requests[0], {0, 1}, -1);
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy", checking(4));
  size_t seen = 0;
  runner.onToken = [&](size_t i, int32_t) { return i == 1 || ++seen < 3; };
  runner.run(requests);
  // Drafts behind the third token are nobody's, and the next request, with the
  // same prompt at the same positions, gets what it would get alone.
  EXPECT_EQ(requests[0].tokens,
            std::vector<int32_t>(tokens.begin(), tokens.begin() + 3));
  EXPECT_EQ(requests[0].stop, Stop::Caller);
  EXPECT_EQ(requests[1].tokens, tokens);
}

/// Five tokens take one deep call where all leave, and agree. That of the
/// prompt makes the first.
TEST(CliDrafts, ChecksAreShared) {
  ParkingModel model(1, {.seed = 3, .leaving = 1, .agreeing = 1});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2, 3}, 26, {0, 1}));
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy", checking(4));
  runner.run(requests);
  EXPECT_EQ(model.calls, 26);
  EXPECT_EQ(model.deepCalls, 1 + 5);
  EXPECT_EQ(runner.draftsMade, 20);
  EXPECT_EQ(runner.draftsAccepted, 20);
  EXPECT_EQ(runner.draftChecks, 5);
  EXPECT_EQ(runner.decode.tokens, 25);
  const TokenSource &source = requests[0].sources[1];
  EXPECT_TRUE(source.draftStayed);
  EXPECT_GT(source.draftedAfter, 0);
  EXPECT_LT(source.draftedAfter, layers);
  EXPECT_FALSE(std::isnan(source.scores[0]));
  EXPECT_EQ(requests[0].sources[0].draftedAfter, 0);
  EXPECT_EQ(requests[0].sources[5].draftedAfter, 0); // made by the deep call
}

TEST(CliDrafts, DraftsThatAreReplacedAreNotShown) {
  ParkingModel model(1, {.seed = 4, .leaving = 1, .agreeing = 0});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2, 3}, 12, {0, 1}));
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy", checking(3));
  runner.run(requests);
  EXPECT_EQ(requests[0].tokens, expected(model, requests[0], {0, 1}, -1));
  EXPECT_LT(runner.draftsAccepted, 4);
  EXPECT_GT(runner.draftsMade, 20);
  int64_t replaced = 0;
  for (const TokenSource &source : requests[0].sources)
    replaced += source.draftedAfter && !source.draftStayed;
  EXPECT_GT(replaced, 8);
}

/// Without checks a token is what the exit says, and what waits is not our
/// business.
TEST(CliDrafts, UncheckedTokensAreThoseOfTheExits) {
  ParkingModel model(2, {.seed = 5, .leaving = 1, .agreeing = 0});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2, 3}, 12, {0, 1}));
  ExitUse use = checking(4);
  use.checks = false;
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy", use);
  runner.run(requests);
  EXPECT_NE(requests[0].tokens, expected(model, requests[0], {0, 1}, -1));
  EXPECT_EQ(model.calls, 12);
  EXPECT_EQ(runner.draftsMade, 0);
  for (const TokenSource &source : requests[0].sources)
    EXPECT_THAT(exitLayers, testing::Contains(source.layers));
  EXPECT_GE(runner.exitBytes, 12 * checkBytes);
}

/// A model may forget what waits: it runs anew, and takes the newest row along,
/// which then does not wait either. That must end.
TEST(CliDrafts, RowsThatRanAlongAreCaughtUpWith) {
  ParkingModel model(1, {.seed = 3, .leaving = 1, .agreeing = 1});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2, 3}, 51, {0, 1}));
  Runner runner(
      [&](const moert_batch_t &batch) {
        if (model.calls == 3)
          model.forget();
        model.forward(batch);
      },
      {vocabulary, 1, 512}, "toy", checking(4));
  runner.run(requests);
  EXPECT_EQ(requests[0].tokens, expected(model, requests[0], {0, 1}, -1));
  EXPECT_LT(model.deepCalls, 1 + 10 + 4);
}

/// The logits of a prompt are those of the full model but for its last row; of
/// all rows where exits are checked.
TEST(CliDrafts, PromptsRunDeep) {
  for (bool checks : {false, true}) {
    ParkingModel model(1, {.seed = 6, .leaving = 1, .agreeing = 0});
    std::vector<Request> requests;
    requests.push_back(requestOf({1, 2, 3, 4}, 1, {0, 1}));
    ExitUse use = checking(4);
    use.checks = checks;
    Runner runner(model.function(), {vocabulary, 1, 512}, "toy", use);
    std::vector<bool> same;
    History history;
    runner.onPromptLogits = [&](size_t, const float *row) {
      history.push_back(requests[0].prompt[history.size()]);
      std::vector<float> full = model.full(history);
      same.push_back(std::equal(full.begin(), full.end(), row));
    };
    runner.run(requests);
    EXPECT_THAT(same, ElementsAre(true, true, true, checks));
  }
}

TEST(CliDrafts, ReplayedTokensLeaveWhereTheyDid) {
  ParkingModel model(1, {.seed = 7, .leaving = 0, .agreeing = 1});
  std::vector<Request> requests;
  requests.push_back(requestOf({1, 2, 3}, 6, {0, 1}));
  ExitUse use = checking(4);
  use.checks = false;
  use.leaveAfter = [](size_t, size_t j) { return int32_t(j) + 1; };
  Runner runner(model.function(), {vocabulary, 1, 512}, "toy", use);
  runner.run(requests);
  std::vector<int32_t> depths;
  for (const TokenSource &source : requests[0].sources)
    depths.push_back(source.layers);
  EXPECT_THAT(depths, ElementsAre(1, 3, 3, 5, 5, 6));
}

TEST(CliDrafts, RefusesAModelThatGivesNoLogits) {
  std::vector<Request> requests;
  requests.push_back(requestOf({1}, 2, {0, 1}));
  Runner runner(
      [](const moert_batch_t &batch) {
        std::fill_n(batch.logits, batch.wanted_rows * vocabulary, 0.0f);
        std::fill_n(batch.layers_run, batch.wanted_rows, -3);
        std::fill_n(batch.exit_scores, batch.wanted_rows * 3, NAN);
      },
      {vocabulary, 1, 512}, "toy.moe", checking(4));
  try {
    runner.run(requests);
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_STREQ(failure.what(),
                 "toy.moe: a row waits behind 3 layers that was "
                 "to run through all");
  }
}

//===-- The switch --------------------------------------------------------===//

/// Seconds for so many tokens, where drafting takes `cost` times as long: steps
/// that draft make nothing, and every fourth one makes 4 tokens.
struct Simulation {
  explicit Simulation(bool measures) : drafting(measures) {}
  double run(int64_t tokens, double cost) {
    double seconds = 0;
    for (int64_t made = 0; made < tokens;) {
      const bool drafts = drafting.mayDraft() && waiting < 3;
      const int64_t now = drafts ? 0 : waiting + 1;
      // A check in a period that drafts pays for what waits.
      const double took = drafts ? 0 : waiting > 0 ? cost * double(now) : 1;
      waiting = drafts ? waiting + 1 : 0;
      seconds += took;
      made += now;
      drafted += drafts;
      drafting.count(took, 1, now, waiting > 0);
    }
    return seconds;
  }
  DraftSwitch drafting;
  int64_t waiting = 0, drafted = 0;
};

TEST(CliDraftSwitch, KeepsWhatPays) {
  Simulation some(true);
  some.run(1024, 0.8);
  EXPECT_FALSE(some.drafting.isStopped());
  EXPECT_GT(some.drafted, 1024 / 2);
  EXPECT_LT(some.run(4096, 0.8), 4096 * 0.83);
}

TEST(CliDraftSwitch, StopsWhatLoses) {
  for (double cost : {1.03, 1.06, 1.12, 1.3, 2.0}) {
    SCOPED_TRACE(cost);
    for (int64_t tokens : {64, 256, 4096}) {
      Simulation some(true);
      EXPECT_LT(some.run(tokens, cost), double(tokens) / 0.87);
      if (cost < 1.5) // what is worse shows in the first period
        EXPECT_LT(Simulation(true).run(tokens, cost), double(tokens) / 0.95);
      EXPECT_TRUE(tokens < 128 || some.drafting.isStopped() ||
                  some.drafted < tokens / 8);
    }
  }
}

/// A run takes no longer than 1 / 0.95 of one without drafts and the one check
/// that shows the loss.
TEST(CliDraftSwitch, LosesNoMoreThanATwentieth) {
  for (double cost : {1.03, 1.09, 1.3, 2.0, 3.0, 10.0})
    for (int64_t tokens : {8, 64, 80, 128, 256, 400, 4096}) {
      SCOPED_TRACE(testing::Message() << cost << " " << tokens);
      const double seconds = Simulation(true).run(tokens, cost);
      EXPECT_LE(seconds, double(tokens + 3) / 0.95 + 4 * (cost - 1));
      if (cost <= 2 || tokens <= 64) // no more than 3 over
        EXPECT_LE(seconds, double(tokens + 3) / 0.95);
    }
  EXPECT_LE(Simulation(true).run(256, 2), 256 / 0.95);
  EXPECT_EQ(Simulation(true).run(64, 2), 64);
}

/// Drafts that paid are not trusted until they are measured again.
TEST(CliDraftSwitch, StopsSoonWhenTheTextChanges) {
  for (int64_t before : {200, 300, 600, 1024}) {
    Simulation some(true);
    const double first = some.run(before, 0.8);
    EXPECT_LE(first, double(before));
    EXPECT_LE(some.run(256, 2), 256 + 8 + 4 + 8 + 4) << before;
    EXPECT_TRUE(some.drafting.isStopped());
  }
}

TEST(CliDraftSwitch, MeasuresAnewWhenTheTextChanges) {
  Simulation some(true);
  some.run(4096, 1.5);
  EXPECT_TRUE(some.drafting.isStopped());
  some.run(16384, 0.7);
  EXPECT_FALSE(some.drafting.isStopped());
  some.run(4096, 1.5);
  EXPECT_TRUE(some.drafting.isStopped());
}

TEST(CliDraftSwitch, DraftsAlwaysIfToldTo) {
  Simulation some(false);
  some.run(1024, 3);
  EXPECT_EQ(some.drafted, 1024 / 4 * 3);
  EXPECT_FALSE(some.drafting.isStopped());
}

/// Steps that ran a prompt, and those of fewer sequences, are no measure.
TEST(CliDraftSwitch, ComparesLikeWithLike) {
  DraftSwitch drafting(true);
  for (int step = 0; step < 4096; ++step) {
    const int64_t sequences = 1 + step / 12 % 2;
    if (step % 12 == 0)
      drafting.disturb();
    else // drafts cost nothing, other sequences do
      drafting.count(sequences == 1 ? 1 : 9, sequences, 1, false);
  }
  EXPECT_FALSE(drafting.isStopped());
  EXPECT_EQ(drafting.lostTokens(), 0);
}

/// What one run has measured, the next one knows.
TEST(CliDraftSwitch, IsSharedByRuns) {
  ExitUse use = checking(4);
  use.measuresDrafts = true;
  use.drafting = std::make_shared<DraftSwitch>(true);
  ParkingModel model(1, {.seed = 3, .leaving = 1, .agreeing = 1});
  for (int run = 0; run < 2; ++run) {
    std::vector<Request> requests;
    requests.push_back(requestOf({1, 2, 3}, 40, {0, 1}));
    Runner runner(model.function(), {vocabulary, 1, 512}, "toy", use);
    runner.run(requests);
    EXPECT_EQ(runner.draftsMade > 0, run == 1) << run;
  }
}

} // namespace
