//===- ExitPolicyTest.cpp - what every exit policy must do ----------------===//
#include "moe/Exit/ExitPolicy.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "moe/Driver/Registry.h"
#include "moe/Reference/Evaluator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <numeric>
#include <random>

using namespace moe;
using namespace moe::reference;
using mlir::RankedTensorType;
using mlir::ShapedType;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::Not;

namespace {

constexpr int64_t features = 4, words = 6;

/// What an exit is shown of some rows.
struct Seen {
  Matrix before, after, logits;

  int64_t getRows() const { return logits.rows; }
  /// Of some of the rows.
  Seen pick(const std::vector<int32_t> &rows) const {
    return {pick(before, rows), pick(after, rows), pick(logits, rows)};
  }

private:
  static Matrix pick(const Matrix &from, const std::vector<int32_t> &rows) {
    Matrix result = Matrix::zeros(rows.size(), from.columns);
    for (size_t i = 0; i < rows.size(); ++i)
      std::copy_n(from.row(rows[i]), from.columns, result.row(i));
    return result;
  }
};

/// A function of two exits, of which the rows `kept` come from the first to the
/// second.
class ExitPolicyTest : public testing::TestWithParam<std::string> {
protected:
  ExitPolicyTest() {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
    policy = getRegistry().exitPolicies.at(GetParam())();
    build();
  }

  RankedTensorType rowsType(int64_t columns) {
    return RankedTensorType::get({ShapedType::kDynamic, columns},
                                 mlir::Float32Type::get(&context));
  }

  void build() {
    mlir::Location loc = mlir::UnknownLoc::get(&context);
    module = mlir::ModuleOp::create(loc);
    mlir::ImplicitLocOpBuilder b(loc, &context);
    b.setInsertionPointToEnd(module->getBody());
    model = ModelOp::create(b, "m", "null", 8, words, ".");
    b.createBlock(&model.getBody());
    mlir::Type rows = rowsType(features), logits = rowsType(words);
    std::vector<mlir::Type> inputs = {
        rows, rows, logits, rows, rows, logits, getRowSetType(&context)};
    function =
        mlir::func::FuncOp::create(b, "f", b.getFunctionType(inputs, {}));
    b.setInsertionPointToEnd(function.addEntryBlock());
    ExitSite site;
    site.model = model;
    site.layers = 1;
    first = buildExit(b, site, 0);
    site.index = 1;
    site.layers = 2;
    for (mlir::Value value : first.state)
      site.before.push_back(pick(b, value, function.getArgument(6)));
    second = buildExit(b, site, 3);
    finish(b);
  }

  /// Shows what the policy says that it needs, and nothing else.
  ExitScores buildExit(mlir::ImplicitLocOpBuilder &b, ExitSite site,
                       unsigned argument) {
    if (policy->needsFeaturesBefore())
      site.featuresBefore = function.getArgument(argument);
    site.features = function.getArgument(argument + 1);
    if (policy->needsLogits())
      site.logits = function.getArgument(argument + 2);
    return policy->buildScores(b, site);
  }

  mlir::Value pick(mlir::ImplicitLocOpBuilder &b, mlir::Value from,
                   mlir::Value rows) {
    return PickOp::create(b, from.getType(), from, rows);
  }

  void finish(mlir::ImplicitLocOpBuilder &b) {
    llvm::SmallVector<mlir::Value> results = {first.scores, second.scores};
    llvm::append_range(results, first.watched);
    mlir::func::ReturnOp::create(b, results);
    function.setFunctionType(
        b.getFunctionType(function.getArgumentTypes(),
                          mlir::TypeRange(mlir::ValueRange(results))));
  }

  /// Scores at the first exit and, of those kept, at the second.
  std::pair<std::vector<double>, std::vector<double>>
  run(const Seen &atFirst, const Seen &atSecond, std::vector<int32_t> kept) {
    Integers rows{int64_t(kept.size()), 1, kept};
    std::vector<Value> arguments = {atFirst.before,
                                    atFirst.after,
                                    atFirst.logits,
                                    atSecond.before,
                                    atSecond.after,
                                    atSecond.logits,
                                    rows};
    auto results = evaluate(model, function, std::move(arguments));
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return {};
    }
    return {std::get<Matrix>((*results)[0]).values,
            std::get<Matrix>((*results)[1]).values};
  }

  static Matrix random(int64_t rows, int64_t columns, double scale,
                       unsigned seed) {
    std::mt19937 generator(seed);
    Matrix result = Matrix::zeros(rows, columns);
    for (double &value : result.values)
      value = scale * (double(generator()) / generator.max() - 0.5);
    return result;
  }
  static Seen randomSeen(int64_t rows, double scale, unsigned seed) {
    return {random(rows, features, scale, seed),
            random(rows, features, scale, seed + 1),
            random(rows, words, scale, seed + 2)};
  }
  static std::vector<int32_t> count(int64_t rows) {
    std::vector<int32_t> result(rows);
    std::iota(result.begin(), result.end(), 0);
    return result;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  mlir::func::FuncOp function;
  std::unique_ptr<ExitPolicy> policy;
  ExitScores first, second;
};

TEST_P(ExitPolicyTest, HasItsNameAndOneLine) {
  EXPECT_EQ(policy->getName(), GetParam());
  llvm::StringRef summary = policy->getSummary();
  EXPECT_GT(summary.size(), 10u);
  EXPECT_FALSE(summary.contains('\n'));
  EXPECT_FALSE(summary.ends_with("."));
}

TEST_P(ExitPolicyTest, DefaultThresholdLiesInRange) {
  auto [least, most] = policy->getRange();
  EXPECT_LT(least, most);
  EXPECT_GT(policy->getDefaultThreshold(), least);
  EXPECT_LE(policy->getDefaultThreshold(), most);
}

TEST_P(ExitPolicyTest, ThresholdsToTryDescendInRange) {
  auto [least, most] = policy->getRange();
  std::vector<double> thresholds = policy->getThresholdsToTry(5);
  ASSERT_THAT(thresholds, Not(IsEmpty()));
  for (size_t i = 0; i < thresholds.size(); ++i) {
    EXPECT_GE(thresholds[i], least);
    EXPECT_LE(thresholds[i], most);
    if (i)
      EXPECT_LT(thresholds[i], thresholds[i - 1]);
  }
}

TEST_P(ExitPolicyTest, ScoresVerify) {
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
  EXPECT_EQ(first.scores.getType(), rowsType(1));
  for (mlir::Value value : first.watched)
    EXPECT_EQ(value.getType(), rowsType(1));
  EXPECT_EQ(first.watched.size(), second.watched.size());
}

TEST_P(ExitPolicyTest, ScoresLieInRange) {
  auto [least, most] = policy->getRange();
  for (double scale : {0.0, 0.1, 3.0, 100.0}) {
    auto [one, two] =
        run(randomSeen(32, scale, 1), randomSeen(32, scale, 7), count(32));
    one.insert(one.end(), two.begin(), two.end());
    ASSERT_EQ(one.size(), 64u);
    for (double score : one) {
      EXPECT_GE(score, least - 1e-9) << "at scale " << scale;
      EXPECT_LE(score, most + 1e-9) << "at scale " << scale;
    }
  }
}

/// Row 1 is sure: the layer changes nothing, and one word is all but certain,
/// the same at both exits. Row 0 is turned, and words are much alike.
TEST_P(ExitPolicyTest, WhoIsEvidentlySurerScoresMore) {
  Seen seen{Matrix::zeros(2, features), Matrix::zeros(2, features),
            Matrix::zeros(2, words)};
  seen.before.at(0, 0) = seen.before.at(1, 0) = 1;
  seen.after.at(0, 1) = seen.after.at(1, 0) = 1;
  seen.logits.at(0, 2) = 0.01;
  seen.logits.at(1, 3) = 20;
  Seen later = seen;
  later.logits.at(0, 2) = 0;
  later.logits.at(0, 4) = 0.01;
  auto [one, two] = run(seen, later, {0, 1});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_GE(one[1], one[0]);
  EXPECT_GT(two[1], two[0]);
  EXPECT_GE(two[1], policy->getDefaultThreshold());
  EXPECT_LT(two[0], policy->getDefaultThreshold());
}

TEST_P(ExitPolicyTest, RowsScoreTheSameWhoeverLeaves) {
  Seen before = randomSeen(12, 3, 21), after = randomSeen(12, 3, 42);
  // Some rows keep to their word, so that there is something to remember.
  for (int64_t row = 0; row < 12; row += 2)
    std::copy_n(before.logits.row(row), words, after.logits.row(row));
  std::vector<double> all = run(before, after, count(12)).second;
  std::vector<int32_t> kept = {1, 4, 5, 10};
  std::vector<double> some = run(before, after.pick(kept), kept).second;
  std::vector<double> expected;
  for (int32_t row : kept)
    expected.push_back(all.at(row));
  EXPECT_THAT(some, ElementsAreArray(expected));
  EXPECT_THAT(run(before, after.pick({}), {}).second, IsEmpty());
}

TEST_P(ExitPolicyTest, FitIsTakenBack) {
  std::vector<ExitSample> samples(20);
  for (size_t i = 0; i < samples.size(); ++i) {
    std::vector<double> watched(first.watched.size(), i % 3 * 0.25);
    samples[i].exits.push_back({0.5, watched, i % 3 == 2});
    samples[i].exits.push_back({0.5, watched, i % 3 != 0});
  }
  ASSERT_FALSE(policy->fit(samples));
  std::vector<double> numbers = policy->getFit();
  EXPECT_EQ(numbers.empty(), !policy->needsFit());
  std::unique_ptr<ExitPolicy> other =
      getRegistry().exitPolicies.at(GetParam())();
  ASSERT_FALSE(other->setFit(numbers, 2));
  EXPECT_EQ(other->getFit(), numbers);
  llvm::Error error = other->setFit({1.0}, 2);
  EXPECT_TRUE(bool(error));
  llvm::consumeError(std::move(error));
}

std::vector<std::string> getNames() {
  std::vector<std::string> names;
  for (const auto &[name, create] : getRegistry().exitPolicies)
    names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(, ExitPolicyTest, testing::ValuesIn(getNames()),
                         [](const auto &info) { return info.param; });

} // namespace
