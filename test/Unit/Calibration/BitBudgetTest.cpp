//===- BitBudgetTest.cpp - budgets against all possible choices -----------===//
#include "moe/Calibration/BitBudget.h"

#include "mlir/AsmParser/AsmParser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <limits>
#include <random>

using namespace moe;
using testing::Pair;
using testing::UnorderedElementsAre;

namespace {

class BitBudgetTest : public testing::Test {
protected:
  BitBudgetTest() {
    context.loadDialect<MoeDialect>();
    add("q2", "planes, bits = 2, columns = 64", 0.13);
    add("q4", "planes, bits = 4, columns = 64", 0.012);
    add("q4-zeros", "planes, bits = 4, columns = 64, zeros = true", 0.009);
    add("q8", "planes, bits = 8, offset = 128", 0.00003);
    // Larger and worse than q4: never to be chosen.
    add("q5", "planes, bits = 5, columns = 32, zeros = true", 0.02);
  }

  void add(const std::string &name, const std::string &code, double error) {
    auto attribute = llvm::dyn_cast_or_null<CodeAttr>(mlir::parseAttribute(
        "#moe.code<\"" + name + "\", " + code + ">", &context));
    ASSERT_TRUE(attribute) << name;
    schemes.push_back({name, attribute, error});
  }

  BudgetPlan spend(llvm::ArrayRef<BudgetTensor> tensors, double bits) {
    auto plan = spendBits(tensors, schemes, bits);
    if (plan)
      return *plan;
    ADD_FAILURE() << llvm::toString(plan.takeError());
    return {};
  }

  double getBits(llvm::ArrayRef<BudgetTensor> tensors,
                 llvm::ArrayRef<size_t> choice) {
    double bytes = 0, weights = 0;
    for (auto [tensor, i] : llvm::zip_equal(tensors, choice)) {
      bytes += double(tensor.matrices) * double(schemes[i].code.getMatrixBytes(
                                             tensor.rows, tensor.columns));
      weights += double(tensor.matrices * tensor.rows * tensor.columns);
    }
    return bytes * 8 / weights;
  }

  /// Loss of the best of all choices within the budget; infinite without one.
  double tryAll(llvm::ArrayRef<BudgetTensor> tensors, double bits) {
    std::vector<size_t> choice(tensors.size());
    double best = std::numeric_limits<double>::infinity();
    while (true) {
      double loss = 0;
      for (auto [tensor, i] : llvm::zip_equal(tensors, choice))
        loss += tensor.sensitivity * schemes[i].error;
      if (getBits(tensors, choice) <= bits)
        best = std::min(best, loss);
      size_t t = 0;
      while (t < choice.size() && ++choice[t] == schemes.size())
        choice[t++] = 0;
      if (t == choice.size())
        return best;
    }
  }

  mlir::MLIRContext context;
  std::vector<BudgetScheme> schemes;
};

TEST_F(BitBudgetTest, SmallCasesLoseNoMoreThanAnyChoice) {
  std::mt19937 bits32(1);
  auto random = [&] { return int64_t(bits32()); };
  for (int round = 0; round < 40; ++round) {
    std::vector<BudgetTensor> tensors;
    for (int t = 0; t < 5; ++t)
      tensors.push_back({"w" + std::to_string(t), 1 + random() % 2,
                         16 * (1 + random() % 3), 64 * (1 + random() % 3),
                         double(1 + random() % 1000)});
    double bits = 2.5 + double(random() % 60) / 10;
    BudgetPlan plan = spend(tensors, bits);
    EXPECT_LE(plan.bits, bits);
    EXPECT_NEAR(plan.loss, tryAll(tensors, bits), 1e-9 * plan.loss)
        << "round " << round << ", " << bits << " bits";
  }
}

TEST_F(BitBudgetTest, LargeTensorsFillTheBudget) {
  // Far more bytes than steps of the search, which have a divisor.
  std::vector<BudgetTensor> tensors;
  for (int t = 0; t < 6; ++t)
    tensors.push_back({"w" + std::to_string(t), 8, 1024 << (t % 3), 2048,
                       1.0 + 7 * t % 5});
  for (double bits : {2.3, 3.0, 4.4, 6.0}) {
    BudgetPlan plan = spend(tensors, bits);
    EXPECT_LE(plan.bits, bits);
    EXPECT_NEAR(plan.loss, tryAll(tensors, bits), 1e-9) << bits << " bits";
  }
}

TEST_F(BitBudgetTest, OddLargeTensorsNearlyFillTheBudget) {
  // More bytes than steps of the search, and no divisor of note.
  std::vector<BudgetTensor> tensors;
  for (int t = 0; t < 6; ++t)
    tensors.push_back({"w" + std::to_string(t), 5 + t, 1008 + 16 * t * t,
                       1984 + 64 * t, 1.0 + 7 * t % 5});
  for (double bits : {2.3, 3.0, 4.4, 6.0}) {
    BudgetPlan plan = spend(tensors, bits);
    EXPECT_LE(plan.bits, bits);
    EXPECT_LE(plan.loss, 1.001 * tryAll(tensors, bits)) << bits << " bits";
  }
}

TEST_F(BitBudgetTest, SensitiveWeightsGetMoreBits) {
  std::vector<BudgetTensor> tensors = {{"a", 1, 64, 256, 1.0},
                                       {"b", 1, 64, 256, 1000.0}};
  BudgetPlan plan = spend(tensors, 5.4);
  EXPECT_THAT(plan.schemes,
              UnorderedElementsAre(Pair("a", "q2"), Pair("b", "q8")));
}

TEST_F(BitBudgetTest, PlanSaysWhatItCosts) {
  std::vector<BudgetTensor> tensors = {{"a", 3, 48, 192, 2.0}};
  BudgetPlan plan = spend(tensors, 100.0);
  EXPECT_THAT(plan.schemes, UnorderedElementsAre(Pair("a", "q8")));
  EXPECT_EQ(plan.bits, getBits(tensors, {3}));
  EXPECT_EQ(plan.loss, 2.0 * 0.00003);
}

TEST_F(BitBudgetTest, BudgetOfTheSmallestSchemeIsEnough) {
  std::vector<BudgetTensor> tensors = {{"a", 1, 32, 128, 1.0},
                                       {"b", 1, 64, 256, 1.0}};
  double least = getBits(tensors, {0, 0});
  EXPECT_THAT(spend(tensors, least).schemes,
              UnorderedElementsAre(Pair("a", "q2"), Pair("b", "q2")));
  auto plan = spendBits(tensors, schemes, 2.0);
  ASSERT_FALSE(bool(plan));
  EXPECT_EQ(llvm::toString(plan.takeError()),
            "a budget of 2.000 bits per weight, the smallest schemes need "
            "2.250");
}

TEST_F(BitBudgetTest, NotANumberIsNoBudget) {
  auto plan = spendBits({{"a", 1, 32, 128, 1.0}}, schemes,
                        std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(bool(plan));
  llvm::consumeError(plan.takeError());
}

TEST_F(BitBudgetTest, NothingToSpendOnIsRefused) {
  auto plan = spendBits({}, schemes, 4.0);
  ASSERT_FALSE(bool(plan));
  EXPECT_EQ(llvm::toString(plan.takeError()),
            "a budget for 0 weights and 5 schemes, when there should be at "
            "least 1 of each");
}

} // namespace
