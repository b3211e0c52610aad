//===- ExitsTest.cpp - rows that leave early, in batches and step by step -===//
//
// The models are test/Reference/Inputs/exits-*.mlir: three layers with exits
// behind the first and the second, and `@full`, the same without exits.
//===----------------------------------------------------------------------===//
#include "moe/Reference/Evaluator.h"

#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <random>

using namespace moe;
using namespace moe::reference;
using testing::Each;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

namespace {

constexpr int32_t vocabulary = 16;

/// A ragged batch as a caller makes it.
struct Tokens {
  Integers tokens, sequences, positions, wanted;

  void add(int32_t sequence, int32_t position, int32_t token, bool isWanted) {
    if (isWanted)
      append(wanted, int32_t(tokens.rows));
    append(tokens, token);
    append(sequences, sequence);
    append(positions, position);
  }

private:
  static void append(Integers &list, int32_t number) {
    list.values.push_back(number);
    ++list.rows;
  }
};

struct Outcome {
  Matrix logits;
  KvState kv;
  std::vector<int64_t> layers; ///< of each entry

  std::vector<double> row(int64_t entry) const {
    return {logits.row(entry), logits.row(entry) + logits.columns};
  }
};

bool operator==(const Matrix &a, const Matrix &b) {
  return a.rows == b.rows && a.columns == b.columns && a.values == b.values;
}

/// The entries of a state, comparable.
using Entries = std::map<std::tuple<int64_t, int32_t, int32_t>,
                         std::pair<std::vector<double>, std::vector<double>>>;
Entries getEntries(const KvState &kv) {
  Entries entries;
  for (const auto &[place, entry] : *kv.table)
    entries[place] = {entry.key, entry.value};
  return entries;
}

class ExitsTest : public testing::TestWithParam<const char *> {
protected:
  void load(const std::string &name) {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceFile<mlir::ModuleOp>(
        MOE_SOURCE_DIR "/test/Reference/Inputs/exits-" + name + ".mlir",
        &context);
    ASSERT_TRUE(module);
    model = *module->getOps<ModelOp>().begin();
    evaluator.emplace(model);
  }
  Outcome run(llvm::StringRef function, const Tokens &batch, KvState kv,
              ExitControl control = {}) {
    evaluator->setExits(std::move(control));
    auto results =
        evaluator->evaluate(model.lookupSymbol<mlir::func::FuncOp>(function),
                            {batch.tokens, batch.sequences, batch.positions,
                             batch.wanted, std::move(kv)});
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      int64_t entries = batch.wanted.rows;
      return {Matrix::zeros(entries, vocabulary), KvState(),
              std::vector<int64_t>(entries)};
    }
    return {std::get<Matrix>((*results)[0]), std::get<KvState>((*results)[1]),
            evaluator->getLayersRun().vec()};
  }
  static ExitControl above(double threshold) {
    ExitControl control;
    control.threshold = threshold;
    return control;
  }
  static ExitControl leavingAfter(std::vector<int64_t> layers) {
    ExitControl control;
    control.leaveAfter = std::move(layers);
    return control;
  }
  static ExitControl off() {
    ExitControl control;
    control.exits = Exits::Off;
    return control;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  std::optional<Evaluator> evaluator;
};

/// Prompts of several sequences; the last token of each is wanted.
Tokens makePrompts(int32_t sequences, int32_t length, unsigned seed) {
  std::mt19937 random(seed);
  Tokens batch;
  for (int32_t sequence = 0; sequence < sequences; ++sequence)
    for (int32_t position = 0; position < length; ++position)
      batch.add(sequence, position, int32_t(random() % vocabulary),
                position + 1 == length);
  return batch;
}

//===----------------------------------------------------------------------===//
// Of both kinds
//===----------------------------------------------------------------------===//

class BothStates : public ExitsTest {
protected:
  void SetUp() override { load(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(, BothStates,
                         testing::Values("propagate", "recompute"));

TEST_P(BothStates, ModelWithExitsOffIsTheModelWithoutExits) {
  Tokens batch = makePrompts(4, 5, 1);
  Outcome full = run("full", batch, KvState());
  Outcome out = run("forward", batch, KvState(), off());
  EXPECT_TRUE(out.logits == full.logits);
  EXPECT_EQ(getEntries(out.kv), getEntries(full.kv));
  EXPECT_THAT(out.layers, Each(3));
  Outcome infinite = run("forward", batch, KvState(), above(INFINITY));
  EXPECT_TRUE(infinite.logits == full.logits);
  EXPECT_EQ(getEntries(infinite.kv), getEntries(full.kv));
}

TEST_P(BothStates, MixedExitsAreTheSequencesOneByOne) {
  constexpr int32_t count = 8;
  Outcome prompts = run("full", makePrompts(count, 4, 2), KvState());
  std::mt19937 random(3);
  Tokens batch;
  std::vector<int64_t> depths;
  Outcome together;
  std::vector<int32_t> tokens;
  for (int32_t sequence = 0; sequence < count; ++sequence) {
    tokens.push_back(int32_t(random() % vocabulary));
    batch.add(sequence, 4, tokens.back(), true);
  }
  together = run("forward", batch, prompts.kv);
  for (int64_t layers : {1, 2, 3})
    EXPECT_THAT(together.layers, testing::Contains(layers));
  Entries all = getEntries(together.kv);
  for (int32_t sequence = 0; sequence < count; ++sequence) {
    Tokens one;
    one.add(sequence, 4, tokens[sequence], true);
    Outcome alone = run("forward", one, prompts.kv);
    EXPECT_EQ(alone.row(0), together.row(sequence));
    EXPECT_THAT(alone.layers, ElementsAre(together.layers[sequence]));
    for (const auto &[place, entry] : getEntries(alone.kv)) {
      if (std::get<1>(place) == sequence) {
        EXPECT_EQ(entry, all[place]);
      }
    }
  }
}

TEST_P(BothStates, DepthGrowsWithTheThreshold) {
  Tokens batch = makePrompts(16, 3, 4);
  std::vector<int64_t> before(16, 0);
  for (double threshold = 0; threshold <= 1; threshold += 1.0 / 64) {
    Outcome out = run("forward", batch, KvState(), above(threshold));
    for (size_t entry = 0; entry < 16; ++entry)
      EXPECT_GE(out.layers[entry], before[entry]) << threshold;
    before = out.layers;
    if (threshold == 0) {
      EXPECT_THAT(out.layers, Each(1));
    }
  }
  EXPECT_THAT(before, Each(3));
}

TEST_P(BothStates, LogitsAreOfTheLayerBehindWhichARowLeft) {
  // An exit's head is the last one's, so a deeper exit has the logits of a
  // model that ends there.
  Tokens batch = makePrompts(3, 4, 5);
  Outcome out = run("forward", batch, KvState(), leavingAfter({1, 2, -1}));
  EXPECT_THAT(out.layers, ElementsAre(1, 2, 3));
  std::map<std::string, Matrix> heads;
  Evaluator watching(model, [&](mlir::OpResult result, const Value &value) {
    if (auto *matrix = std::get_if<Matrix>(&value))
      if (matrix->columns == vocabulary &&
          llvm::isa<LinearOp>(result.getOwner()))
        heads["exit " + std::to_string(heads.size() + 1)] = *matrix;
  });
  watching.setExits(leavingAfter({3, 3, 3}));
  auto results =
      watching.evaluate(model.lookupSymbol<mlir::func::FuncOp>("forward"),
                        {batch.tokens, batch.sequences, batch.positions,
                         batch.wanted, KvState()});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  for (int64_t entry = 0; entry < 3; ++entry) {
    const Matrix &head = heads["exit " + std::to_string(entry + 1)];
    EXPECT_EQ(
        out.row(entry),
        std::vector<double>(head.row(entry), head.row(entry) + head.columns));
  }
}

TEST_P(BothStates, RowStaysUntilAllWhoWantItHaveLeft) {
  Tokens batch;
  batch.add(0, 0, 3, true);
  batch.wanted = {2, 1, {0, 0}};
  Outcome out = run("forward", batch, KvState(), leavingAfter({1, 2}));
  EXPECT_THAT(out.layers, ElementsAre(1, 2));
  Outcome first = run("forward", batch, KvState(), leavingAfter({1, 1}));
  Outcome second = run("forward", batch, KvState(), leavingAfter({2, 2}));
  EXPECT_EQ(out.row(0), first.row(0));
  EXPECT_EQ(out.row(1), second.row(1));
}

TEST_P(BothStates, RowsThatNobodyWantsDoNotLeave) {
  Tokens batch;
  batch.add(0, 0, 3, false);
  batch.add(0, 1, 4, true);
  Outcome full = run("full", batch, KvState());
  Outcome out = run("forward", batch, KvState(), leavingAfter({1}));
  Entries entries = getEntries(out.kv), expected = getEntries(full.kv);
  for (int64_t layer : {0, 1, 2})
    EXPECT_EQ(entries.at({layer, 0, 0}), expected.at({layer, 0, 0}));
}

TEST_P(BothStates, EntriesMustMatchWhatTheCallerSays) {
  Tokens batch = makePrompts(1, 1, 1);
  evaluator->setExits(leavingAfter({1, 2}));
  auto results =
      evaluator->evaluate(model.lookupSymbol<mlir::func::FuncOp>("forward"),
                          {batch.tokens, batch.sequences, batch.positions,
                           batch.wanted, KvState()});
  ASSERT_FALSE(bool(results));
  EXPECT_EQ(llvm::toString(results.takeError()),
            "moe.enter: there are 1 entries, and 2 are told when to leave");
}

//===----------------------------------------------------------------------===//
// Propagated keys and values
//===----------------------------------------------------------------------===//

class Propagate : public ExitsTest {
protected:
  void SetUp() override { load("propagate"); }
};

TEST_F(Propagate, KeysDifferFromTheFullModelsBehindTheFirstLayerLeftOut) {
  // That layer's keys are made of what the full model makes them of.
  Tokens batch;
  batch.add(0, 0, 3, true);
  Outcome full = run("full", batch, KvState());
  Entries expected = getEntries(full.kv);
  for (int64_t depth : {1, 2}) {
    Outcome out = run("forward", batch, KvState(), leavingAfter({depth}));
    Entries entries = getEntries(out.kv);
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_TRUE(out.kv.parked->empty());
    for (int64_t layer : {0, 1, 2}) {
      EXPECT_EQ(entries.at({layer, 0, 0}) == expected.at({layer, 0, 0}),
                layer <= depth)
          << layer;
    }
  }
}

TEST_F(Propagate, LaterRowsOfABatchSeeTheKeysOfThoseThatLeft) {
  // One batch of two positions of a sequence, or two batches of one.
  Tokens both, first, second;
  both.add(0, 0, 3, true);
  both.add(0, 1, 5, true);
  first.add(0, 0, 3, true);
  second.add(0, 1, 5, true);
  Outcome out = run("forward", both, KvState(), leavingAfter({1, -1}));
  Outcome one = run("forward", first, KvState(), leavingAfter({1}));
  Outcome two = run("forward", second, one.kv, leavingAfter({-1}));
  EXPECT_EQ(out.row(0), one.row(0));
  EXPECT_EQ(out.row(1), two.row(0));
  EXPECT_EQ(getEntries(out.kv), getEntries(two.kv));
}

//===----------------------------------------------------------------------===//
// Rows that wait
//===----------------------------------------------------------------------===//

/// Feeds sequences token by token, and puts rows that wait into the batch
/// again.
class Recompute : public ExitsTest {
protected:
  void SetUp() override { load("recompute"); }

  /// The rows of `sequence` that wait.
  void addWaiting(Tokens &batch, int32_t sequence) {
    for (const auto &[place, parked] : *kv.parked)
      if (place.first == sequence)
        batch.add(sequence, place.second, texts[sequence][place.second], false);
  }
  /// A step of some sequences.
  Outcome step(std::map<int32_t, int32_t> next, ExitControl control) {
    Tokens batch;
    for (auto [sequence, token] : next) {
      addWaiting(batch, sequence);
      batch.add(sequence, int32_t(texts[sequence].size()), token, true);
      texts[sequence].push_back(token);
    }
    Outcome out = run("forward", batch, kv, std::move(control));
    kv = out.kv;
    return out;
  }
  std::map<int32_t, int64_t> getWaiting(int32_t sequence) {
    std::map<int32_t, int64_t> waiting;
    for (const auto &[place, parked] : *kv.parked)
      if (place.first == sequence)
        waiting[place.second] = parked.layers;
    return waiting;
  }
  /// All of a sequence at once, under its number.
  Outcome runFull(int32_t sequence) {
    Tokens batch;
    int32_t position = 0;
    for (int32_t token : texts[sequence])
      batch.add(sequence, position++, token, true);
    return run("full", batch, KvState());
  }

  KvState kv;
  std::map<int32_t, std::vector<int32_t>> texts;
};

TEST_F(Recompute, KeysAreThoseOfTheFullModel) {
  std::mt19937 random(7);
  std::set<int64_t> depths;
  int64_t waited = 0;
  for (int step = 0; step < 24; ++step) {
    Outcome out = this->step({{0, int32_t(random() % vocabulary)}}, {});
    depths.insert(out.layers[0]);
    if (out.layers[0] == 3) {
      Outcome full = runFull(0);
      EXPECT_EQ(out.row(0), full.row(full.logits.rows - 1));
      EXPECT_EQ(getEntries(kv), getEntries(full.kv));
      EXPECT_TRUE(kv.parked->empty());
    } else {
      ++waited;
      EXPECT_EQ(getWaiting(0).at(step), out.layers[0]);
    }
  }
  EXPECT_THAT(depths, ElementsAre(1, 2, 3));
  EXPECT_GT(waited, 3);
}

TEST_F(Recompute, RowsWaitWhereTheyStopped) {
  step({{0, 3}}, leavingAfter({1}));
  EXPECT_THAT(getWaiting(0), ElementsAre(std::pair(0, 1)));
  EXPECT_EQ(getEntries(kv).size(), 1u);
  step({{0, 4}}, leavingAfter({1}));
  EXPECT_THAT(getWaiting(0), ElementsAre(std::pair(0, 1), std::pair(1, 1)));
  // Both run along to the second exit.
  step({{0, 5}}, leavingAfter({2}));
  EXPECT_THAT(getWaiting(0),
              ElementsAre(std::pair(0, 2), std::pair(1, 2), std::pair(2, 2)));
  EXPECT_EQ(getEntries(kv).size(), 6u);
  // Some wait behind the first, some behind the second.
  step({{0, 6}}, leavingAfter({1}));
  EXPECT_EQ(getWaiting(0)[3], 1);
  step({{0, 7}}, leavingAfter({-1}));
  EXPECT_TRUE(kv.parked->empty());
  EXPECT_EQ(getEntries(kv), getEntries(runFull(0).kv));
}

TEST_F(Recompute, OtherSequencesStayWhereTheyAre) {
  step({{0, 3}, {1, 4}}, leavingAfter({1, 1}));
  step({{0, 5}, {1, 6}}, leavingAfter({2, 1}));
  EXPECT_THAT(getWaiting(0), ElementsAre(std::pair(0, 2), std::pair(1, 2)));
  EXPECT_THAT(getWaiting(1), ElementsAre(std::pair(0, 1), std::pair(1, 1)));
  Outcome out = step({{0, 7}}, leavingAfter({-1}));
  EXPECT_TRUE(getWaiting(0).empty());
  EXPECT_THAT(getWaiting(1), ElementsAre(std::pair(0, 1), std::pair(1, 1)));
  EXPECT_EQ(out.row(0), runFull(0).row(2));
}

TEST_F(Recompute, RowsOfASequenceGoOnTogether) {
  // The first leaves earlier, but the second would miss its keys.
  Tokens batch;
  batch.add(0, 0, 3, true);
  batch.add(0, 1, 4, true);
  Outcome out = run("forward", batch, kv, leavingAfter({1, 2}));
  EXPECT_THAT(out.layers, ElementsAre(1, 2));
  kv = out.kv;
  EXPECT_THAT(getWaiting(0), ElementsAre(std::pair(0, 2), std::pair(1, 2)));
  // Logits are those of where the entry left.
  Outcome alone = run("forward", batch, KvState(), leavingAfter({1, 1}));
  EXPECT_EQ(out.row(0), alone.row(0));
}

TEST_F(Recompute, WaitingRowsRunOnByThemselves) {
  step({{0, 3}}, leavingAfter({1}));
  step({{0, 4}}, leavingAfter({1}));
  Tokens batch;
  batch.add(0, 0, 3, true);
  batch.add(0, 1, 4, true);
  Outcome out = run("forward", batch, kv);
  Outcome full = runFull(0);
  EXPECT_TRUE(out.logits == full.logits);
  EXPECT_EQ(getEntries(out.kv), getEntries(full.kv));
  EXPECT_THAT(out.layers, ElementsAre(3, 3));
  EXPECT_TRUE(out.kv.parked->empty());
}

TEST_F(Recompute, WaitingRowsMayBeWantedWithOneThatRunsThrough) {
  step({{0, 3}}, leavingAfter({2}));
  Tokens batch;
  batch.add(0, 0, 3, true);
  batch.add(0, 1, 4, true);
  texts[0].push_back(4);
  Outcome out = run("forward", batch, kv, off());
  EXPECT_TRUE(out.logits == runFull(0).logits);
  EXPECT_THAT(out.layers, ElementsAre(3, 3));
  // They have no logits where nobody takes them along.
  out = run("forward", batch, kv, leavingAfter({0, 2}));
  EXPECT_THAT(out.layers, ElementsAre(-1, 2));
  EXPECT_THAT(out.row(0), Each(0));
}

TEST_F(Recompute, WhateverLeavesWhereKeysAreThoseOfTheFullModel) {
  std::mt19937 random(11);
  for (int step = 0; step < 32; ++step) {
    std::map<int32_t, int32_t> next;
    for (int32_t sequence = 0; sequence < 3; ++sequence)
      if (random() % 3)
        next[sequence] = int32_t(random() % vocabulary);
    std::vector<int64_t> layers;
    for (size_t entry = 0; entry < next.size(); ++entry)
      layers.push_back(std::vector<int64_t>{1, 1, 2, -1, 0}[random() % 5]);
    this->step(next, leavingAfter(layers));
  }
  Entries entries = getEntries(kv);
  for (int32_t sequence = 0; sequence < 3; ++sequence) {
    std::map<int32_t, int64_t> waiting = getWaiting(sequence);
    for (const auto &[place, entry] : getEntries(runFull(sequence).kv)) {
      auto [layer, ignored, position] = place;
      auto found = entries.find(place);
      auto row = waiting.find(position);
      // A row has keys in the layers that it ran through.
      bool ran = row == waiting.end() || layer < row->second;
      ASSERT_EQ(found != entries.end(), ran);
      if (ran) {
        EXPECT_EQ(found->second, entry);
      }
    }
  }
}

TEST_F(Recompute, StateIsAValue) {
  step({{0, 3}}, leavingAfter({1}));
  KvState before = kv;
  step({{0, 4}}, off());
  EXPECT_TRUE(kv.parked->empty());
  EXPECT_EQ(before.parked->size(), 1u);
}

} // namespace
