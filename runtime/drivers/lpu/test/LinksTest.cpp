//===- LinksTest.cpp - vectors between chips ------------------------------===//
#include "Simulator/Links.h"
#include "ProgramBuilder.h"

#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

class LinksTest : public testing::Test {
protected:
  LinksTest() : machine(machineOf(machineText())), links(machine, 3) {
    EXPECT_EQ(links.connect({0, 0}, {1, 5}), "");
    EXPECT_EQ(links.connect({1, 0}, {2, 0}), "");
  }
  int send(LinkEnd from, uint64_t cycle, uint32_t identity = 1) {
    return links.send(from, cycle, {identity, 0, {}}).hazard;
  }
  int receive(LinkEnd at, uint64_t cycle) {
    LinkVector vector;
    int hazard = links.receive(at, cycle, vector).hazard;
    received = vector.identity;
    return hazard;
  }

  Machine machine;
  Links links;
  uint32_t received = 0;
};

TEST_F(LinksTest, VectorsArriveInOrder) {
  const uint64_t hop = uint64_t(machine.c2c.hopCycles),
                 every = uint64_t(machine.c2c.vectorCycles);
  EXPECT_EQ(send({0, 0}, 10, 100), 0);
  EXPECT_EQ(send({1, 5}, 10, 300), 0); // the other way at the same time
  EXPECT_EQ(send({0, 0}, 10 + every, 200), 0);
  EXPECT_EQ(receive({1, 5}, 10 + hop), 0);
  EXPECT_EQ(received, 100u);
  EXPECT_EQ(receive({1, 5}, 10 + every + hop), 0);
  EXPECT_EQ(received, 200u);
  EXPECT_EQ(links.finish().hazard, 34);
  EXPECT_EQ(receive({0, 0}, 10 + hop), 0);
  EXPECT_EQ(received, 300u);
  EXPECT_EQ(links.finish().hazard, 0);
}

TEST_F(LinksTest, LinksAreOccupied) {
  const uint64_t every = uint64_t(machine.c2c.vectorCycles);
  EXPECT_EQ(send({0, 0}, 0), 0);
  EXPECT_EQ(send({0, 0}, every - 1), 33);
  EXPECT_EQ(links.deskew({0, 0}, every - 1).hazard, 33);
  EXPECT_EQ(links.deskew({0, 0}, every).hazard, 0);
  EXPECT_EQ(send({0, 0}, every + 1), 33);
}

TEST_F(LinksTest, ArrivalsWaitForAWindow) {
  const uint64_t hop = uint64_t(machine.c2c.hopCycles),
                 window = uint64_t(machine.c2c.deskewWindow);
  EXPECT_EQ(receive({1, 5}, 5), 34);
  EXPECT_EQ(send({0, 0}, 0), 0);
  EXPECT_EQ(receive({1, 5}, hop - 1), 34);
  EXPECT_EQ(receive({1, 5}, hop + window + 1), 35);
  EXPECT_EQ(receive({1, 5}, hop + window), 0);
  EXPECT_EQ(receive({1, 5}, hop + window), 34);
}

TEST_F(LinksTest, LinksHaveTwoEnds) {
  EXPECT_EQ(send({0, 1}, 0), 36);
  EXPECT_EQ(send({0, machine.c2c.links}, 0), 36);
  EXPECT_EQ(receive({2, 1}, 0), 36);
  EXPECT_EQ(links.connect({0, 0}, {2, 3}), "two cables at link 0 of chip 0");
  EXPECT_EQ(links.connect({0, 2}, {1, 0}), "two cables at link 0 of chip 1");
  EXPECT_EQ(links.connect({0, 2}, {3, 0}),
            "a cable to chip 3, the program has 3");
  EXPECT_EQ(links.connect({0, 16}, {1, 1}),
            "a cable to link 16 of chip 0, a chip has 16 links");
  EXPECT_EQ(links.connect({0, 3}, {0, 3}),
            "a cable from link 3 of chip 0 to itself");
}

} // namespace
