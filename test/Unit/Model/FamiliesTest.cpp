//===- FamiliesTest.cpp - what makes each family different ----------------===//
#include "TestCheckpoint.h"

#include <gmock/gmock.h>
#include <regex>

using namespace moe;
using namespace moe::test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {
class FamiliesTest : public testing::Test {
protected:
  TestDirectory directory;

  /// The IR of a family's tiny checkpoint with these keys on top.
  std::string build(const std::string &family, const Keys &extra = {}) {
    Keys keys = commonKeys(family);
    for (const auto &[key, value] : extra)
      keys[key] = value;
    Shapes shapes;
    Imported result = satisfy(directory, keys, shapes);
    for (const auto &entry : extra)
      EXPECT_TRUE(keys.count(entry.first)) << entry.first << " was refused";
    EXPECT_EQ(result.error, "") << family;
    return result.text;
  }
  std::string refusal(const std::string &family, const Keys &extra) {
    Keys keys = commonKeys(family);
    for (const auto &[key, value] : extra)
      keys[key] = value;
    Shapes shapes;
    return satisfy(directory, keys, shapes).error;
  }
};
} // namespace

static size_t count(const std::string &text, const std::string &part) {
  size_t result = 0;
  for (size_t at = text.find(part); at != text.npos;
       at = text.find(part, at + 1))
    ++result;
  return result;
}

TEST_F(FamiliesTest, LlamaIsPlain) {
  std::string text = build("llama");
  EXPECT_THAT(text, AllOf(HasSubstr("moe.mlp"), Not(HasSubstr("moe.route")),
                          Not(HasSubstr("_norm by @layers.0.q_norm")),
                          Not(HasSubstr("window")), Not(HasSubstr("bias"))));
}

TEST_F(FamiliesTest, AttentionBiasIsOnAllFour) {
  for (const char *family : {"llama", "qwen3", "qwen3_moe", "olmoe"}) {
    std::string text = build(family, {{"attention_bias", "true"}});
    for (const char *bias : {"q", "k", "v", "o"})
      EXPECT_THAT(text,
                  HasSubstr("bias @layers.1." + std::string(bias) + "_bias"))
          << family;
  }
}

TEST_F(FamiliesTest, LlamaRefusesMlpBias) {
  EXPECT_THAT(refusal("llama", {{"mlp_bias", "true"}}),
              HasSubstr("key 'mlp_bias' is true, supported: false"));
}

TEST_F(FamiliesTest, MistralSlidesEverywhere) {
  // The family's default, one of its own, and none.
  EXPECT_EQ(count(build("mistral"), " window 4096"), 2u);
  EXPECT_EQ(count(build("mistral", {{"sliding_window", "7"}}), " window 7"),
            2u);
  EXPECT_EQ(count(build("mistral", {{"sliding_window", "null"}}), " window "),
            0u);
}

TEST_F(FamiliesTest, LayerTypesDecideWhichLayersSlide) {
  std::string text = build(
      "mistral", {{"layer_types", R"(["full_attention","sliding_attention"])"},
                  {"sliding_window", "7"}});
  EXPECT_EQ(count(text, " window 7"), 1u);
  EXPECT_THAT(refusal("mistral", {{"layer_types", R"(["full_attention"])"}}),
              HasSubstr("key 'layer_types' has 1 entries, the model has 2 "
                        "layers"));
  EXPECT_THAT(refusal("mistral", {{"layer_types", R"(["x","y"])"}}),
              HasSubstr("supported: full_attention, sliding_attention"));
  EXPECT_THAT(
      refusal("mixtral", {{"layer_types", R"(["sliding_attention","x"])"}}),
      HasSubstr("has a sliding layer 0, but there is no sliding_window"));
}

TEST_F(FamiliesTest, Qwen3NormsHeadsAndSlidesLateLayers) {
  std::string text = build("qwen3");
  EXPECT_THAT(text, HasSubstr("by @layers.0.q_norm epsilon 1.0e-06 groups 2"));
  EXPECT_THAT(text, HasSubstr("by @layers.0.k_norm epsilon 1.0e-06 groups 1"));
  EXPECT_EQ(count(text, " window "), 0u);
  text = build("qwen3", {{"use_sliding_window", "true"},
                         {"sliding_window", "5"},
                         {"max_window_layers", "1"}});
  EXPECT_EQ(count(text, " window 5"), 1u);
  EXPECT_LT(text.find("layer 0 at"), text.find(" window 5"));
}

TEST_F(FamiliesTest, WindowsAreUnusedUnlessAskedFor) {
  for (const char *family : {"qwen3", "qwen3_moe", "qwen2_moe"})
    EXPECT_EQ(count(build(family, {{"use_sliding_window", "false"},
                                   {"sliding_window", "5"},
                                   {"max_window_layers", "0"}}),
                    " window "),
              0u);
}

TEST_F(FamiliesTest, MixtralAlwaysRenormalises) {
  std::string text = build("mixtral");
  EXPECT_EQ(count(text, "top 2 softmax renormalize scale 1.0"), 2u);
  EXPECT_THAT(text, HasSubstr("epsilon 1.0e-05"));
  EXPECT_EQ(count(text, " window "), 0u);
}

TEST_F(FamiliesTest, OthersRenormaliseIfAsked) {
  for (const char *family : {"qwen3_moe", "qwen2_moe", "olmoe"}) {
    EXPECT_EQ(count(build(family), "top 2 softmax scale 1.0"), 2u);
    EXPECT_EQ(count(build(family, {{"norm_topk_prob", "true"}}),
                    "top 2 softmax renormalize scale 1.0"),
              2u);
  }
}

TEST_F(FamiliesTest, OlmoeNormsTheWholeWidthAndClips) {
  std::string text = build("olmoe", {{"clip_qkv", "6.0"}});
  EXPECT_THAT(text, HasSubstr("moe.weight @layers.0.q_norm : tensor<8xbf16>"));
  EXPECT_THAT(text, HasSubstr("by @layers.0.q_norm epsilon 1.0e-05 groups 1"));
  EXPECT_EQ(count(text, "moe.clamp"), 6u);
  EXPECT_EQ(count(build("olmoe"), "moe.clamp"), 0u);
}

TEST_F(FamiliesTest, Qwen2MoeHasAGatedSharedExpert) {
  std::string text = build("qwen2_moe");
  EXPECT_THAT(text, HasSubstr("gated by @layers.0.shared.router"));
  EXPECT_THAT(text, HasSubstr("bias @layers.0.q_bias"));
  EXPECT_THAT(text, Not(HasSubstr("o_bias")));
  EXPECT_THAT(build("qwen2_moe", {{"qkv_bias", "false"}}),
              Not(HasSubstr("bias")));
}

TEST_F(FamiliesTest, Qwen2MoeSlidesEverySecondOfTheFirstLayers) {
  std::string text = build("qwen2_moe", {{"num_hidden_layers", "5"},
                                         {"use_sliding_window", "true"},
                                         {"sliding_window", "5"},
                                         {"max_window_layers", "3"}});
  std::vector<std::string> sliding;
  std::regex pattern("moe.attention [^\\n]* layer ([0-9]+) [^\\n]* window 5");
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end;
       it != end; ++it)
    sliding.push_back((*it)[1]);
  EXPECT_EQ(sliding, (std::vector<std::string>{"0", "2"}));
}

TEST_F(FamiliesTest, SomeLayersAreDense) {
  for (const char *family : {"qwen3_moe", "qwen2_moe"}) {
    std::string text = build(family, {{"num_hidden_layers", "4"},
                                      {"decoder_sparse_step", "2"},
                                      {"mlp_only_layers", "[3]"}});
    EXPECT_EQ(count(text, "moe.route"), 1u);
    EXPECT_THAT(text, HasSubstr("@layers.1.experts.gate"));
    EXPECT_THAT(text, HasSubstr("moe.weight @layers.3.mlp.up : tensor<6x8x"));
  }
  EXPECT_THAT(refusal("qwen3_moe", {{"mlp_only_layers", "[2]"}}),
              HasSubstr("key 'mlp_only_layers' is 2, it must lie in [0, 1]"));
}

TEST_F(FamiliesTest, TiedEmbeddingsAreTheHead) {
  std::string text = build("llama", {{"tie_word_embeddings", "true"}});
  EXPECT_THAT(text, AllOf(HasSubstr("by @embed : tensor<?x8xf32> -> "
                                    "tensor<?x16xf32>"),
                          Not(HasSubstr("@head"))));
  EXPECT_THAT(build("llama"), HasSubstr("moe.weight @head"));
}

TEST_F(FamiliesTest, HeadsMayBeWiderThanTheirShare) {
  EXPECT_THAT(build("llama", {{"head_dim", "6"}}),
              AllOf(HasSubstr("moe.weight @layers.0.q : tensor<12x8xbf16>"),
                    HasSubstr("!moe.kv<2 x 1 x 6 x f32>")));
}

TEST_F(FamiliesTest, RefusesHeadsThatDoNotFit) {
  EXPECT_THAT(refusal("llama", {{"num_key_value_heads", "3"}}),
              HasSubstr("key 'num_attention_heads' is 2, no multiple of "
                        "num_key_value_heads 3"));
  EXPECT_THAT(refusal("llama", {{"num_attention_heads", "3"},
                                {"num_key_value_heads", "3"},
                                {"head_dim", "null"}}),
              HasSubstr("key 'hidden_size' is 8, no multiple of "
                        "num_attention_heads 3"));
  EXPECT_THAT(refusal("llama", {{"num_attention_heads", "0"}}),
              HasSubstr("key 'num_attention_heads' is 0, it must lie in [1, "));
}

TEST_F(FamiliesTest, RefusesMoreChoicesThanExperts) {
  EXPECT_THAT(refusal("mixtral", {{"num_experts_per_tok", "4"}}),
              HasSubstr("key 'num_experts_per_tok' is 4, the model has only 3 "
                        "experts"));
  EXPECT_THAT(refusal("mixtral", {{"num_experts", "4"}}),
              HasSubstr("key 'num_experts' is 4, but 'num_local_experts' is "
                        "3"));
}

TEST_F(FamiliesTest, RefusesOtherActivations) {
  EXPECT_THAT(refusal("llama", {{"hidden_act", "\"tanh\""}}),
              HasSubstr("key 'hidden_act' is \"tanh\", supported: silu, "
                        "swish, gelu_pytorch_tanh, relu"));
}

//===----------------------------------------------------------------------===//
// Layouts of experts
//===----------------------------------------------------------------------===//

/// The text without what differs between layouts by right.
static std::string withoutExtents(const std::string &text) {
  std::string result =
      std::regex_replace(text, std::regex("from \\[#moe[^\\n]*"), "");
  return std::regex_replace(result, std::regex(" from \"[^\"]*\""), "");
}

/// "offset, length" of each extent of a weight, of the numbers alone.
static std::vector<std::pair<uint64_t, uint64_t>>
extentsOf(const std::string &text, const std::string &symbol) {
  std::smatch line;
  std::regex pattern("moe.weight @" + symbol + " : [^\\n]*");
  EXPECT_TRUE(std::regex_search(text, line, pattern)) << symbol;
  std::string found = line[0];
  std::vector<std::pair<uint64_t, uint64_t>> result;
  std::regex extent("<\"[^\"]*\", ([0-9]+), ([0-9]+)>");
  for (std::sregex_iterator it(found.begin(), found.end(), extent), end;
       it != end; ++it)
    result.emplace_back(std::stoull((*it)[1]), std::stoull((*it)[2]));
  return result;
}

namespace {
struct Layout {
  const char *family, *folder, *gate;
};
class LayoutTest : public testing::TestWithParam<Layout> {};
} // namespace

TEST_P(LayoutTest, FusedExpertsGiveTheSameModel) {
  TestDirectory separate, fused;
  Keys keys = commonKeys(GetParam().family);
  Shapes shapes;
  Imported wanted = satisfy(separate, keys, shapes);
  ASSERT_EQ(wanted.error, "");

  Shapes fusedShapes;
  std::string folder = GetParam().folder;
  for (const auto &[name, shape] : shapes) {
    size_t at = name.find(folder + "experts.");
    if (at == name.npos) {
      // The router keeps its name or moves with the experts.
      size_t router = name.find(folder + "gate.weight");
      fusedShapes[router == name.npos
                      ? name
                      : name.substr(0, router) + "mlp.gate.weight"] = shape;
      continue;
    }
    std::string layer = name.substr(0, at) + "mlp.experts.";
    bool isGate = name.find(GetParam().gate) != name.npos;
    if (isGate) {
      fusedShapes[layer + "gate_up_proj"] = {3, 2 * shape[0], shape[1]};
      fusedShapes[layer + "down_proj"] = {3, shape[1], shape[0]};
    }
  }
  fused.write("config.json", configText(keys));
  fused.writeTensors("model.safetensors", fusedShapes);
  Imported found = import(fused);
  ASSERT_EQ(found.error, "");

  auto stripName = [](const std::string &text) {
    return std::regex_replace(withoutExtents(text),
                              std::regex("moe.model @[^ ]+"), "moe.model");
  };
  EXPECT_EQ(stripName(found.text), stripName(wanted.text));
  // Gate and up of an expert lie behind each other, expert by expert.
  auto gate = extentsOf(found.text, "layers.0.experts.gate");
  auto up = extentsOf(found.text, "layers.0.experts.up");
  auto down = extentsOf(found.text, "layers.0.experts.down");
  ASSERT_EQ(gate.size(), 3u);
  ASSERT_EQ(up.size(), 3u);
  ASSERT_EQ(down.size(), 3u);
  for (size_t e = 0; e < 3; ++e) {
    EXPECT_EQ(up[e].first, gate[e].first + gate[e].second);
    EXPECT_EQ(gate[e].first, gate[0].first + 2 * e * gate[0].second);
    EXPECT_EQ(down[e].first, down[0].first + e * down[0].second);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, LayoutTest,
    testing::Values(Layout{"qwen3_moe", "mlp.", "gate_proj"},
                    Layout{"qwen2_moe", "mlp.", "gate_proj"},
                    Layout{"olmoe", "mlp.", "gate_proj"},
                    Layout{"mixtral", "block_sparse_moe.", "w1"}),
    [](const auto &info) { return info.param.family; });

TEST_F(FamiliesTest, SeparateExpertsHaveOneExtentEach) {
  std::string text = build("qwen3_moe");
  EXPECT_EQ(extentsOf(text, "layers.1.experts.down").size(), 3u);
}
