//===- HazardsMxmTest.cpp - H13 to H19, a program for each ----------------===//
#include "Columns.h"

#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int result = 22; // mxm_result

/// tsp1 with accumulators.
std::string accumulatingMachine() {
  std::string text = machineText();
  const std::string none = "\"accumulators\": 0";
  size_t at = text.find(none);
  EXPECT_NE(at, text.npos);
  return text.replace(at, none.size(), "\"accumulators\": 2");
}

/// One group of weights, loaded at 30 and installed at 31; an activation at 32.
struct Product : UnitProgram {
  struct Change {
    int feed = 32;
    bool installsAgain = false, loadsTwice = false;
  };

  explicit Product(Change change) {
    std::vector<uint8_t> slices;
    for (int s = 0; s < 16; ++s)
      slices.push_back(uint8_t(s));
    buffer({.name = "weights", .count = 16, .slices = slices});
    contents[0].assign(16 * laneCount, 1);
    const bool again = change.installsAgain || change.loadsTwice;
    const int secondLoad = change.loadsTwice ? 31 : 32;
    for (int s = 0; s < 16; ++s) {
      bring(s, s, mxmColumn, 30);
      if (again)
        bring(s, s, mxmColumn, secondLoad);
    }
    auto &load = this->load(East, 0).at(30, lw(E(0), 1));
    if (change.loadsTwice)
      load.at(31, lw(E(0), 1)).at(32, iw());
    else
      load.at(31, iw());
    if (change.installsAgain)
      load.at(32, lw(E(0), 1)).at(33, iw());
    addInput({16});
    out = addOutput({20, 21, 22, 23}, MOERT_LPU_I32);
    bring(16, 16, mxmColumn, change.feed);
    feed(East, 0).at(uint64_t(change.feed), abc(E(16), 1));
    drain(East, 0).at(uint64_t(change.feed), acc(W(0), 1));
    for (int plane = 0; plane < 4; ++plane)
      keep(20 + plane, plane, mxmColumn, change.feed + result);
  }
  size_t out;
};

TEST(HazardsMxm, ProductsRun) {
  RunOutcome outcome = Product({}).run();
  EXPECT_EQ(outcome.error, "");
}

TEST(HazardsMxm, H13ActivationBeforeInstall) {
  EXPECT_EQ(Product({.feed = 31}).run().hazard(), "H13");
  EXPECT_EQ(Product({.feed = 30}).run().hazard(), "H13");
}

TEST(HazardsMxm, H14InstallUnderActivations) {
  EXPECT_EQ(Product({.installsAgain = true}).run().hazard(), "H14");
}

TEST(HazardsMxm, H15LoadIntoAFullBuffer) {
  EXPECT_EQ(Product({.loadsTwice = true}).run().hazard(), "H15");
}

/// Both planes cleared, and activations of f16 or i8 from cycle 40 on.
struct Cleared : UnitProgram {
  explicit Cleared(std::string machine = machineText())
      : UnitProgram(std::move(machine)) {
    for (int plane : {0, 1})
      load(East, plane).at(0, clear());
    addInput({16, 17}, MOERT_LPU_F16);
  }
  /// The vector at a plane at `cycle`, drained to the stream `to`.
  void activate(int plane, int cycle, unsigned type, int to) {
    fetch(cycle, type);
    feed(East, plane).at(uint64_t(cycle), abc(E(16), 1, type));
    drain(East, plane).at(uint64_t(cycle), acc(W(to), 1, type));
  }
  void fetch(int cycle, unsigned type) {
    for (int p = 0; p < (type == MOERT_LPU_F16 ? 2 : 1); ++p)
      bring(16 + p, 16 + p, mxmColumn, cycle);
  }
  size_t keepResult(int slice, int from, int cycle, unsigned type) {
    std::vector<uint8_t> slices;
    for (int p = 0; p < 4; ++p) {
      slices.push_back(uint8_t(slice + p));
      keep(slice + p, from + p, mxmColumn, cycle + result);
    }
    return addOutput(slices, type);
  }
};

TEST(HazardsMxm, H16PairIsBusy) {
  for (bool busy : {false, true}) {
    Cleared p;
    p.activate(0, 40, MOERT_LPU_F16, 0);
    if (busy) {
      p.addInput({18});
      p.bring(18, 20, mxmColumn, 40);
      p.feed(East, 1).at(40, abc(E(20), 1));
      p.drain(East, 1).at(40, acc(W(4), 1));
    }
    p.keepResult(20, 0, 40, MOERT_LPU_F32);
    EXPECT_EQ(p.run().hazard(), busy ? "H16" : "");
  }
}

TEST(HazardsMxm, H16HalvesOfDifferentWeights) {
  for (bool clears : {false, true}) {
    Cleared p;
    for (int plane : {0, 1}) {
      for (int s = 0; s < 16; ++s) {
        p.addInput({uint8_t(24 * plane + s)});
        p.bring(24 * plane + s, 16 * plane + s, mxmColumn, 50);
      }
      p.load(East, plane).at(50, lw(E(16 * plane), 1));
    }
    p.load(East, 0).at(60, iw(MOERT_LPU_F16));
    if (clears)
      p.load(East, 1).at(65, clear());
    p.activate(0, 100, MOERT_LPU_F16, 0);
    p.keepResult(20, 0, 100, MOERT_LPU_F32);
    EXPECT_EQ(p.run().hazard(), clears ? "H16" : "") << p.run().error;
  }
}

TEST(HazardsMxm, H17DrainOfAnotherKind) {
  Cleared type;
  type.fetch(40, MOERT_LPU_F16);
  type.feed(East, 0).at(40, abc(E(16), 1, MOERT_LPU_F16));
  type.drain(East, 0).at(40, acc(W(0), 1, MOERT_LPU_I8));
  EXPECT_EQ(type.run().hazard(), "H17");

  Cleared length;
  length.fetch(40, MOERT_LPU_F16);
  length.feed(East, 0).at(40, abc(E(16), 1, MOERT_LPU_F16));
  length.drain(East, 0).at(40, acc(W(0), 2, MOERT_LPU_F16));
  EXPECT_EQ(length.run().hazard(), "H17");

  Cleared addition;
  addition.fetch(40, MOERT_LPU_F16);
  addition.feed(East, 0).at(40, abc(E(16), 1, MOERT_LPU_F16));
  addition.drain(East, 0).at(40, acc(W(0), 1, MOERT_LPU_F16, true));
  EXPECT_EQ(addition.run().hazard(), "H17");
}

TEST(HazardsMxm, H18ResultsMeet) {
  for (int to : {4, 0}) {
    Cleared p;
    p.activate(0, 40, MOERT_LPU_F16, 0);
    p.activate(1, 41, MOERT_LPU_I8, to);
    p.keepResult(20, 0, 40, MOERT_LPU_F32);
    p.keepResult(24, to, 41, MOERT_LPU_I32);
    EXPECT_EQ(p.run().hazard(), "") << "a cycle apart";
    Cleared q;
    q.fetch(40, MOERT_LPU_I8);
    for (int plane : {0, 1}) {
      q.feed(East, plane).at(40, abc(E(16), 1));
      q.drain(East, plane).at(40, acc(W(plane * to), 1));
    }
    q.keepResult(20, 0, 40, MOERT_LPU_I32);
    q.keepResult(24, to, 40, MOERT_LPU_I32);
    EXPECT_EQ(q.run().hazard(), to ? "" : "H18");
  }
}

TEST(HazardsMxm, H19NothingToAddTo) {
  for (bool add : {false, true}) {
    Cleared p(accumulatingMachine());
    p.fetch(40, MOERT_LPU_I8);
    p.feed(East, 0).at(40, abc(E(16), 1));
    p.drain(East, 0).at(40, acc(W(0), 1, MOERT_LPU_I8, add));
    p.keepResult(20, 0, 40, MOERT_LPU_I32);
    EXPECT_EQ(p.run().hazard(), add ? "H19" : "");
  }
}

} // namespace
