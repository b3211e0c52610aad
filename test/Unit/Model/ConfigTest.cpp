//===- ConfigTest.cpp - typed keys, first error, nothing overlooked -------===//
#include "moe/Model/Config.h"

#include "TestCheckpoint.h"
#include <gtest/gtest.h>

using namespace moe;
using namespace moe::test;

static Config parse(const std::string &text) {
  auto config = Config::parse("config.json", text);
  EXPECT_TRUE(bool(config)) << llvm::toString(config.takeError());
  return std::move(*config);
}

/// The message after reading `n` as an integer of 1 to 10.
static std::string integerMessage(const std::string &value) {
  Config config = parse("{\"n\":" + value + "}");
  EXPECT_EQ(config.requireInteger("n", {1, 10}), 1) << "not harmless";
  return messageOf(config.takeError());
}

TEST(Config, ReadsWhatIsThere) {
  Config config = parse(R"({"i":3,"n":0.5,"m":2,"b":true,"s":"x","list":[1,2],)"
                        R"("one":7,"strings":["a","b"],"o":{"k":4},"z":null})");
  EXPECT_EQ(config.requireInteger("i", {1, 9}), 3);
  EXPECT_EQ(config.getNumber("n", 0.0, {0.0, 1.0}), 0.5);
  EXPECT_EQ(config.getNumber("m", 0.0, {0.0, 9.0}), 2.0);
  EXPECT_TRUE(config.getBool("b", false));
  EXPECT_EQ(config.getString("s", ""), "x");
  EXPECT_EQ(config.getIntegers("list", {0, 9}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(config.getIntegers("one", {0, 9}), (std::vector<int64_t>{7}));
  EXPECT_EQ(config.getStrings("strings"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.getObject("o")->requireInteger("k", {1, 9}), 4);
  EXPECT_FALSE(config.has("z"));
  EXPECT_TRUE(config.mentions("z"));
  EXPECT_FALSE(config.mentions("y"));
  EXPECT_EQ(config.getInteger("y", 8, {1, 9}), 8);
  EXPECT_FALSE(bool(config.finish()));
}

TEST(Config, RefusesTextsThatAreNoObject) {
  auto message = [](const std::string &text) {
    return messageOf(Config::parse("f", text));
  };
  EXPECT_EQ(message("[]"), "f: is not a JSON object");
  EXPECT_EQ(message("{\"a\":}"), "f: not valid JSON at byte 5");
  EXPECT_EQ(message("{\"a\":1,\"a\":2}"), "f: it has the key 'a' twice");
  EXPECT_EQ(message("{\"o\":{\"a\":1,\"a\":2}}"),
            "f: it has the key 'a' twice");
  EXPECT_EQ(message(std::string("{}\0{}", 5)), "f: not valid JSON at byte 2");
  EXPECT_EQ(message("{\"\xff\":1}"), "f: not valid UTF-8 at byte 2");
  EXPECT_EQ(message("{\"a\":" + std::string(100, '[')),
            "f: nested more than 64 levels deep");
}

TEST(Config, RefusesIntegersThatAreNone) {
  EXPECT_EQ(integerMessage("null"), "config.json: key 'n' is missing");
  EXPECT_EQ(integerMessage("3.0"),
            "config.json: key 'n' must be an integer, found 3.0");
  EXPECT_EQ(integerMessage("\"3\""),
            "config.json: key 'n' must be an integer, found \"3\"");
  EXPECT_EQ(integerMessage("[3]"),
            "config.json: key 'n' must be an integer, found [3]");
  EXPECT_EQ(integerMessage("true"),
            "config.json: key 'n' must be an integer, found true");
}

TEST(Config, RefusesIntegersOutOfBounds) {
  EXPECT_EQ(integerMessage("0"),
            "config.json: key 'n' is 0, it must lie in [1, 10]");
  EXPECT_EQ(integerMessage("-1"),
            "config.json: key 'n' is -1, it must lie in [1, 10]");
  EXPECT_EQ(integerMessage("11"),
            "config.json: key 'n' is 11, it must lie in [1, 10]");
  EXPECT_EQ(integerMessage("18446744073709551615"),
            "config.json: key 'n' must be at most 10, found "
            "18446744073709551615");
}

TEST(Config, RefusesOtherTypes) {
  auto message = [](auto read) {
    Config config = parse(R"({"k":[1.5],"o":3})");
    read(config);
    return messageOf(config.takeError());
  };
  EXPECT_EQ(message([](Config &c) {
              c.getNumber("k", 0.0, {0.0, 1.0});
            }),
            "config.json: key 'k' must be a number, found [1.5]");
  EXPECT_EQ(message([](Config &c) {
              c.getNumber("o", 0.0, {0.0, 1.0});
            }),
            "config.json: key 'o' is 3, it must lie in [0, 1]");
  EXPECT_EQ(message([](Config &c) { c.getBool("k", false); }),
            "config.json: key 'k' must be true or false, found [1.5]");
  EXPECT_EQ(message([](Config &c) { c.getString("k", ""); }),
            "config.json: key 'k' must be a string, found [1.5]");
  EXPECT_EQ(message([](Config &c) {
              c.getIntegers("k", {0, 1});
            }),
            "config.json: key 'k' must be a list of integers, found [1.5]");
  EXPECT_EQ(message([](Config &c) {
              c.getIntegers("o", {0, 1});
            }),
            "config.json: key 'o' is 3, it must lie in [0, 1]");
  EXPECT_EQ(message([](Config &c) { c.getStrings("k"); }),
            "config.json: key 'k' must be a list of strings, found [1.5]");
  EXPECT_EQ(message([](Config &c) { (void)c.getObject("k"); }),
            "config.json: key 'k' must be an object, found [1.5]");
}

TEST(Config, KeepsTheFirstError) {
  Config config = parse(R"({"a":0,"b":0})");
  config.requireInteger("a", {1, 2});
  config.requireInteger("b", {1, 2});
  EXPECT_TRUE(config.failed());
  EXPECT_EQ(messageOf(config.finish()),
            "config.json: key 'a' is 0, it must lie in [1, 2]");
}

TEST(Config, NamesAKeyThatNobodyHasRead) {
  Config config = parse(
      R"({"known":1,"torch_dtype":"x","_any":1,"none":null,"in":{"a":1,"odd":2}})");
  config.requireInteger("known", {1, 1});
  config.getObject("in")->requireInteger("a", {1, 1});
  EXPECT_EQ(messageOf(config.finish()),
            "config.json: key 'in.odd' is not supported, supported: a");
}

TEST(Config, RefusesAValueByName) {
  Config config = parse(R"({"act":"tanh\nx"})");
  config.refuse("act", "silu, relu");
  EXPECT_EQ(messageOf(config.takeError()),
            "config.json: key 'act' is \"tanh\\nx\", supported: silu, relu");
}
