//===- HazardsLinksTest.cpp - H33 to H36, a program for each --------------===//
#include "Columns.h"

#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int hop = 650, occupancy = 23, window = 9;

/// A vector of chip 0 sent over its link 3 at cycle 30, which comes over link 5
/// of chip 1 and is kept there.
struct Exchange : UnitProgram {
  explicit Exchange(int late = 0, bool takes = true) {
    chips = 2;
    links.emplace_back(0, 3, 1, 5);
    addInput({0});
    send(30);
    if (takes)
      receive(30 + hop + late);
  }
  void send(int cycle, int link = 3) {
    bring(0, 0, mxmColumn, cycle);
    track(MOERT_LPU_C2C, East, link).at(uint64_t(cycle), test::send(E(0)));
  }
  void receive(int cycle, int link = 5) {
    out = addOutput({8}, MOERT_LPU_I8, 0, 1);
    track(MOERT_LPU_C2C, East, link, 1).at(uint64_t(cycle), recv(W(0)));
    keep(8, 0, mxmColumn, cycle + 1, 1);
  }
  size_t out = 0;
};

TEST(HazardsLinks, VectorsArrive) {
  for (int late : {0, 1, window}) {
    Exchange p(late);
    RunOutcome outcome = p.run();
    ASSERT_EQ(outcome.error, "");
    EXPECT_EQ(contentsOf(*outcome.simulator, p.out, 1), p.contents[0]);
    EXPECT_EQ(outcome.result.busy.links, 1u);
  }
}

TEST(HazardsLinks, H33LinkIsOccupied) {
  for (int after : {occupancy, occupancy - 1}) {
    Exchange p;
    p.send(30 + after);
    p.track(MOERT_LPU_C2C, East, 5, 1)
        .at(uint64_t(30 + hop + after), recv(W(4)));
    EXPECT_EQ(p.run().hazard(), after < occupancy ? "H33" : "");
  }
}

TEST(HazardsLinks, H34NothingComesOrNobodyTakes) {
  EXPECT_EQ(Exchange(-1).run().hazard(), "H34");
  EXPECT_EQ(Exchange(0, false).run().hazard(), "H34");
  Exchange twice;
  twice.track(MOERT_LPU_C2C, East, 5, 1).at(30 + hop + 5, recv(W(4)));
  EXPECT_EQ(twice.run().hazard(), "H34");
}

TEST(HazardsLinks, H35BeyondTheWindow) {
  EXPECT_EQ(Exchange(window + 1).run().hazard(), "H35");
}

TEST(HazardsLinks, H36LinkGoesNowhere) {
  Exchange sends;
  sends.send(60, 4);
  EXPECT_EQ(sends.run().hazard(), "H36");
  Exchange receives;
  receives.track(MOERT_LPU_C2C, East, 6, 1).at(30, recv(W(4)));
  EXPECT_EQ(receives.run().hazard(), "H36");
}

} // namespace
