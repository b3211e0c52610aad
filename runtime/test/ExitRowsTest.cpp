//===- ExitRowsTest.cpp - which rows run on, against plain sets -----------===//
#include "session/Exits.h"
#include "session/Parked.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

using namespace moert;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

using List = std::vector<int32_t>;

//===----------------------------------------------------------------------===//
// A random batch, and what compiled code makes of it
//===----------------------------------------------------------------------===//

struct Batch {
  List sequences, wanted, waiting, leaveAfter;
  std::vector<std::vector<float>> scores; ///< [exit][entry]
  bool mayLeave = true;
};

Batch randomBatch(std::mt19937 &random, const ExitPlan &plan) {
  auto pick = [&](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  Batch batch;
  for (int row = 0, rows = pick(0, 12); row < rows; ++row) {
    batch.sequences.push_back(pick(0, 3));
    if (pick(0, 2))
      batch.wanted.push_back(row);
    const bool waits = plan.parks && pick(0, 3) == 0;
    batch.waiting.push_back(waits ? plan.layers[pick(0, 2)] : 0);
  }
  if (pick(0, 1))
    for (size_t i = 0; i < batch.wanted.size(); ++i)
      batch.leaveAfter.push_back(pick(-1, plan.allLayers));
  for (int64_t exit = 0; exit < plan.exits(); ++exit) {
    std::vector<float> &scores = batch.scores.emplace_back();
    for (size_t i = 0; i < batch.wanted.size(); ++i)
      scores.push_back(float(pick(0, 8)) / 8);
  }
  batch.mayLeave = pick(0, 4) != 0;
  return batch;
}

/// All results of one call.
struct Step {
  std::vector<List> lists;
  bool operator==(const Step &) const = default;
};
std::ostream &operator<<(std::ostream &out, const Step &step) {
  for (const List &list : step.lists)
    out << testing::PrintToString(list) << ' ';
  return out;
}

/// What the code gets to know.
std::vector<Step> runCalls(ExitRows &exitRows, const Batch &batch,
                           const ExitPlan &plan) {
  const size_t rows = batch.sequences.size(), entries = batch.wanted.size();
  std::vector<Step> steps;
  std::vector<std::vector<float>> features(rows, {1});
  std::vector<std::span<const float>> views(features.begin(), features.end());
  ExitBatch given;
  given.sequences = batch.sequences;
  given.wanted = batch.wanted;
  given.waiting = batch.waiting;
  given.features = views;
  given.leaveAfter = batch.leaveAfter;
  given.mayLeave = batch.mayLeave;
  given.watches = true;
  exitRows.begin(given);
  const moert_abi_exits_t &abi = *exitRows.abi();
  int64_t counts[5];
  List running(rows), gone(rows), due(entries), asking(entries), kept(entries),
      leaving(entries);
  auto first = [](const List &list, int64_t count) {
    return List(list.begin(), list.begin() + count);
  };
  abi.enter(&abi, running.data(), due.data(), asking.data(), counts);
  steps.push_back({{first(running, counts[0]), first(due, counts[1]),
                    first(asking, counts[2])}});
  int64_t asks = counts[2];
  for (int64_t exit = 0; exit < plan.exits(); ++exit) {
    std::vector<float> scores;
    for (int64_t i = 0; i < asks; ++i)
      scores.push_back(batch.scores[size_t(exit)][size_t(asking[size_t(i)])]);
    const float *watched[1] = {scores.data()};
    abi.leave(&abi, exit, scores.data(), 1, watched, running.data(),
              gone.data(), due.data(), kept.data(), leaving.data(), counts);
    steps.push_back({{first(running, counts[0]), first(gone, counts[1]),
                      first(due, counts[2]), first(kept, counts[3]),
                      first(leaving, counts[4])}});
    asks = counts[3];
    for (int64_t i = 0; i < asks; ++i)
      asking[size_t(i)] = asking[size_t(kept[size_t(i)])];
  }
  if (plan.parks) {
    std::vector<float> all(rows);
    for (size_t row = 0; row < rows; ++row)
      all[row] = float(row);
    abi.park(&abi, 1, all.data());
  }
  return steps;
}

//===----------------------------------------------------------------------===//
// The same by the words of the dialect
//===----------------------------------------------------------------------===//

struct Naive {
  const ExitPlan &plan;
  const Batch &batch;
  std::set<int32_t> running, due;
  std::vector<int32_t> asking;
  std::map<int32_t, int32_t> left;    ///< entry to layers
  std::map<int32_t, int32_t> stopped; ///< row to layers
  std::set<int32_t> joined;

  bool waits(int32_t row) const { return batch.waiting[size_t(row)] != 0; }
  List rows() const {
    List all(batch.sequences.size());
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = int32_t(i);
    return all;
  }
  Step enter() {
    for (int32_t row : rows())
      if (!waits(row))
        running.insert(row);
      else
        stopped[row] = batch.waiting[size_t(row)];
    for (size_t entry = 0; entry < batch.wanted.size(); ++entry) {
      due.insert(int32_t(entry));
      bool lets = batch.mayLeave &&
                  (batch.leaveAfter.empty() || batch.leaveAfter[entry] != -1);
      if (lets && running.count(batch.wanted[entry]))
        asking.push_back(int32_t(entry));
    }
    return {
        {{running.begin(), running.end()}, {due.begin(), due.end()}, asking}};
  }
  /// If a row of the sequence that ran from the first layer on is wanted by
  /// nobody or its entry has not left, or if there is no such row.
  bool sequenceGoesOn(int32_t sequence) const {
    bool any = false;
    for (int32_t row : rows()) {
      if (batch.sequences[size_t(row)] != sequence || waits(row))
        continue;
      any = true;
      bool hasLeft = false;
      for (auto [entry, layers] : left)
        hasLeft |= batch.wanted[size_t(entry)] == row;
      if (!hasLeft)
        return true;
    }
    return !any;
  }
  Step exit(size_t index) {
    const int32_t here = plan.layers[index];
    List kept, leaving, gone, stay;
    for (size_t place = 0; place < asking.size(); ++place) {
      const size_t entry = size_t(asking[place]);
      int32_t after = batch.leaveAfter.empty() ? 0 : batch.leaveAfter[entry];
      bool leaves = after
                        ? here >= after
                        : batch.scores[index][entry] >= plan.thresholds[index];
      (leaves ? leaving : kept).push_back(int32_t(place));
      if (leaves)
        left[int32_t(entry)] = here;
      else
        stay.push_back(int32_t(entry));
    }
    asking = stay;
    std::set<int32_t> runningOn;
    for (int32_t row : rows()) {
      bool goes;
      if (plan.parks) {
        goes = sequenceGoesOn(batch.sequences[size_t(row)]) &&
               (running.count(row) || batch.waiting[size_t(row)] == here);
      } else {
        goes = running.count(row);
        for (auto [entry, layers] : left)
          goes &= batch.wanted[size_t(entry)] != row;
      }
      if (goes) {
        runningOn.insert(row);
        if (waits(row))
          joined.insert(row);
      } else {
        gone.push_back(row);
        if (running.count(row))
          stopped[row] = here;
      }
    }
    running = runningOn;
    std::set<int32_t> stillDue;
    for (int32_t entry : due) {
      int32_t row = batch.wanted[size_t(entry)];
      bool mayJoin = batch.waiting[size_t(row)] > here &&
                     sequenceGoesOn(batch.sequences[size_t(row)]);
      if (!left.count(entry) && (running.count(row) || mayJoin))
        stillDue.insert(entry);
    }
    due = stillDue;
    return {{{running.begin(), running.end()},
             gone,
             {due.begin(), due.end()},
             kept,
             leaving}};
  }
};

class ExitRowsOf : public testing::TestWithParam<bool> {};

TEST_P(ExitRowsOf, RandomBatchesAreAsTheDialectSays) {
  ExitPlan plan;
  plan.layers = {1, 3, 4};
  plan.thresholds = {0.75, 0.5, 0.25};
  plan.allLayers = 6;
  plan.parks = GetParam();
  ExitRows exitRows(plan, 4);
  std::mt19937 random(7);
  int64_t resumed = 0, withoutLogits = 0, shallow = 0;
  for (int round = 0; round < 3000; ++round) {
    Batch batch = randomBatch(random, plan);
    std::vector<Step> steps = runCalls(exitRows, batch, plan);
    Naive naive{plan, batch, {}, {}, {}, {}, {}, {}};
    ASSERT_EQ(steps[0], naive.enter()) << "round " << round;
    int64_t checks = 0;
    for (size_t exit = 0; exit < 3; ++exit) {
      checks += int64_t(naive.asking.size());
      ASSERT_EQ(steps[exit + 1], naive.exit(exit))
          << "round " << round << " exit " << exit;
    }
    ASSERT_TRUE(exitRows.end("m").ok());
    EXPECT_EQ(exitRows.checks(), checks);
    for (int32_t row : naive.rows()) {
      ASSERT_EQ(exitRows.runsAtEnd(row), naive.running.count(row) == 1);
      ASSERT_EQ(exitRows.depthOf(row),
                naive.running.count(row) ? 6 : naive.stopped[row]);
      const bool joins = naive.joined.count(row);
      ASSERT_EQ(exitRows.isResumed(row), joins);
      resumed += joins;
      if (plan.parks)
        ASSERT_THAT(exitRows.featuresOf(row), ElementsAre(float(row)));
    }
    for (int32_t entry = 0; entry < int32_t(batch.wanted.size()); ++entry) {
      const int32_t row = batch.wanted[size_t(entry)];
      int32_t layers = naive.left.count(entry)    ? naive.left[entry]
                       : naive.running.count(row) ? 6
                                                  : -naive.stopped[row];
      ASSERT_EQ(exitRows.layersOf(entry), layers);
      ASSERT_EQ(layers > 0,
                naive.left.count(entry) + naive.due.count(entry) == 1);
      withoutLogits += layers < 0;
      shallow += layers > 0 && layers < 6;
    }
  }
  // So that the comparison has seen what it is about.
  EXPECT_GT(shallow, 2000);
  EXPECT_EQ(resumed > 500, plan.parks);
  EXPECT_EQ(withoutLogits > 100, plan.parks);
}

INSTANTIATE_TEST_SUITE_P(States, ExitRowsOf, testing::Bool(),
                         [](const testing::TestParamInfo<bool> &info) {
                           return info.param ? "Recompute" : "Propagate";
                         });

TEST(ExitRows, ScoresAndWatchedNumbersAreKept) {
  ExitPlan plan;
  plan.layers = {1, 2};
  plan.thresholds = {0.75, 0.75};
  plan.allLayers = 3;
  ExitRows exitRows(plan, 1);
  Batch batch;
  batch.sequences = {0, 0, 0};
  batch.wanted = {1, 2};
  batch.waiting = {0, 0, 0};
  batch.scores = {{0.5, 0.75}, {0.25, 0}};
  runCalls(exitRows, batch, plan);
  EXPECT_THAT(exitRows.scoresOf(0), ElementsAre(0.5f, 0.25f));
  EXPECT_THAT(
      exitRows.scoresOf(1),
      ElementsAre(0.75f, testing::Truly([](float x) { return x != x; })));
  EXPECT_THAT(exitRows.watchedOf(0),
              ElementsAre(ElementsAre(0.5f), ElementsAre(0.25f)));
  EXPECT_THAT(exitRows.watchedOf(1), ElementsAre(ElementsAre(0.75f)));
}

/// A score that is not a number passes no threshold, not even the least.
TEST(ExitRows, NotANumberStays) {
  ExitPlan plan;
  plan.layers = {1};
  plan.thresholds = {-std::numeric_limits<double>::infinity()};
  plan.allLayers = 2;
  ExitRows exitRows(plan, 1);
  Batch batch;
  batch.sequences = {0, 0};
  batch.wanted = {0, 1};
  batch.waiting = {0, 0};
  batch.scores = {{std::numeric_limits<float>::quiet_NaN(), -1e30f}};
  runCalls(exitRows, batch, plan);
  EXPECT_EQ(exitRows.layersOf(0), 2);
  EXPECT_EQ(exitRows.layersOf(1), 1);
}

/// A light head's best word is certain if no other can be better.
TEST(ExitRows, SettlesRowsThatAreCertain) {
  ExitPlan plan;
  plan.layers = {1};
  plan.thresholds = {0};
  plan.checkBytes = 100;
  plan.leaveBytes = 10;
  plan.unsureBytes = 1;
  ExitRows exitRows(plan, 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // The third entry stays, so that places are not entries.
  const float scores[] = {1, 1, -1, 1, 1, 1};
  const float surplus[] = {0.5f, 0, -1, nan, 1e-30f};
  const List rows = {0, 1, 2, 3, 4, 5}, sequences(6);
  for (bool whole : {false, true}) {
    ExitBatch batch;
    batch.wanted = rows;
    batch.sequences = sequences;
    batch.wholeDistributions = whole;
    exitRows.begin(batch);
    List places[5];
    for (List &list : places)
      list.resize(6);
    int64_t counts[5];
    const moert_abi_exits_t *abi = exitRows.abi();
    abi->enter(abi, places[0].data(), places[1].data(), places[2].data(),
               counts);
    abi->leave(abi, 0, scores, 0, nullptr, places[0].data(), places[1].data(),
               places[2].data(), places[3].data(), places[4].data(), counts);
    List certain(5), unsure(5);
    abi->settle(abi, 5, surplus, certain.data(), unsure.data(), counts);
    certain.resize(size_t(counts[0]));
    unsure.resize(size_t(counts[1]));
    EXPECT_EQ(certain, whole ? List() : List({0, 4}));
    EXPECT_EQ(unsure, whole ? List({0, 1, 2, 3, 4}) : List({1, 2, 3}));
    EXPECT_EQ(exitRows.certainRows(), whole ? 0 : 2);
    EXPECT_EQ(exitRows.unsureRows(), whole ? 5 : 3);
    std::vector<uint64_t> bytes;
    for (int64_t entry = 0; entry < 6; ++entry)
      bytes.push_back(exitRows.bytesOf(entry));
    const uint64_t sure = whole ? 111 : 110;
    EXPECT_THAT(bytes, ElementsAre(sure, 111, 100, 111, 111, sure));
    EXPECT_TRUE(exitRows.end("m.moe").ok());
    // Code that settles others than those that left.
    abi->settle(abi, 4, surplus, certain.data(), unsure.data(), counts);
    EXPECT_STREQ(exitRows.end("m.moe").message(),
                 "m.moe: settles 4 rows, 5 left");
  }
}

TEST(ExitRows, CodeThatAsksForAnotherExit) {
  ExitPlan plan;
  plan.layers = {1};
  plan.thresholds = {0};
  plan.allLayers = 2;
  ExitRows exitRows(plan, 1);
  exitRows.begin({});
  int64_t counts[5];
  exitRows.abi()->leave(exitRows.abi(), 1, nullptr, 0, nullptr, nullptr,
                        nullptr, nullptr, nullptr, nullptr, counts);
  EXPECT_STREQ(exitRows.end("m.moe").message(),
               "m.moe: exit 1 asked, the module has 1");
}

/// Whatever code calls, and how often: it is told so, and no list outgrows the
/// rows or the entries.
TEST(ExitRows, CodeThatCallsWhatItMustNot) {
  ExitPlan plan;
  plan.layers = {1, 2};
  plan.thresholds = {9, 9};
  plan.allLayers = 3;
  plan.parks = true;
  const List rows = {0, 1}, sequences(2);
  auto run = [&](auto &&calls) {
    ExitRows exitRows(plan, 1);
    ExitBatch batch;
    batch.wanted = rows;
    batch.sequences = sequences;
    batch.watches = true;
    exitRows.begin(batch);
    const moert_abi_exits_t *abi = exitRows.abi();
    List lists[5];
    for (List &list : lists)
      list.resize(2);
    int64_t counts[5];
    auto enter = [&] {
      abi->enter(abi, lists[0].data(), lists[1].data(), lists[2].data(),
                 counts);
    };
    auto leave = [&](int64_t exit, int64_t numbers) {
      const float scores[2] = {};
      abi->leave(abi, exit, scores, numbers, nullptr, lists[0].data(),
                 lists[1].data(), lists[2].data(), lists[3].data(),
                 lists[4].data(), counts);
      for (int64_t count : counts)
        EXPECT_LE(count, 2);
    };
    enter();
    calls(abi, enter, leave);
    return std::string(exitRows.end("m.moe").message());
  };
  EXPECT_EQ(run([](auto, auto enter, auto leave) {
              enter();
              leave(0, 0);
            }),
            "m.moe: enters twice");
  for (int64_t again : {0, 1})
    EXPECT_EQ(run([&](auto, auto, auto leave) {
                leave(1, 0);
                leave(again, 0);
              }),
              "m.moe: exit " + std::to_string(again) +
                  " asked behind exit 1");
  for (int64_t numbers : {-1, 2})
    EXPECT_EQ(run([&](auto, auto, auto leave) { leave(0, numbers); }),
              "m.moe: exit 0 shows " + std::to_string(numbers) +
                  " numbers that are not there");
  for (int64_t columns : {-1, 0})
    EXPECT_EQ(run([&](auto abi, auto, auto) {
                const float feature = 0;
                abi->park(abi, columns, &feature);
              }),
              "m.moe: parks rows of " + std::to_string(columns) +
                  " features, at least 1 is needed");
}

TEST(ExitRows, CodeThatForgetsToPark) {
  ExitPlan plan;
  plan.layers = {1};
  plan.thresholds = {0};
  plan.allLayers = 2;
  plan.parks = true;
  ExitRows exitRows(plan, 1);
  const List sequences = {0}, waiting = {1};
  const std::vector<float> three(3);
  const std::vector<std::span<const float>> features = {three};
  ExitBatch batch;
  batch.sequences = sequences;
  batch.waiting = waiting;
  batch.features = features;
  exitRows.begin(batch);
  EXPECT_STREQ(exitRows.end("m.moe").message(),
               "m.moe: rows left, and the code parked none of them");
  float feature = 0;
  exitRows.abi()->resume(exitRows.abi(), 1, &feature);
  EXPECT_STREQ(exitRows.end("m.moe").message(),
               "m.moe: resumes rows of 1 features, parked were 3");
}

//===----------------------------------------------------------------------===//
// Rows that wait
//===----------------------------------------------------------------------===//

TEST(Parked, KeepsRowsByPosition) {
  Parked parked(3);
  EXPECT_EQ(parked.count(), 0);
  EXPECT_EQ(parked.fullest(), 0);
  parked.keep(2, 7, {5, 1, {1}});
  parked.keep(2, 9, {6, 1, {2}});
  parked.keep(1, 8, {7, 2, {3}});
  parked.keep(2, 7, {5, 3, {4}});
  EXPECT_EQ(parked.count(), 3);
  EXPECT_EQ(parked.fullest(), 2);
  ASSERT_TRUE(parked.find(2, 7));
  EXPECT_EQ(parked.find(2, 7)->layers, 3);
  EXPECT_THAT(parked.find(2, 7)->features, ElementsAre(4));
  EXPECT_FALSE(parked.find(2, 8));
  parked.dropFrom(2, 8);
  EXPECT_EQ(parked.count(), 2);
  EXPECT_FALSE(parked.find(2, 9));
  parked.drop(2, 7);
  parked.drop(2, 7);
  EXPECT_EQ(parked.count(), 1);
  EXPECT_THAT(parked.rowsOf(2), IsEmpty());
  EXPECT_EQ(parked.fullest(), 1);
}

} // namespace
