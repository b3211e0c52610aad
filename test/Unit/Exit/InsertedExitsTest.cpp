//===- InsertedExitsTest.cpp - sequences that leave, token by token -------===//
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/Transforms/Passes.h"
#include "moe/Reference/Evaluator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace moe;
using namespace moe::reference;

namespace {

/// A sequence, cut where logits are asked for, and after how many layers the
/// last token of each part leaves; -1: after all.
struct Sequence {
  std::vector<std::vector<int32_t>> parts;
  std::vector<int64_t> leaveAfter;
};

/// The batch of one call.
struct Batch {
  Integers tokens, sequences, positions, wanted;
  std::vector<int64_t> leaveAfter;

  void add(int32_t token, int32_t sequence, int32_t position) {
    append(tokens, token);
    append(sequences, sequence);
    append(positions, position);
  }
  void wantLast(int64_t leave) {
    append(wanted, int32_t(tokens.rows - 1));
    leaveAfter.push_back(leave);
  }

private:
  static void append(Integers &list, int32_t value) {
    list.values.push_back(value);
    ++list.rows;
  }
};

/// A model of four layers, without exits, or with exits of a policy and a
/// state.
class InsertedExitsTest : public testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
  }

  mlir::OwningOpRef<mlir::ModuleOp> make(const std::string &policy,
                                         const std::string &state) {
    auto module = mlir::parseSourceFile<mlir::ModuleOp>(
        MOE_SOURCE_DIR "/test/Exit/Inputs/decoder.mlir", &context);
    if (!policy.empty()) {
      InsertExitsPassOptions options;
      options.policy = policy;
      options.state = state;
      // Nobody leaves but those that are told to.
      options.thresholds = {INFINITY};
      mlir::PassManager manager(&context);
      manager.addNestedPass<ModelOp>(
          createInsertExitsPass(getRegistry(), options));
      EXPECT_TRUE(mlir::succeeded(manager.run(*module)));
    }
    return module;
  }

  /// Logits behind each part of the sequences, which are in one batch each
  /// time.
  std::vector<Matrix> run(mlir::ModuleOp module,
                          const std::vector<Sequence> &sequences) {
    ModelOp model = *module.getOps<ModelOp>().begin();
    auto forward = model.lookupSymbol<mlir::func::FuncOp>("forward");
    Evaluator evaluator(model);
    KvState kv;
    std::vector<Matrix> logits;
    for (size_t part = 0; part < sequences[0].parts.size(); ++part) {
      Batch batch;
      for (size_t i = 0; i < sequences.size(); ++i)
        add(batch, sequences[i], i, part, kv);
      ExitControl control;
      control.leaveAfter = batch.leaveAfter;
      evaluator.setExits(control);
      auto results = evaluator.evaluate(forward, {batch.tokens, batch.sequences,
                                                  batch.positions, batch.wanted,
                                                  std::move(kv)});
      if (!results) {
        ADD_FAILURE() << llvm::toString(results.takeError());
        return logits;
      }
      logits.push_back(std::get<Matrix>((*results)[0]));
      kv = std::get<KvState>((*results)[1]);
    }
    return logits;
  }

  static std::vector<Sequence> getSequences() {
    return {{{{3, 9, 31}, {3}, {17}, {40}, {41}}, {1, 2, 1, -1, 3}},
            {{{5, 5}, {60}, {2}, {8}, {9}}, {-1, 1, 3, 2, -1}},
            {{{7}, {1}, {0}, {63}, {12}}, {3, -1, -1, -1, -1}}};
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};

private:
  /// Rows that wait come again, in front of the new ones.
  static void add(Batch &batch, const Sequence &sequence, int32_t number,
                  size_t part, const KvState &kv) {
    int32_t position = 0;
    for (size_t i = 0; i <= part; ++i)
      for (int32_t token : sequence.parts[i]) {
        if (i == part || kv.findParked(number, position))
          batch.add(token, number, position);
        ++position;
      }
    batch.wantLast(sequence.leaveAfter[part]);
  }
};

double getDifference(const Matrix &lhs, int64_t left, const Matrix &rhs,
                     int64_t right) {
  double most = 0;
  for (int64_t i = 0; i < lhs.columns; ++i)
    most = std::max(most, std::abs(lhs.at(left, i) - rhs.at(right, i)));
  return most;
}

TEST_F(InsertedExitsTest, BatchesOfMixedExitsAreAsOneByOne) {
  std::vector<Sequence> sequences = getSequences();
  for (const char *state : {"propagate", "recompute"})
    for (const char *policy : {"top1", "saturation", "patience"}) {
      auto module = make(policy, state);
      std::vector<Matrix> together = run(*module, sequences);
      ASSERT_EQ(together.size(), 5u);
      for (size_t i = 0; i < sequences.size(); ++i) {
        std::vector<Matrix> alone = run(*module, {sequences[i]});
        ASSERT_EQ(alone.size(), 5u);
        for (size_t part = 0; part < 5; ++part)
          EXPECT_LT(getDifference(together[part], i, alone[part], 0), 1e-9)
              << state << " " << policy << " " << i << " " << part;
      }
    }
}

TEST_F(InsertedExitsTest, RowsThatWaitHideNothingFromOthers) {
  std::vector<Sequence> sequences = getSequences();
  std::vector<Matrix> plain = run(*make("", ""), sequences);
  std::vector<Matrix> waited = run(*make("top1", "recompute"), sequences);
  std::vector<Matrix> made = run(*make("top1", "propagate"), sequences);
  ASSERT_EQ(waited.size(), 5u);
  for (size_t part = 0; part < 5; ++part)
    for (size_t i = 0; i < sequences.size(); ++i) {
      bool isFull = sequences[i].leaveAfter[part] < 0;
      double difference = getDifference(plain[part], i, waited[part], i);
      if (isFull)
        EXPECT_LT(difference, 1e-9) << i << " " << part;
      else
        EXPECT_GT(difference, 1e-3) << i << " " << part;
    }
  // Keys and values that are made of less are others.
  EXPECT_GT(getDifference(plain[3], 0, made[3], 0), 1e-3);
}

TEST_F(InsertedExitsTest, StatesDifferOnlyBehindTheLayersThatWereLeftOut) {
  // The first token to leave sees nothing of others that did, however it
  // leaves.
  std::vector<Sequence> sequences = getSequences();
  std::vector<Matrix> waited = run(*make("top1", "recompute"), sequences);
  std::vector<Matrix> made = run(*make("top1", "propagate"), sequences);
  for (size_t i = 0; i < sequences.size(); ++i)
    EXPECT_LT(getDifference(waited[0], i, made[0], i), 1e-9);
  // Nor does one that leaves no later than those before it, or one layer later:
  // the first layer that a token leaves out would take what it left with.
  EXPECT_LT(getDifference(waited[2], 0, made[2], 0), 1e-9);
  EXPECT_LT(getDifference(waited[1], 0, made[1], 0), 1e-9);
  EXPECT_GT(getDifference(waited[4], 0, made[4], 0), 1e-3);
}

} // namespace
