//===- CheckpointTest.cpp - shards, and tensors looked up by name ---------===//
#include "moe/Model/Checkpoint.h"

#include "TestCheckpoint.h"
#include <gmock/gmock.h>
#include <unistd.h>

using namespace moe;
using namespace moe::test;
using testing::HasSubstr;

namespace {
class CheckpointTest : public testing::Test {
protected:
  TestDirectory directory;

  void writeIndex(const std::string &map) {
    directory.write("model.safetensors.index.json",
                    "{\"metadata\":{\"total_size\":1},\"weight_map\":" + map +
                        "}");
  }
  llvm::Expected<Checkpoint> open() {
    return Checkpoint::open(directory.getRoot());
  }
  /// The message behind the index file's path.
  std::string indexMessage() {
    std::string message = messageOf(open());
    std::string prefix = directory.path("model.safetensors.index.json: ");
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.substr(std::min(prefix.size(), message.size()));
  }
};
} // namespace

TEST_F(CheckpointTest, FindsTensorsOfOneFile) {
  directory.writeTensors("model.safetensors", {{"a", {2, 3}}, {"b", {4}}});
  auto checkpoint = open();
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  EXPECT_EQ(checkpoint->find("a")->length, 12u);
  EXPECT_EQ(checkpoint->find("c"), nullptr);
}

TEST_F(CheckpointTest, FindsTensorsOfShards) {
  directory.writeTensors("one.safetensors", {{"a", {2, 3}}});
  directory.writeTensors("two.safetensors", {{"b", {4}}});
  writeIndex(R"({"a":"one.safetensors","b":"two.safetensors"})");
  auto checkpoint = open();
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  EXPECT_EQ(checkpoint->find("a")->file, "one.safetensors");
  EXPECT_EQ(checkpoint->find("b")->file, "two.safetensors");
}

TEST_F(CheckpointTest, NamesTensorAndBothShapes) {
  directory.writeTensors("model.safetensors", {{"a", {2, 3}}});
  auto checkpoint = open();
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  std::string path = directory.path("model.safetensors");
  EXPECT_EQ(messageOf(checkpoint->get("a", {3, 2})),
            path + ": tensor 'a' has shape [2, 3], config.json asks for "
                   "[3, 2]");
  EXPECT_EQ(messageOf(checkpoint->get("b", {3})),
            path + ": tensor 'b' of shape [3] is missing");
}

TEST_F(CheckpointTest, RefusesTypesThatAreNoWeights) {
  directory.write(
      "model.safetensors",
      safetensorsBytes(
          R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4));
  auto checkpoint = open();
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  EXPECT_THAT(messageOf(checkpoint->get("a", {4})),
              HasSubstr("tensor 'a' has dtype F8_E4M3, supported are BF16, "
                        "F16 and F32"));
}

TEST_F(CheckpointTest, RefusesADirectoryWithoutTensors) {
  EXPECT_EQ(messageOf(open()), directory.getRoot() +
                                   ": has neither model.safetensors nor "
                                   "model.safetensors.index.json");
}

TEST_F(CheckpointTest, RefusesAMissingShard) {
  directory.writeTensors("one.safetensors", {{"a", {2}}});
  writeIndex(R"({"a":"one.safetensors","b":"two.safetensors"})");
  EXPECT_EQ(indexMessage(), "shard 'two.safetensors' is missing");
}

TEST_F(CheckpointTest, RefusesATensorThatIsListedButAbsent) {
  directory.writeTensors("one.safetensors", {{"a", {2}}});
  writeIndex(R"({"a":"one.safetensors","b":"one.safetensors"})");
  EXPECT_EQ(indexMessage(),
            "tensor 'b' is listed for 'one.safetensors' but is not in it");
}

TEST_F(CheckpointTest, RefusesATensorInTwoShards) {
  directory.writeTensors("one.safetensors", {{"a", {2}}});
  directory.writeTensors("two.safetensors", {{"a", {2}}, {"b", {2}}});
  writeIndex(R"({"a":"one.safetensors","b":"two.safetensors"})");
  EXPECT_EQ(indexMessage(),
            "tensor 'a' is in 'one.safetensors' and in 'two.safetensors'");
}

TEST_F(CheckpointTest, RefusesShardsOutsideOfTheDirectory) {
  for (const char *name :
       {"../one", "/etc/passwd", "..", "", "a/b", "a\\\\b", "a\\u0000b"}) {
    writeIndex("{\"a\":\"" + std::string(name) + "\"}");
    EXPECT_THAT(indexMessage(),
                HasSubstr("which is no name of a file beside it"))
        << name;
  }
}

TEST_F(CheckpointTest, RefusesAMalformedIndex) {
  auto message = [&](const std::string &text) {
    directory.write("model.safetensors.index.json", text);
    return indexMessage();
  };
  EXPECT_EQ(message(""), "is empty");
  EXPECT_EQ(message("{"), "not valid JSON at byte 1");
  EXPECT_EQ(message("[]"), "has no key 'weight_map'");
  EXPECT_EQ(message("{}"), "has no key 'weight_map'");
  EXPECT_EQ(message(R"({"weight_map":{}})"),
            "'weight_map' must map tensors to files");
  EXPECT_EQ(message(R"({"weight_map":{"a":1}})"),
            "tensor 'a' needs a file name");
  EXPECT_EQ(message(R"({"weight_map":{"a":"x","a":"y"}})"),
            "it has the key 'a' twice");
}

TEST_F(CheckpointTest, RefusesAHugeIndex) {
  directory.write("model.safetensors.index.json", "{}");
  // A sparse file: no byte of it is written or read.
  ASSERT_EQ(truncate(directory.path("model.safetensors.index.json").c_str(),
                     100'000'001),
            0);
  EXPECT_EQ(indexMessage(), "has 100000001 bytes, the limit is 100000000");
}

TEST_F(CheckpointTest, NamesTheShardThatIsDamaged) {
  directory.write("one.safetensors", "123");
  writeIndex(R"({"a":"one.safetensors"})");
  EXPECT_EQ(messageOf(open()),
            directory.path("one.safetensors") +
                ": has 3 bytes, a safetensors file has at least 8");
}
