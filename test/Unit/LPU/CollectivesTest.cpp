//===- CollectivesTest.cpp - chips exchange vectors, simulated with data --===//
#include "Assembly/Assemble.h"
#include "Group/Collectives.h"
#include "Passes.h"
#include "Simulate.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace moe::lpu;

namespace {

/// A program of a group in the making: each chip has an input and an output.
class CollectivesTest : public ::testing::Test {
protected:
  CollectivesTest() {
    context.loadDialect<LPUDialect>();
    machine = llvm::cantFail(findMachine("tsp1"));
  }

  void begin(Partition wanted, int64_t vectors) {
    partition = wanted;
    OpBuilder builder(&context);
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToEnd(module->getBody());
    program = ProgramOp::create(
        builder, builder.getUnknownLoc(), "group", "tsp1", partition.written(),
        IntegerAttr(), IntegerAttr(), makeWires(&context, machine, partition));
    program.getBody().emplaceBlock();
    for (int64_t chip = 0; chip < partition.written(); ++chip) {
      owned.push_back(std::make_unique<Emitter>(program, machine, chip));
      Emitter &e = *owned.back();
      emitters.push_back(&e);
      std::string name = "in" + std::to_string(chip);
      values.push_back(
          e.buffer(BufferKind::Input, name, Side::East, vectors, e.f32));
      std::vector<float> &lanes = inputs[name];
      for (int64_t i = 0; i < vectors * machine.width(); ++i)
        lanes.push_back(float((chip * 7919 + i * 104729) % 20011 - 10000) /
                        float(chip + 3));
    }
  }

  void writeOutputs(ArrayRef<Value> results) {
    for (size_t chip = 0; chip < results.size(); ++chip) {
      Value result = results[chip];
      Emitter &e = *emitters[chip];
      Value out = e.buffer(BufferKind::Output, "out" + std::to_string(chip),
                           Side::East, Emitter::countOf(result), e.f32);
      for (int64_t v = 0; v < Emitter::countOf(result); ++v)
        e.cluster("out", [&](Tree &t) {
          t.write(t.alu(AluKind::Pass, t.read(result, v)), out, v);
        });
    }
  }

  int64_t schedule() {
    Block &body = program.getBody().front();
    SmallVector<BufferOp> buffers(body.getOps<BufferOp>());
    for (BufferOp buffer : llvm::reverse(buffers))
      buffer->moveBefore(&body, body.begin());
    PassManager passes(&context);
    passes.addPass(createAssignLayoutPass());
    passes.addPass(createSchedulePass());
    passes.addPass(createFormQueuesPass());
    if (failed(passes.run(*module)))
      return -1;
    return (*program.getOps<SegmentOp>().begin()).getCycles();
  }

  Simulated run() {
    EXPECT_GT(schedule(), 0);
    auto bytes = assemble(program);
    EXPECT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
    return simulate(*bytes, inputs);
  }

  /// One number of all chips, added up in their order.
  float sumOf(size_t index) {
    float sum = inputs["in0"][index];
    for (int64_t chip = 1; chip < partition.chips; ++chip)
      sum += inputs["in" + std::to_string(chip)][index];
    return sum;
  }

  void expectSums(const Simulated &simulated) {
    EXPECT_EQ(simulated.error, "");
    EXPECT_EQ(simulated.cycles, simulated.predicted);
    ASSERT_EQ(simulated.outputs.size(), size_t(partition.chips));
    for (auto &[name, lanes] : simulated.outputs)
      for (size_t i = 0; i < lanes.size(); ++i)
        ASSERT_EQ(lanes[i], sumOf(i)) << name << " lane " << i;
  }

  MLIRContext context;
  Machine machine;
  Partition partition;
  OwningOpRef<ModuleOp> module;
  ProgramOp program;
  std::vector<std::unique_ptr<Emitter>> owned;
  SmallVector<Emitter *> emitters;
  SmallVector<Value> values;
  Numbers inputs;
};

/// Eight chips of a node add up a row of 4,096 features in at most 2.1 us.
TEST_F(CollectivesTest, AllReduceOfANodeTakesNoMoreThanPublished) {
  begin({8, 1}, 13);
  writeOutputs(Collectives(emitters, partition).allReduce("sum", values));
  Simulated simulated = run();
  expectSums(simulated);
  double microseconds = simulated.cycles / machine.clockHz * 1e6;
  RecordProperty("cycles", int(simulated.cycles));
  EXPECT_LE(microseconds, 2.1);
}

TEST_F(CollectivesTest, ReducesInOneExchange) {
  begin({4, 1}, 2);
  writeOutputs(Collectives(emitters, partition).reduceInOne("sum", values));
  expectSums(run());
}

TEST_F(CollectivesTest, ReducesInTwoExchanges) {
  begin({4, 1}, 6); // two vectors each, the last chip none
  writeOutputs(Collectives(emitters, partition).reduceInTwo("sum", values));
  expectSums(run());
}

TEST_F(CollectivesTest, GathersPiecesInTheOrderOfChips) {
  begin({3, 1}, 2);
  writeOutputs(Collectives(emitters, partition).allGather("all", values));
  Simulated simulated = run();
  EXPECT_EQ(simulated.error, "");
  std::vector<float> all;
  for (int64_t chip = 0; chip < 3; ++chip)
    llvm::append_range(all, inputs["in" + std::to_string(chip)]);
  for (auto &[name, lanes] : simulated.outputs)
    EXPECT_EQ(lanes, all) << name;
}

TEST_F(CollectivesTest, HandsOverToTheNextStage) {
  begin({2, 2}, 3);
  ArrayRef<Emitter *> all(emitters);
  auto next = Collectives::handOver(
      "stage", ArrayRef<Value>(values).take_front(2), all.take_back(2));
  Collectives::Values results(values.begin(), values.begin() + 2);
  results.append(next.begin(), next.end());
  writeOutputs(results);
  Simulated simulated = run();
  EXPECT_EQ(simulated.error, "");
  EXPECT_EQ(simulated.cycles, simulated.predicted);
  EXPECT_EQ(simulated.outputs["out2"], inputs["in0"]);
  EXPECT_EQ(simulated.outputs["out3"], inputs["in1"]);
}

/// One chip that stands for eight takes as long as the eight.
TEST_F(CollectivesTest, MirroredGroupsTakeAsLong) {
  begin({8, 1}, 16);
  writeOutputs(Collectives(emitters, partition).allReduce("sum", values));
  int64_t whole = schedule();
  owned.clear();
  emitters.clear();
  values.clear();
  begin({8, 1, /*isMirrored=*/true}, 16);
  writeOutputs(Collectives(emitters, partition).allReduce("sum", values));
  int64_t mirrored = schedule();
  EXPECT_NEAR(double(mirrored), double(whole), 0.02 * double(whole));
}

TEST(PartitionTest, SaysWhatAMachineDoesNotConnect) {
  Machine machine = llvm::cantFail(findMachine("tsp1"));
  EXPECT_EQ(checkPartition(machine, {8, 4}), "");
  EXPECT_EQ(checkPartition(machine, {9, 1}),
            "a layer is shared by 9 chips, machine tsp1 connects 1 to 8 with "
            "each other");
  EXPECT_EQ(checkPartition(machine, {1, 0}),
            "there are 0 stages, at least 1 is needed");
}

} // namespace
