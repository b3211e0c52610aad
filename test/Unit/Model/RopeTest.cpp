//===- RopeTest.cpp - frequencies against independently computed ones -----===//
//
// The expected numbers are those of the reference implementations' formulas in
// float64, computed with Python.
//===----------------------------------------------------------------------===//
#include "moe/Model/Rope.h"

#include "TestCheckpoint.h"
#include <gmock/gmock.h>

using namespace moe;
using namespace moe::test;
using testing::HasSubstr;

static Config parse(const std::string &text) {
  auto config = Config::parse("config.json", text);
  EXPECT_TRUE(bool(config)) << llvm::toString(config.takeError());
  return std::move(*config);
}

/// Reads heads of `headSize` features in a context of 128.
static RopeFrequencies read(const std::string &text, int64_t headSize = 8) {
  Config config = parse(text);
  RopeFrequencies rope = readRope(config, headSize, 128, 10000.0);
  llvm::Error error = config.finish();
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  return rope;
}

static std::string refusal(const std::string &text, int64_t headSize = 8) {
  Config config = parse(text);
  (void)readRope(config, headSize, 128, 10000.0);
  return messageOf(config.takeError());
}

static void expectFrequencies(const RopeFrequencies &rope,
                              const std::vector<double> &expected) {
  ASSERT_EQ(rope.frequencies.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(rope.frequencies[i], expected[i], 1e-12 * expected[i]) << i;
}

static const std::vector<double> plain{1.0, 0.1, 0.01, 0.001};

TEST(Rope, DefaultOfOldAndNewKeys) {
  expectFrequencies(read("{}"), plain);
  expectFrequencies(read(R"({"rope_theta":10000,"rope_scaling":null})"), plain);
  expectFrequencies(
      read(R"({"rope_parameters":{"rope_type":"default","rope_theta":1e4}})"),
      plain);
  expectFrequencies(read(R"({"rope_theta":256.0})"),
                    {1.0, 0.25, 0.0625, 0.015625});
  EXPECT_EQ(read("{}").gain, 1.0);
}

TEST(Rope, InnerThetaWinsAndOuterOneFillsIn) {
  expectFrequencies(
      read(R"({"rope_theta":256.0,"rope_parameters":{"rope_theta":1e4}})"),
      plain);
  expectFrequencies(
      read(R"({"rope_theta":256.0,"rope_parameters":{"rope_type":"default"}})"),
      {1.0, 0.25, 0.0625, 0.015625});
}

TEST(Rope, PartialHeadsTurnFewerPairs) {
  expectFrequencies(read(R"({"partial_rotary_factor":0.5})", 16), plain);
}

TEST(Rope, Linear) {
  std::vector<double> expected{0.25, 0.025, 0.0025, 0.00025};
  expectFrequencies(read(R"({"rope_scaling":{"type":"linear","factor":4.0}})"),
                    expected);
  expectFrequencies(
      read(R"({"rope_scaling":{"rope_type":"linear","factor":4}})"), expected);
}

TEST(Rope, Llama3) {
  // Pair 0 turns 5.1 times in 32 positions and stays; the others turn less
  // than once and are stretched, but for the blend at theta 16.
  expectFrequencies(
      read(R"({"rope_scaling":{"rope_type":"llama3","factor":8.0,)"
           R"("low_freq_factor":1.0,"high_freq_factor":4.0,)"
           R"("original_max_position_embeddings":32}})"),
      {1.0, 0.0125, 0.00125, 0.000125});
  RopeFrequencies blended =
      read(R"({"rope_theta":16.0,"rope_scaling":{"rope_type":"llama3",)"
           R"("factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
           R"("original_max_position_embeddings":32}})");
  expectFrequencies(blended,
                    {1.0, 0.2880282005477558, 0.05117371680360562, 0.015625});
}

TEST(Rope, Yarn) {
  RopeFrequencies rope =
      read(R"({"rope_theta":16,"rope_scaling":{"rope_type":"yarn",)"
           R"("factor":4.0,)"
           R"("original_max_position_embeddings":32}})");
  expectFrequencies(rope, {1.0, 0.375, 0.125, 0.03125});
  EXPECT_NEAR(rope.gain, 1.1386294361119891, 1e-15);
  rope = read(R"({"rope_theta":16,"rope_scaling":{"rope_type":"yarn",)"
              R"("factor":4.0,)"
              R"("original_max_position_embeddings":32,"truncate":false,)"
              R"("beta_fast":8,"beta_slow":0.5,"attention_factor":1.5}})");
  expectFrequencies(rope, {1.0, 0.38800968596733176, 0.1380096859673318,
                           0.04100726447549884});
  EXPECT_EQ(rope.gain, 1.5);
}

TEST(Rope, YarnTakesItsFactorFromTheContexts) {
  RopeFrequencies rope = read(R"({"rope_scaling":{"rope_type":"yarn",)"
                              R"("original_max_position_embeddings":32}})");
  EXPECT_NEAR(rope.gain, 1.1386294361119891, 1e-15);
}

TEST(Rope, YarnGainOfTwoWeights) {
  RopeFrequencies rope =
      read(R"({"rope_scaling":{"rope_type":"yarn","factor":4.0,)"
           R"("mscale":1.0,"mscale_all_dim":0.5}})");
  EXPECT_NEAR(rope.gain, 1.0648216253695715, 1e-12);
}

TEST(Rope, RefusesWhatIsNoTable) {
  EXPECT_EQ(refusal(R"({"rope_scaling":{"type":"dynamic","factor":2.0}})"),
            "config.json: key 'rope_scaling.type' is \"dynamic\", supported: "
            "default, linear, llama3, yarn");
  EXPECT_EQ(refusal(R"({"rope_parameters":{"rope_type":"longrope"}})"),
            "config.json: key 'rope_parameters.rope_type' is \"longrope\", "
            "supported: default, linear, llama3, yarn");
}

TEST(Rope, RefusesBadValues) {
  EXPECT_THAT(refusal(R"({"rope_theta":0})"), HasSubstr("key 'rope_theta'"));
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"linear","factor":0.5}})"),
              HasSubstr("key 'rope_scaling.factor' is 0.5"));
  EXPECT_EQ(refusal(R"({"rope_scaling":{"type":"linear"}})"),
            "config.json: key 'rope_scaling.factor' is missing");
  EXPECT_EQ(refusal(R"({"rope_scaling":{"type":"llama3","factor":8}})"),
            "config.json: key 'rope_scaling.low_freq_factor' is missing");
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"llama3","factor":8,)"
                      R"("low_freq_factor":4.0,"high_freq_factor":1.0}})"),
              HasSubstr("supported: less than high_freq_factor"));
  EXPECT_THAT(refusal(R"({"rope_scaling":{},"rope_parameters":{}})"),
              HasSubstr("one of rope_parameters and rope_scaling"));
  EXPECT_THAT(refusal(R"({"rope_scaling":"yarn"})"),
              HasSubstr("key 'rope_scaling' must be an object"));
  EXPECT_EQ(refusal("{}", 7), "config.json: rotary positions turn pairs, a "
                              "head has 7 features that turn");
}
