//===- ExitSessionTest.cpp - sessions whose tokens leave early ------------===//
//
// The model is that of cts/Conformance.h: every feature is a small integer, so
// what a session computes is compared bit by bit with plain loops.
//===----------------------------------------------------------------------===//
#include "SessionFixture.h"

#include "session/Session.h"
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

using namespace moert;
using namespace moert::test;
using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

namespace {

constexpr int depth = 4;
constexpr int passing = 48; ///< least feature with a score of 0.75

using Row = std::array<int32_t, 3>; ///< token, sequence, position

/// What a sequence's rows store in a layer, and what comes out of it.
struct Layers {
  std::vector<int> keys[depth];
  /// Stores the feature at the position and returns the next one.
  int run(int layer, size_t position, int feature) {
    keys[layer].resize(position);
    keys[layer].push_back(feature);
    int next = 3 * feature + layer;
    for (int key : keys[layer])
      next += key;
    return next % 61;
  }
};

/// Features of each row of a sequence behind each number of layers, without
/// exits.
std::vector<std::array<int, depth + 1>>
fullFeatures(const std::vector<int32_t> &tokens) {
  Layers layers;
  std::vector<std::array<int, depth + 1>> all(tokens.size());
  for (size_t position = 0; position < tokens.size(); ++position) {
    all[position][0] = tokens[position] + 1;
    for (int layer = 0; layer < depth; ++layer)
      all[position][layer + 1] =
          layers.run(layer, position, all[position][layer]);
  }
  return all;
}

/// A batch with all that a caller may say of it.
struct Call {
  std::vector<Row> rows;
  std::vector<int32_t> wanted, leaveAfter;
  bool exits = true;

  int entryOf(size_t row) const {
    auto found = std::find(wanted.begin(), wanted.end(), int32_t(row));
    return found == wanted.end() ? -1 : int(found - wanted.begin());
  }
  /// Whether a row leaves behind so many layers with such a feature.
  bool leaves(size_t row, int layers, int feature) const {
    const int entry = entryOf(row);
    if (entry < 0 || !exits || leaveAfter[size_t(entry)] < 0)
      return false;
    const int after = leaveAfter[size_t(entry)];
    return after ? layers >= after : feature >= passing;
  }
};

class Leaving : public Fixture {
public:
  explicit Leaving(bool parks, int64_t context = 40)
      : Fixture(spec(parks, context)) {
    options.sequences = 3;
    options.threads = 1;
  }
  static ModuleSpec spec(bool parks, int64_t context) {
    ModuleSpec spec = ModuleSpec::leaving(parks);
    spec.context = context;
    return spec;
  }
  std::string run(Call call) {
    call.leaveAfter.resize(call.wanted.size());
    layersRun.assign(call.wanted.size(), 99);
    scores.assign(call.wanted.size() * 3, 99);
    batch.exits = call.exits ? MOERT_EXITS_ON : MOERT_EXITS_OFF;
    batch.leave_after = call.leaveAfter.data();
    batch.layers_run = layersRun.data();
    batch.exit_scores = scores.data();
    bytes.assign(call.wanted.size(), 99);
    batch.exit_bytes = bytes.data();
    return forward(call.rows, call.wanted);
  }
  std::vector<int64_t> counts() const {
    std::vector<int64_t> counts(4);
    EXPECT_EQ(message(moert_session_exit_counts(session, counts.data())), "ok");
    return counts;
  }
  std::vector<int32_t> layersRun;
  std::vector<float> scores;
  std::vector<uint64_t> bytes;
};

/// A random batch for sequences of which so many positions are computed; rows
/// of different sequences alternate.
Call randomCall(std::mt19937 &random, const std::vector<int64_t> &starts,
                int64_t context) {
  auto pick = [&](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  Call call;
  std::vector<int64_t> next = starts;
  std::vector<int> left;
  for (size_t sequence = 0; sequence < starts.size(); ++sequence)
    left.push_back(pick(0, 2) ? pick(0, 3) : 0);
  for (size_t turn = 0; turn < 4 * starts.size(); ++turn) {
    const size_t sequence = turn % starts.size();
    if (left[sequence]-- <= 0 || next[sequence] >= context)
      continue;
    if (pick(0, 2))
      call.wanted.push_back(int32_t(call.rows.size()));
    call.rows.push_back(
        {pick(0, 2), int32_t(sequence), int32_t(next[sequence]++)});
  }
  call.exits = pick(0, 9) != 0;
  const bool replays = pick(0, 3) == 0;
  for (size_t i = 0; i < call.wanted.size(); ++i)
    call.leaveAfter.push_back(replays ? pick(-1, depth) : 0);
  return call;
}

void expectLogits(const Leaving &f, size_t entry, int feature) {
  EXPECT_EQ(f.row(int(entry)), logitsOf(float(feature)));
}

//===----------------------------------------------------------------------===//
// Propagate
//===----------------------------------------------------------------------===//

/// A sequence whose rows leave their features as keys in the layers behind.
struct Propagated {
  Layers layers;
  int64_t computed = 0;
  /// Returns the layers that ran and the feature behind them.
  std::pair<int, int> add(const Call &call, size_t row) {
    const size_t position = size_t(call.rows[row][2]);
    int feature = call.rows[row][0] + 1, ran = 0;
    bool isGone = false;
    for (int layer = 0; layer < depth; ++layer) {
      int next = layers.run(layer, position, feature);
      if (isGone)
        continue;
      feature = next;
      ran = layer + 1;
      isGone = ran < depth && call.leaves(row, ran, feature);
    }
    computed = int64_t(position) + 1;
    return {ran, feature};
  }
};

TEST(ExitSession, PropagateIsAsOneByOne) {
  std::mt19937 random(11);
  for (int64_t batchRows : {1, 3, 512}) {
    Leaving f(false);
    f.options.batch_rows = batchRows;
    ASSERT_EQ(f.create(), "ok");
    std::vector<Propagated> sequences(3);
    std::vector<int64_t> expectedCounts(4);
    for (int round = 0; round < 300; ++round) {
      std::vector<int64_t> starts;
      for (Propagated &sequence : sequences)
        starts.push_back(random() % 4
                             ? sequence.computed
                             : int64_t(random() % (sequence.computed + 1)));
      Call call = randomCall(random, starts, 40);
      ASSERT_EQ(f.run(call), "ok");
      for (size_t row = 0; row < call.rows.size(); ++row) {
        auto [ran, feature] = sequences[call.rows[row][1]].add(call, row);
        const int entry = call.entryOf(row);
        if (entry < 0)
          continue;
        ASSERT_EQ(f.layersRun[size_t(entry)], ran) << "round " << round;
        expectLogits(f, size_t(entry), feature);
        ++expectedCounts[size_t(ran - 1)];
      }
    }
    EXPECT_EQ(f.counts(), expectedCounts);
    EXPECT_GT(expectedCounts[0], 20);
    EXPECT_GT(expectedCounts[3], 20);
    moert_session_stats_t stats = f.stats();
    EXPECT_EQ(stats.exit_tokens, expectedCounts[0] + expectedCounts[1] +
                                     expectedCounts[2] + expectedCounts[3]);
    EXPECT_EQ(stats.exit_layers, expectedCounts[0] + 2 * expectedCounts[1] +
                                     3 * expectedCounts[2] +
                                     4 * expectedCounts[3]);
    EXPECT_EQ(stats.rows_resumed, 0);
  }
}

//===----------------------------------------------------------------------===//
// Recompute
//===----------------------------------------------------------------------===//

/// A sequence by what its rows have run; keys and values are those of the full
/// model.
struct Recomputed {
  std::vector<int32_t> tokens;
  std::vector<int> ran; ///< layers of each row; depth: it does not wait
  int64_t computed = 0;

  /// Rows of a piece that are of this sequence, and `entries` of the call with
  /// what is expected of them: layers, or -layers without logits.
  void run(const Call &call, const std::vector<size_t> &rows,
           std::map<int, int> *expected, int64_t *resumed) {
    std::vector<size_t> fresh, again;
    for (size_t row : rows) {
      const size_t position = size_t(call.rows[row][2]);
      if (fresh.empty() && position > 0 && position < tokens.size() &&
          ran[position] < depth && tokens[position] == call.rows[row][0]) {
        again.push_back(row);
      } else {
        if (fresh.empty()) {
          tokens.resize(position);
          ran.resize(position);
        }
        tokens.push_back(call.rows[row][0]);
        ran.push_back(0);
        fresh.push_back(row);
      }
      computed = int64_t(position) + 1;
    }
    const auto features = fullFeatures(tokens);
    int deepest = fresh.empty() ? depth : 0;
    for (size_t row : fresh) {
      const size_t position = size_t(call.rows[row][2]);
      int layers = 1;
      while (layers < depth &&
             !call.leaves(row, layers, features[position][layers]))
        ++layers;
      if (int entry = call.entryOf(row); entry >= 0)
        (*expected)[entry] = layers;
      deepest = std::max(deepest, layers);
    }
    for (size_t position = 0; position < size_t(computed); ++position) {
      const bool waited = ran[position] > 0 && ran[position] < depth;
      *resumed += waited && ran[position] < deepest;
      ran[position] = std::max(ran[position], deepest);
    }
    for (size_t row : again)
      if (int entry = call.entryOf(row); entry >= 0) {
        const int layers = ran[size_t(call.rows[row][2])];
        (*expected)[entry] = layers == depth ? depth : -layers;
      }
  }
};

/// Where the next batch of a sequence begins: mostly behind the others, at
/// times at a row that waits, at times anywhere before.
int64_t startOf(const Recomputed &sequence, std::mt19937 &random) {
  const int way = int(random() % 4);
  if (way == 0)
    return int64_t(random() % (sequence.computed + 1));
  if (way == 1)
    for (int64_t position = 0; position < sequence.computed; ++position)
      if (sequence.ran[size_t(position)] < depth)
        return position;
  return sequence.computed;
}

TEST(ExitSession, RecomputeIsAsTheFullModel) {
  std::mt19937 random(5);
  for (int64_t batchRows : {1, 2, 512}) {
    Leaving f(true);
    f.options.batch_rows = batchRows;
    ASSERT_EQ(f.create(), "ok");
    std::vector<Recomputed> sequences(3);
    int64_t resumed = 0, withoutLogits = 0, shallow = 0;
    for (int round = 0; round < 1500; ++round) {
      std::vector<int64_t> starts;
      for (Recomputed &sequence : sequences)
        starts.push_back(startOf(sequence, random));
      Call call = randomCall(random, starts, 40);
      // The same tokens again where rows wait, most of the time.
      for (Row &row : call.rows) {
        const std::vector<int32_t> &tokens = sequences[row[1]].tokens;
        if (random() % 8 && size_t(row[2]) < tokens.size())
          row[0] = tokens[row[2]];
      }
      ASSERT_EQ(f.run(call), "ok");
      std::map<int, int> expected;
      const int64_t rows = int64_t(call.rows.size());
      for (int64_t begin = 0; begin < rows; begin += batchRows)
        for (int32_t sequence = 0; sequence < 3; ++sequence) {
          std::vector<size_t> own;
          for (int64_t row = begin; row < std::min(begin + batchRows, rows);
               ++row)
            if (call.rows[row][1] == sequence)
              own.push_back(size_t(row));
          if (!own.empty())
            sequences[size_t(sequence)].run(call, own, &expected, &resumed);
        }
      for (auto [entry, layers] : expected) {
        ASSERT_EQ(f.layersRun[size_t(entry)], layers)
            << "round " << round << " entry " << entry;
        withoutLogits += layers < 0;
        shallow += layers > 0 && layers < depth;
        if (layers < 0)
          continue;
        const Row &row = call.rows[size_t(call.wanted[size_t(entry)])];
        expectLogits(f, size_t(entry),
                     fullFeatures(sequences[row[1]].tokens)[row[2]][layers]);
      }
      ASSERT_EQ(f.stats().rows_resumed, resumed) << "round " << round;
    }
    EXPECT_GT(shallow, 100);
    EXPECT_EQ(withoutLogits > 0, batchRows > 1); // a row alone runs on
    EXPECT_GT(resumed, 100);
  }
}

/// Rows of one sequence, all wanted.
Call callOf(std::vector<int32_t> tokens, int32_t first,
            std::vector<int32_t> leaveAfter) {
  Call call;
  for (size_t i = 0; i < tokens.size(); ++i) {
    call.rows.push_back({tokens[i], 0, first + int32_t(i)});
    call.wanted.push_back(int32_t(i));
  }
  call.leaveAfter = std::move(leaveAfter);
  return call;
}

/// Token 3 in the last row makes the code fail behind two layers, when keys and
/// values of rows that waited behind the first one are half written.
TEST(ExitSession, RowsThatWaitOutliveAForwardThatFails) {
  Leaving f(true);
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.run(callOf({1, 2, 0}, 0, {1, 1, 1})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(1, 1, 1));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(f.run(callOf({3}, 3, {-1})), f.error("forward returned 8"));
  EXPECT_EQ(f.stats().rows_resumed, 0);
  ASSERT_EQ(f.run(callOf({1}, 3, {-1})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(4));
  expectLogits(f, 0, fullFeatures({1, 2, 0, 1})[3][4]);
  EXPECT_EQ(f.stats().rows_resumed, 3);
}

/// What the failed forward has overwritten must be computed again, and rows
/// that waited behind it are those of other tokens.
TEST(ExitSession, AForwardThatGoesBackAndFails) {
  for (bool parks : {false, true}) {
    Leaving f(parks);
    ASSERT_EQ(f.create(), "ok");
    ASSERT_EQ(f.run(callOf({1, 2, 0, 1}, 0, {-1, -1, -1, 1})), "ok");
    EXPECT_EQ(f.run(callOf({3}, 1, {-1})), f.error("forward returned 8"));
    EXPECT_EQ(f.run(callOf({1}, 3, {-1})),
              f.error("position 3 of sequence 0 in row 0, but 1 positions are "
                      "computed"));
    ASSERT_EQ(f.run(callOf({0, 0, 1}, 1, {-1, -1, -1})), "ok");
    expectLogits(f, 2, fullFeatures({1, 0, 0, 1})[3][4]);
    EXPECT_EQ(f.stats().rows_resumed, 0);
  }
}

/// The same token again finds its row where it left; another one starts anew.
TEST(ExitSession, ARowThatWaitsIsResumedByItsToken) {
  Leaving f(true);
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.run(callOf({1}, 0, {-1})), "ok");
  ASSERT_EQ(f.run(callOf({2}, 1, {2})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(2));
  EXPECT_EQ(f.run(callOf({2}, 1, {1})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(4));
  expectLogits(f, 0, fullFeatures({1, 2})[1][4]);
  EXPECT_EQ(f.stats().rows_resumed, 1);
  ASSERT_EQ(f.run(callOf({0}, 1, {2})), "ok");
  EXPECT_EQ(f.run(callOf({2}, 1, {1})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(1));
  expectLogits(f, 0, fullFeatures({1, 2})[1][1]);
  EXPECT_EQ(f.stats().rows_resumed, 1);
}

/// A text may begin as the last one did, whose rows wait.
TEST(ExitSession, ATextBeginsAnew) {
  Leaving f(true);
  ASSERT_EQ(f.create(), "ok");
  for (int text = 0; text < 2; ++text) {
    ASSERT_EQ(f.run(callOf({1}, 0, {1})), "ok");
    EXPECT_THAT(f.layersRun, ElementsAre(1));
    expectLogits(f, 0, fullFeatures({1})[0][1]);
    ASSERT_EQ(f.run(callOf({2, 0}, 1, {2, 1})), "ok");
    EXPECT_THAT(f.layersRun, ElementsAre(2, 1));
  }
  ASSERT_EQ(f.run(callOf({1, 2, 0}, 0, {1, 2, 3})), "ok");
  EXPECT_THAT(f.layersRun, ElementsAre(1, 2, 3));
}

/// Rows in front of a text's new part are the same whatever they left behind,
/// and whether exits were off in between.
TEST(ExitSession, ATextThatSharesAPrefixGoesOn) {
  for (bool exitsOff : {false, true}) {
    Leaving f(true);
    ASSERT_EQ(f.create(), "ok");
    ASSERT_EQ(f.run(callOf({1, 2, 0, 1}, 0, {1, 2, 1, 2})), "ok");
    Call between = callOf({2}, 4, {1});
    between.exits = !exitsOff;
    ASSERT_EQ(f.run(between), "ok");
    ASSERT_EQ(f.run(callOf({2, 0, 0}, 1, {3, 3, 1})), "ok");
    if (exitsOff) // nothing waited any more
      EXPECT_THAT(f.layersRun, ElementsAre(3, 3, 1));
    else
      EXPECT_THAT(f.layersRun, ElementsAre(-2, -2, 1));
    expectLogits(f, 2, fullFeatures({1, 2, 0, 0})[3][1]);
    ASSERT_EQ(f.run(callOf({1}, 4, {-1})), "ok");
    expectLogits(f, 0, fullFeatures({1, 2, 0, 0, 1})[4][4]);
  }
}

TEST(ExitSession, NoMoreThan256RowsWait) {
  Leaving f(true, 1000);
  f.options.batch_rows = 300;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.stats().workspace_bytes, (300 + 256) * 32u);
  std::vector<int32_t> tokens(256, 1);
  ASSERT_EQ(f.run(callOf(tokens, 0, std::vector<int32_t>(256, 1))), "ok");
  ASSERT_EQ(f.run(callOf({1}, 256, {1})), "ok");
  EXPECT_EQ(f.stats().rows_resumed, 0);
  EXPECT_EQ(f.stats().forward_calls, 2);
  // 257 wait, so they run on first.
  Call other;
  other.rows = {{2, 1, 0}};
  other.wanted = {0};
  ASSERT_EQ(f.run(other), "ok");
  EXPECT_EQ(f.stats().rows_resumed, 257);
  EXPECT_EQ(f.stats().forward_calls, 4);
  EXPECT_EQ(f.stats().rows, 258);
  tokens.assign(258, 1);
  ASSERT_EQ(f.run(callOf({1}, 257, {-1})), "ok");
  expectLogits(f, 0, fullFeatures(tokens)[257][4]);
}

/// Experts of all rows are numbered with 32 bits, also of those that run along.
TEST(ExitSession, BatchRowsOfManyExperts) {
  ModuleSpec spec = ModuleSpec::leaving(true);
  spec.experts = spec.expertsPerToken = 4096;
  Fixture f(spec);
  f.options.batch_rows = 1 << 19;
  EXPECT_EQ(f.create(), f.error("batches of 524288 rows requested, must be "
                                "between 1 and 524031"));
}

/// Rows that wait never make a batch larger than all positions are.
TEST(ExitSession, WorkspaceOfASmallContext) {
  Leaving f(true);
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.stats().workspace_bytes, 3 * 40 * 32u);
}

TEST(ExitSession, ThresholdOfTheSessionOrTheBatch) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<int32_t> tokens = {0, 1, 2, 0, 1, 2};
  const auto features = fullFeatures(tokens);
  const std::pair<double, bool> cases[] = {{infinity, false},
                                           {-infinity, false},
                                           {0.5, false},
                                           {infinity, true},
                                           {0.5, true}};
  for (auto [threshold, ofBatch] : cases) {
    Leaving f(true);
    f.options.exit_threshold = ofBatch ? -1 : threshold;
    if (ofBatch)
      f.batch.exit_threshold = threshold;
    ASSERT_EQ(f.create(), "ok");
    int64_t checks = 0, layers = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
      ASSERT_EQ(f.run(callOf({tokens[i]}, int32_t(i), {0})), "ok");
      int expected = 1;
      while (expected < depth && features[i][expected] / 64.0 < threshold)
        ++expected;
      EXPECT_THAT(f.layersRun, ElementsAre(expected));
      for (int exit = 0; exit < 3; ++exit)
        if (exit < expected)
          EXPECT_EQ(f.scores[size_t(exit)], features[i][exit + 1] / 64.0f);
        else
          EXPECT_TRUE(std::isnan(f.scores[size_t(exit)]));
      const ExitsSpec costs;
      const uint64_t read = uint64_t(std::min(expected, 3)) * costs.headBytes +
                            (expected < depth) * costs.leaveBytes;
      EXPECT_THAT(f.bytes, ElementsAre(read));
      bytes += read;
      checks += std::min(expected, 3);
      layers += expected;
    }
    EXPECT_EQ(f.stats().exit_checks, checks);
    EXPECT_EQ(f.stats().exit_layers, layers);
    EXPECT_EQ(f.stats().exit_bytes, bytes);
  }
}

/// No token asks, and all is as without exits.
TEST(ExitSession, ExitsOff) {
  for (bool parks : {false, true})
    for (bool ofSession : {false, true}) {
      Leaving f(parks);
      f.options.exits = ofSession ? MOERT_EXITS_OFF : MOERT_EXITS_ON;
      ASSERT_EQ(f.create(), "ok");
      Call call = callOf({1, 2, 0, 1}, 0, {1, 1, 0, 0});
      call.exits = ofSession;
      ASSERT_EQ(f.run(call), "ok");
      EXPECT_THAT(f.layersRun, ElementsAre(4, 4, 4, 4));
      for (size_t i = 0; i < 4; ++i)
        expectLogits(f, i, fullFeatures({1, 2, 0, 1})[i][4]);
      EXPECT_THAT(f.scores, testing::Each(testing::Truly(
                                [](float x) { return std::isnan(x); })));
      EXPECT_THAT(f.counts(), ElementsAre(0, 0, 0, 4));
      EXPECT_EQ(f.stats().exit_checks, 0);
    }
}

/// A module without exits counts its tokens, too.
TEST(ExitSession, OfAModuleWithout) {
  Fixture f;
  f.options.exit_threshold = 0;
  ASSERT_EQ(f.create(), "ok");
  int32_t layers[2] = {}, leaveAfter[2] = {1, -1};
  f.batch.layers_run = layers;
  f.batch.leave_after = leaveAfter;
  ASSERT_EQ(f.forward({{1, 0, 0}, {2, 0, 1}}), "ok");
  EXPECT_THAT(layers, ElementsAre(1, 1));
  int64_t count = 0;
  ASSERT_EQ(message(moert_session_exit_counts(f.session, &count)), "ok");
  EXPECT_EQ(count, 2);
  EXPECT_EQ(f.stats().exit_tokens, 2);
  EXPECT_EQ(f.stats().exit_layers, 2);
  EXPECT_EQ(message(moert_session_exits_start(f.session, "e.jsonl")),
            f.error("has no exits to record"));
}

TEST(ExitSession, RefusesWhatIsOutOfRange) {
  {
    Leaving f(false);
    f.options.exits = 2;
    EXPECT_EQ(f.create(), f.error("exits is 2, must be between 0 and 1"));
  }
  Leaving f(false);
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.run(callOf({1, 1}, 0, {0, 5})),
            f.error("wanted row 1 leaves after 5 layers, must be between -1 "
                    "and 4"));
  EXPECT_THAT(f.run(callOf({1}, 0, {-2})), HasSubstr("after -2 layers"));
  f.batch.leave_after = nullptr;
  f.batch.exits = -1;
  EXPECT_EQ(f.forward({{1, 0, 0}}),
            f.error("exits of a batch are -1, must be between 0 and 1"));
}

/// Who knows nothing of exits gets them as the module has them.
TEST(ExitSession, OlderCaller) {
  Leaving f(false);
  f.options.size = offsetof(moert_session_options_t, exits);
  f.options.exits = MOERT_EXITS_OFF;
  f.options.exit_threshold = -1;
  ASSERT_EQ(f.create(), "ok");
  f.batch.size = offsetof(moert_batch_t, exits);
  ASSERT_EQ(f.forward({{1, 0, 0}, {2, 0, 1}, {0, 0, 2}, {1, 0, 3}}), "ok");
  Propagated naive;
  Call call = callOf({1, 2, 0, 1}, 0, {0, 0, 0, 0});
  for (size_t row = 0; row < 4; ++row)
    expectLogits(f, row, naive.add(call, row).second);
  EXPECT_GT(f.stats().exit_checks, 0);
}

//===----------------------------------------------------------------------===//
// Who watches
//===----------------------------------------------------------------------===//

std::vector<Json> linesOf(const std::string &path) {
  std::ifstream file(path);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(Json::parse(line));
  return lines;
}

TEST(ExitSession, RecordsHowSureTokensWere) {
  Leaving f(true);
  ASSERT_EQ(f.create(), "ok");
  const std::string path = f.folder.path("exits.jsonl");
  EXPECT_EQ(message(moert_session_exits_write(f.session)),
            f.error("no recording of exits was started"));
  ASSERT_EQ(message(moert_session_exits_start(f.session, path.c_str())), "ok");
  Call call = callOf({1, 2, 0}, 0, {-1, 2});
  call.wanted = {1, 2};
  call.leaveAfter = {4, 2};
  ASSERT_EQ(f.run(call), "ok");
  ASSERT_EQ(f.run(callOf({1}, 3, {1})), "ok");
  ASSERT_EQ(f.run(callOf({1, 2}, 3, {0, -1})), "ok"); // the first one waits
  EXPECT_EQ(f.folder.list().size(), 2u);              // beside its name
  ASSERT_EQ(message(moert_session_exits_write(f.session)), "ok");
  ASSERT_EQ(f.run(callOf({1}, 5, {1})), "ok"); // is not written any more

  std::vector<Json> lines = linesOf(path);
  ASSERT_EQ(lines.size(), 5u);
  const auto features = fullFeatures({1, 2, 0, 1, 2});
  auto expectLine = [&](size_t line, int position, int layers, int asked) {
    Json scores = Json::array(), watched = Json::array();
    for (int exit = 1; exit <= asked; ++exit) {
      scores.push_back(features[size_t(position)][exit] / 64.0);
      watched.push_back(Json::array({scores.back()}));
    }
    EXPECT_EQ(lines[line], Json({{"sequence", 0},
                                 {"position", position},
                                 {"layers", layers},
                                 {"scores", scores},
                                 {"watched", watched}}));
  };
  expectLine(0, 1, 4, 3);
  expectLine(1, 2, 2, 2);
  expectLine(2, 3, 1, 1);
  expectLine(3, 3, 4, 0);
  expectLine(4, 4, 4, 0);
  EXPECT_THAT(message(moert_session_exits_start(f.session, "/nowhere/e.jsonl")),
              HasSubstr("/nowhere/e.jsonl"));
}

/// A routing trace needs every layer of every token.
TEST(ExitSession, RoutingIsRecordedOnlyWithoutExits) {
  for (bool on : {true, false}) {
    Leaving f(false);
    f.options.exits = on ? MOERT_EXITS_ON : MOERT_EXITS_OFF;
    ASSERT_EQ(f.create(), "ok");
    EXPECT_EQ(message(moert_session_routing_start(f.session, "r.trace")),
              f.error(on ? "a routing trace needs all layers of every token, "
                           "and tokens may leave early: turn exits off"
                         : "has no routers to record"));
  }
}

} // namespace
