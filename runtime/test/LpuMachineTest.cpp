//===- LpuMachineTest.cpp - machine files: what ships, what is refused ----===//
#include "lpu/Machine.h"
#include "moert/abi/lpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace moert::lpu;
using nlohmann::json;
using testing::HasSubstr;

namespace {

std::string textOf(std::string_view name) {
  for (const NamedMachine &each : machines())
    if (each.name == name)
      return each.text;
  ADD_FAILURE() << "no machine " << name;
  return "";
}

Machine load(std::string_view name) {
  Machine machine;
  EXPECT_EQ(parseMachine(textOf(name), name, machine), "");
  return machine;
}

/// tsp1 with one member changed, or, with a null pointer as value, without it.
std::string with(const std::string &pointer, const json &value) {
  json machine = json::parse(textOf("tsp1"));
  json::json_pointer path(pointer);
  EXPECT_TRUE(path.parent_pointer().empty() ||
              machine.contains(path.parent_pointer()));
  machine[path] = value;
  return machine.dump();
}

std::string without(const std::string &section, const std::string &name) {
  json machine = json::parse(textOf("tsp1"));
  json &from = section.empty() ? machine : machine[section];
  EXPECT_EQ(from.erase(name), 1u);
  return machine.dump();
}

/// What is said of a text; what it was to be parsed into stays as it was.
std::string refusal(const std::string &text) {
  Machine machine;
  machine.name = "before";
  std::string message = parseMachine(text, "m.json", machine);
  EXPECT_NE(message, "") << text;
  EXPECT_EQ(machine.name, "before");
  EXPECT_EQ(machine.superlanes, 0);
  EXPECT_EQ(message.rfind("m.json: ", 0), 0u) << message;
  EXPECT_EQ(message.find('\n'), message.npos) << message;
  return message.substr(std::min<size_t>(message.size(), 8));
}

} // namespace

TEST(LpuMachine, EveryShippedOneParses) {
  EXPECT_GE(machines().size(), 3u);
  std::string previous;
  for (const NamedMachine &each : machines()) {
    SCOPED_TRACE(each.name);
    Machine machine = load(each.name);
    EXPECT_EQ(machine.name, each.name);
    EXPECT_EQ(machine.text, each.text);
    EXPECT_LT(previous, machine.name);
    previous = machine.name;
  }
}

// Sections 1.1 to 1.4 of the research notes, from the file's members alone.
TEST(LpuMachine, FactsOfTheFirstChipComeOut) {
  Machine m = load("tsp1");
  EXPECT_EQ(m.width(), 320);
  EXPECT_EQ(m.sramBytes(), 220u << 20);
  EXPECT_EQ(m.rowsOfSlice(), 8192);
  int64_t planes = 2 * m.mxm.planes;
  EXPECT_EQ(planes * m.width() * m.width(), 409'600);
  EXPECT_NEAR(2 * 409'600 * m.clockHz, 737e12, 1e12);
  EXPECT_EQ(planes * m.mxm.streams * m.width(), 20'480);
  EXPECT_EQ(m.width() / m.mxm.streams, 20);
  EXPECT_EQ(m.width() * m.vxm.alus, 5'120);
  int64_t banks = 2 * m.mem.slices * m.mem.banks;
  EXPECT_EQ(banks * m.width(), 56'320);
  EXPECT_NEAR(banks * m.width() * m.clockHz, 50.7e12, 0.1e12);
  EXPECT_NEAR(20'480 * m.clockHz, 18.4e12, 0.1e12);
  EXPECT_EQ(m.icu.queues * 16, 2'304);
  EXPECT_EQ(m.c2c.node * m.c2c.nodesOfRack, 72);
  // A vector and its 2.5 % of overhead on four lanes of 25.78125 Gb/s.
  double seconds = 320 * 1.025 * 8 / (4 * 25.78125e9);
  EXPECT_EQ(std::llround(seconds * m.clockHz), m.c2c.vectorCycles);
  EXPECT_EQ(std::llround(722e-9 * m.clockHz), m.c2c.hopCycles);
}

TEST(LpuMachine, PlacesOfTheFirstChip) {
  Machine m = load("tsp1");
  EXPECT_EQ(m.columnOf(0), 1);
  EXPECT_EQ(m.columnOf(3), 1);
  EXPECT_EQ(m.columnOf(4), 2);
  EXPECT_EQ(m.columnOf(43), 11); // 11 hops cross a hemisphere
  // To the first ALU 5 cycles from slice 0: a hop and the entry.
  EXPECT_EQ(m.columnOf(0) + m.latency.vxmEntry, 5);
  // 3 + 1 + 4 + 8 + 16 + 1 + 8 + 4 = 45 files of stream registers.
  EXPECT_EQ(2 * (m.mem.slices / m.mem.group + 4 + 3) + 9, 45);
}

TEST(LpuMachine, ReachOfRowsWrapsAround) {
  Machine m = load("tsp1");
  ASSERT_EQ(m.vxm.reach.size(), 16u);
  using Row = std::vector<bool>;
  EXPECT_EQ(m.vxm.reach[0], Row({1, 1, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(m.vxm.reach[3], m.vxm.reach[0]);
  EXPECT_EQ(m.vxm.reach[4], Row({0, 0, 1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(m.vxm.reach[11], Row({0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(m.vxm.reach[15], Row({1, 1, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(m.vxm.large, Row({1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1}));
}

/// The members in which two machines differ, as JSON pointers.
static std::vector<std::string> differences(const char *a, const char *b) {
  std::vector<std::string> paths;
  for (const json &each :
       json::diff(json::parse(textOf(a)), json::parse(textOf(b))))
    paths.push_back(each["path"]);
  return paths;
}

TEST(LpuMachine, VariantsDifferFromTheFirstChipInOneMember) {
  using testing::UnorderedElementsAre;
  EXPECT_THAT(differences("tsp1", "lpu-plus"),
              UnorderedElementsAre("/name", "/description", "/source",
                                   "/mxm/expander"));
  EXPECT_TRUE(load("lpu-plus").mxm.expander);
  EXPECT_FALSE(load("tsp1").mxm.expander);
  EXPECT_THAT(differences("tsp1", "tsp1-groq"),
              UnorderedElementsAre("/name", "/description", "/source",
                                   "/mxm/overhead"));
  EXPECT_EQ(load("tsp1-groq").mxm.overhead, 12);
}

TEST(LpuMachine, TheLargerOneHasThePublishedTotals) {
  Machine m = load("lp30-like");
  EXPECT_NEAR(m.sramBytes(), 500e6, 1e6);
  EXPECT_NEAR(2 * m.mem.slices * m.mem.banks * m.width() * m.clockHz, 150e12,
              5e12);
  EXPECT_NEAR(2 * 2 * m.mxm.planes * m.width() * m.width() * m.clockHz, 1.2e15,
              0.05e15);
  EXPECT_EQ(m.c2c.links, 96);
  EXPECT_EQ(m.c2c.node * m.c2c.nodesOfRack, 256);
  // Both directions of all links; 320 of 328 bytes are data.
  double link = m.width() * 1.025 * m.clockHz / m.c2c.vectorCycles;
  EXPECT_NEAR(2 * m.c2c.links * link, 2.5e12, 0.05e12);
}

TEST(LpuMachine, TextThatIsNoMachine) {
  EXPECT_EQ(refusal(""), "is not valid JSON at byte 0");
  EXPECT_EQ(refusal("{\"name\": }"), "is not valid JSON at byte 9");
  EXPECT_EQ(refusal("[]"), "is a list, must be an object");
  EXPECT_EQ(refusal("7"), "is the number 7, must be an object");
  EXPECT_EQ(refusal("\"tsp1\""), "is the text 'tsp1', must be an object");
  EXPECT_EQ(refusal("null"), "is null, must be an object");
  EXPECT_EQ(refusal("{}"), "lacks member name");
  EXPECT_THAT(refusal(textOf("tsp1") + "{}"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(refusal(textOf("tsp1") + std::string(1, '\0')),
              HasSubstr("is not valid JSON"));
  EXPECT_EQ(refusal(std::string(70'000, ' ')),
            "has 70000 bytes, at most 65536 are read");
  EXPECT_EQ(refusal(std::string(60'000, '[')), "is a list, must be an object");
}

TEST(LpuMachine, MembersThatAreNotKnownMissingOrTwice) {
  EXPECT_EQ(refusal(with("/mem/slics", 44)),
            "has the unknown member mem.'slics', known are slices, banks, "
            "rows, group");
  EXPECT_EQ(refusal(with("/cache", 1)),
            "has the unknown member 'cache', known are name, description, "
            "source, clock_hz, superlanes, lanes, streams, mem, position, "
            "latency, mxm, vxm, sxm, icu, c2c");
  EXPECT_EQ(refusal(with("/mem", json::object())), "lacks member mem.slices");
  EXPECT_EQ(refusal("{\"name\": \"a\", \"name\": \"b\"}"),
            "has member name twice");
  EXPECT_EQ(refusal("{\"mem\": {\"rows\": 1, \"rows\": 1}}"),
            "has member mem.rows twice");
  EXPECT_EQ(refusal("{\"mem\": {}, \"mem\": {}}"), "has member mem twice");
}

TEST(LpuMachine, EveryMemberIsRequired) {
  json machine = json::parse(textOf("tsp1"));
  int count = 0;
  for (auto &[name, value] : machine.items()) {
    if (!value.is_object()) {
      EXPECT_EQ(refusal(without("", name)), "lacks member " + name);
      ++count;
      continue;
    }
    for (auto &[inner, ignored] : value.items()) {
      EXPECT_EQ(refusal(without(name, inner)),
                "lacks member " + name + "." + inner);
      ++count;
    }
  }
  EXPECT_EQ(count, 56);
}

TEST(LpuMachine, WrongTypes) {
  EXPECT_EQ(refusal(with("/name", 7)), "name is the number 7, must be text");
  EXPECT_EQ(refusal(with("/name", "")), "name is empty");
  EXPECT_EQ(refusal(with("/clock_hz", "fast")),
            "clock_hz is the text 'fast', must be a number");
  EXPECT_EQ(refusal(with("/mem", 7)), "mem is the number 7, must be an object");
  EXPECT_EQ(refusal(with("/mem", json::array())),
            "mem is a list, must be an object");
  EXPECT_EQ(refusal(with("/mem/rows", 4096.5)),
            "mem.rows is the number 4096.5, must be a whole number");
  EXPECT_EQ(refusal(with("/mem/rows", nullptr)),
            "mem.rows is null, must be a whole number");
  EXPECT_EQ(refusal(with("/mem/rows", json::object())),
            "mem.rows is an object, must be a whole number");
  EXPECT_EQ(refusal(with("/mem/rows", json::array())),
            "mem.rows is a list, must be a whole number");
  EXPECT_EQ(refusal(with("/mxm/expander", 1)),
            "mxm.expander is the number 1, must be true or false");
  EXPECT_EQ(refusal(with("/vxm/alus", true)),
            "vxm.alus is true, must be a whole number");
  EXPECT_EQ(refusal(with("/vxm/large", 3)),
            "vxm.large is the number 3, must be a list of whole numbers");
  EXPECT_EQ(refusal(with("/vxm/large", {0, 2.5})),
            "vxm.large holds the number 2.5, must be a list of whole numbers");
  EXPECT_EQ(refusal(with("/vxm/large", {0, json::array()})),
            "vxm.large holds a list, must be a list of whole numbers");
  EXPECT_EQ(refusal("{\"clock_hz\": 1e999}"),
            "clock_hz '1e999' is outside 1000000 to 100000000000");
  EXPECT_EQ(refusal("{\"superlanes\": 1e999}"),
            "superlanes is the number '1e999', must be a whole number");
}

struct Wrong {
  const char *pointer;
  json value;
  const char *message;
};

class LpuMachineValues : public testing::TestWithParam<Wrong> {};

TEST_P(LpuMachineValues, AreRefused) {
  EXPECT_EQ(refusal(with(GetParam().pointer, GetParam().value)),
            GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Bounds, LpuMachineValues,
    testing::Values(
        Wrong{"/clock_hz", 0, "clock_hz 0 is outside 1000000 to 100000000000"},
        Wrong{"/clock_hz", -9e8,
              "clock_hz -900000000.0 is outside 1000000 to 100000000000"},
        Wrong{"/superlanes", 0, "superlanes 0 is outside 1 to 20"},
        Wrong{"/superlanes", 21, "superlanes 21 is outside 1 to 20"},
        Wrong{"/lanes", 8, "lanes 8 must be 16"},
        Wrong{"/streams", 64, "streams 64 must be 32"},
        Wrong{"/mem/slices", 257, "mem.slices 257 is outside 4 to 256"},
        Wrong{"/mem/banks", 5, "mem.banks 5 is outside 1 to 4"},
        Wrong{"/position/mxm", 513, "position.mxm 513 is outside 1 to 512"},
        Wrong{"/mxm/planes", 18, "mxm.planes 18 is outside 2 to 16"},
        Wrong{"/sxm/permuters", 17, "sxm.permuters 17 is outside 0 to 16"},
        Wrong{"/mem/rows", -1, "mem.rows -1 is outside 1 to 65536"},
        Wrong{"/mem/rows", UINT64_MAX,
              "mem.rows 18446744073709551615 is outside 1 to 65536"},
        Wrong{"/latency/read", 0, "latency.read 0 is outside 1 to 65535"},
        Wrong{"/latency/alu", 65536, "latency.alu 65536 is outside 1 to 65535"},
        Wrong{"/mxm/streams", 8, "mxm.streams 8 must be 16"},
        Wrong{"/mxm/overhead", -12, "mxm.overhead -12 is outside 0 to 65535"},
        Wrong{"/vxm/alus", 20, "vxm.alus 20 is outside 1 to 16"},
        Wrong{"/vxm/reach", 9, "vxm.reach 9 is outside 1 to 8"},
        Wrong{"/c2c/links", 257, "c2c.links 257 is outside 0 to 256"}));

INSTANTIATE_TEST_SUITE_P(
    Contradictions, LpuMachineValues,
    testing::Values(
        Wrong{"/name", "TSP 1",
              "name has character 84 at 0, allowed are a-z, 0-9, '-', '_', "
              "'.', '+'"},
        Wrong{"/name", std::string(65, 'a'),
              "name has 65 characters, at most 64 are allowed"},
        Wrong{"/mem/group", 5, "mem.group 5 does not divide mem.slices 44"},
        Wrong{"/mem/rows", 40'000,
              "mem.banks 2 of mem.rows 40000 are 80000 rows, an instruction "
              "can name 65536"},
        Wrong{"/position/sxm", 11,
              "position.sxm 11 is not beyond the memory, which ends at column "
              "11"},
        Wrong{"/position/mxm", 16,
              "position.mxm 16 is not beyond position.sxm 16"},
        Wrong{"/mxm/planes", 3, "mxm.planes 3 is not a number of pairs"},
        Wrong{"/mxm/depth", 23,
              "latency.mxm_result 22 is less than mxm.depth 23"},
        Wrong{"/vxm/row", 3, "vxm.row 3 does not divide vxm.alus 16"},
        Wrong{"/vxm/large", {0, 16}, "vxm.large has ALU 16, vxm.alus is 16"},
        Wrong{"/vxm/large", {-1}, "vxm.large has ALU -1, vxm.alus is 16"},
        Wrong{"/vxm/large", {2, 2}, "vxm.large has ALU 2 twice"},
        Wrong{"/icu/ifetch_bytes", 320,
              "icu.ifetch_bytes 320 is not two vectors of 320 bytes"},
        Wrong{"/icu/queues", 115,
              "icu.queues 115 is less than 116: 1 for each of 88 slices and 16 "
              "ALUs, 3 for each of 4 planes"},
        Wrong{"/c2c/links", 10,
              "c2c.local 7 and c2c.global 4 are more than c2c.links 10"},
        Wrong{"/c2c/node", 9,
              "c2c.local 7 does not reach the 8 other chips of c2c.node 9"},
        Wrong{"/c2c/global", 0,
              "c2c.global 0 does not reach the other nodes of "
              "c2c.nodes_of_rack 9"},
        Wrong{"/c2c/deskew_window", 23,
              "c2c.deskew_window 23 is not less than c2c.vector_cycles 23"}));

// A row of an instruction has 16 bits, a superlane's address two bytes.
TEST(LpuMachine, AChipOfOneSuperlaneIsOne) {
  json machine = json::parse(textOf("tsp1"));
  machine["superlanes"] = 1;
  machine["icu"]["ifetch_bytes"] = 32;
  machine["mem"]["rows"] = 32'768;
  Machine m;
  EXPECT_EQ(parseMachine(machine.dump(), "m.json", m), "");
  EXPECT_EQ(m.width(), 16);
  EXPECT_EQ(m.rowsOfSlice(), 65'536);
}
