//===- RecallTableTest.cpp - predictors side by side ----------------------===//
#include "TraceBuilder.h"

#include "moe/Driver/Registry.h"
#include "moe/Prefetch/RecallTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using testing::HasSubstr;

namespace {

RoutingTrace makeCoupled() {
  TraceOptions options;
  options.rows = 400;
  options.coupling = 0.9;
  return makeTrace(options);
}

const PredictorRecall &find(const RecallTable &table, llvm::StringRef name) {
  return *llvm::find_if(table.predictors,
                        [&](const auto &row) { return row.name == name; });
}

TEST(RecallTableTest, HasEveryPredictorAndTheNumbersOfChoice) {
  auto table = getRecallTable(makeCoupled(), {});
  ASSERT_TRUE(bool(table)) << llvm::toString(table.takeError());
  EXPECT_EQ(table->predictors.size(), getRegistry().predictors.size());
  EXPECT_EQ(table->counts, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(table->begin, 200);
  EXPECT_EQ(table->end, 400);
  // The bound, and nobody.
  EXPECT_EQ(find(*table, "oracle").recall, (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(find(*table, "none").recall, (std::vector<double>{0, 0, 0}));
  const PredictorRecall &pattern = find(*table, "pattern");
  EXPECT_EQ(pattern.guessedLayers, 3);
  ASSERT_EQ(pattern.layerRecall.size(), 3u);
  EXPECT_LT(pattern.recall[0], pattern.recall[1]);
  EXPECT_LT(pattern.recall[1], pattern.recall[2]);
  double sum = 0;
  for (const std::vector<double> &layer : pattern.layerRecall)
    sum += layer[1];
  EXPECT_DOUBLE_EQ(pattern.recall[1], sum / 3);
  EXPECT_THAT(find(*table, "cross-layer-gate").missing,
              HasSubstr("has no guesses"));
}

TEST(RecallTableTest, IsAsked) {
  RecallOptions options;
  options.ahead = 3;
  options.counts = {1, 8};
  options.fitted = 100;
  auto table = getRecallTable(makeCoupled(), options);
  ASSERT_TRUE(bool(table)) << llvm::toString(table.takeError());
  const PredictorRecall &multi = find(*table, "multi-layer");
  EXPECT_EQ(multi.guessedLayers, 1);
  EXPECT_EQ(multi.recall[1], 1); // all experts
  EXPECT_EQ(table->begin, 100);
}

TEST(RecallTableTest, RefusesPartsThatAreNone) {
  RecallOptions options;
  options.fitted = 400;
  auto table = getRecallTable(makeCoupled(), options);
  EXPECT_EQ(llvm::toString(table.takeError()),
            "400 rows are to learn from, the trace has 400");
  options.fitted = 0;
  table = getRecallTable(makeCoupled().slice(0, 1), options);
  EXPECT_EQ(llvm::toString(table.takeError()),
            "0 rows are to learn from, the trace has 1");
  options.counts = {9};
  table = getRecallTable(makeCoupled(), options);
  EXPECT_EQ(llvm::toString(table.takeError()),
            "there are 9 guesses per row, must be between 1 and 8");
}

TEST(RecallTableTest, IsPrinted) {
  auto table = getRecallTable(makeCoupled(), {});
  ASSERT_TRUE(bool(table)) << llvm::toString(table.takeError());
  std::string text;
  llvm::raw_string_ostream os(text);
  printRecallTable(*table, os);
  EXPECT_THAT(text, HasSubstr("rows 200 to 399"));
  EXPECT_THAT(text,
              HasSubstr("| guesses per row and layer | 2 | 3 | 4 | ECE |"));
  EXPECT_THAT(text, HasSubstr("\n| none | 0.000 | 0.000 | 0.000 | - |\n"));
  EXPECT_THAT(text, HasSubstr("\n| cross-layer-gate | - | - | - | - |\n"));
  EXPECT_THAT(text, HasSubstr("\ncross-layer-gate: has no guesses; those of "));
}

} // namespace
