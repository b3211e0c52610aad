//===- ImportTest.cpp - the files beside the tensors ----------------------===//
#include "TestCheckpoint.h"

#include "moe/Driver/Registry.h"
#include "moe/Model/ModelBuilder.h"
#include "moe/Model/ModelFamily.h"
#include <gmock/gmock.h>
#include <sys/stat.h>

using namespace moe;
using namespace moe::test;
using testing::HasSubstr;

namespace {
/// A directory that imports, to damage.
class ImportTest : public testing::Test {
protected:
  TestDirectory directory;
  Keys keys = commonKeys("null");
  Shapes shapes = {{"model.embed_tokens.weight", {16, 8}},
                   {"lm_head.weight", {16, 8}}};

  void SetUp() override {
    Imported result = satisfy(directory, keys, shapes);
    ASSERT_EQ(result.error, "");
  }
  void configure(const std::string &key, const std::string &value) {
    keys[key] = value;
    directory.write("config.json", configText(keys));
  }
  /// The error behind the path of `file`.
  std::string errorIn(const std::string &file) {
    std::string error = import(directory).error;
    std::string prefix = directory.path(file) + ": ";
    EXPECT_EQ(error.substr(0, prefix.size()), prefix);
    EXPECT_EQ(error.find('\n'), error.npos) << error;
    return error.substr(std::min(prefix.size(), error.size()));
  }
  /// A byte-level tokenizer of the tokens a, b and <s>.
  void writeTokenizer(int specialId = 2) {
    directory.write(
        "tokenizer.json",
        R"({"added_tokens":[{"id":)" + std::to_string(specialId) +
            R"(,"content":"<s>","single_word":false,"lstrip":false,)"
            R"("rstrip":false,"normalized":false,"special":true}],)"
            R"("normalizer":null,"pre_tokenizer":{"type":"ByteLevel",)"
            R"("add_prefix_space":false,"trim_offsets":true,)"
            R"("use_regex":true},"post_processor":null,)"
            R"("decoder":{"type":"ByteLevel","add_prefix_space":true,)"
            R"("trim_offsets":true,"use_regex":true},)"
            R"("model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}})");
  }
};
} // namespace

/// The error of importing with these families.
static std::string importError(const std::string &path,
                               const Registry &registry) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  return messageOf(importCheckpoint(path, registry, context));
}

TEST_F(ImportTest, RefusesWhatIsNoDirectory) {
  std::string path = directory.path("config.json");
  EXPECT_EQ(importError(path, {}), path + ": is not a directory");
  EXPECT_EQ(importError(path + "x", {}), path + "x: no such file or directory");
}

namespace {
/// Returns rows of features where logits belong.
class Broken : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "broken"; }
  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    builder.begin({/*vocabulary=*/16, /*context=*/32});
    builder.allowUnused("lm_head.weight");
    builder.endForward(builder.embed(
        builder.weight("embed", "model.embed_tokens.weight", {16, 8}), 8));
    return llvm::Error::success();
  }
};
/// Does nothing.
class Idle : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "idle"; }
  llvm::Error build(const Config &, ModelBuilder &) const override {
    return llvm::Error::success();
  }
};
/// Finds something wrong itself.
class Picky : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "picky"; }
  llvm::Error build(const Config &, ModelBuilder &) const override {
    return llvm::createStringError("not today");
  }
};
} // namespace

TEST_F(ImportTest, NamesTheFamilyThatBuildsAnInvalidModel) {
  Registry registry;
  registry.families["broken"] = [] { return std::make_unique<Broken>(); };
  configure("model_type", "\"broken\"");
  EXPECT_THAT(importError(directory.getRoot(), registry),
              HasSubstr("family 'broken' built an invalid model: "));
}

TEST_F(ImportTest, NamesTheFamilyThatBuildsNothing) {
  Registry registry;
  registry.families["idle"] = [] { return std::make_unique<Idle>(); };
  configure("model_type", "\"idle\"");
  EXPECT_THAT(importError(directory.getRoot(), registry),
              HasSubstr("family 'idle' built no model"));
}

TEST_F(ImportTest, PassesOnWhatAFamilySays) {
  Registry registry;
  registry.families["picky"] = [] { return std::make_unique<Picky>(); };
  configure("model_type", "\"picky\"");
  EXPECT_EQ(importError(directory.getRoot(), registry), "not today");
}

TEST_F(ImportTest, RefusesWhatIsNoFile) {
  ASSERT_EQ(remove(directory.path("config.json").c_str()), 0);
  EXPECT_EQ(errorIn("config.json"), "no such file or directory");
  ASSERT_EQ(mkdir(directory.path("config.json").c_str(), 0700), 0);
  EXPECT_EQ(errorIn("config.json"), "is a directory, not a file");
}

TEST_F(ImportTest, RefusesAnEmptyConfig) {
  directory.write("config.json", "");
  EXPECT_EQ(errorIn("config.json"), "is empty");
  directory.write("config.json", "{}");
  EXPECT_EQ(errorIn("config.json"), "key 'model_type' is missing");
}

TEST_F(ImportTest, ListsFamiliesForAnUnknownOne) {
  configure("model_type", "\"bert\"");
  Registry registry;
  for (const char *name : {"idle", "busy"})
    registry.families[name] = [] { return nullptr; };
  EXPECT_EQ(importError(directory.getRoot(), registry),
            directory.path("config.json") +
                ": model_type 'bert' is not supported, supported: busy, idle");
  EXPECT_THAT(errorIn("config.json"), HasSubstr("mixtral"));
}

TEST_F(ImportTest, NamesQuantizedAndNestedModels) {
  configure("quantization_config", R"({"quant_method":"gptq"})");
  EXPECT_EQ(errorIn("config.json"),
            "key 'quantization_config' is not supported, supported are "
            "checkpoints of BF16, F16 and F32");
  keys.erase("quantization_config");
  configure("text_config", "{}");
  EXPECT_THAT(errorIn("config.json"), HasSubstr("key 'text_config'"));
}

TEST_F(ImportTest, EosIsOneOrManyAndGenerationConfigWins) {
  EXPECT_TRUE(import(directory).eosTokens.empty());
  configure("eos_token_id", "3");
  EXPECT_EQ(import(directory).eosTokens, std::vector<int32_t>{3});
  configure("eos_token_id", "[3,4]");
  EXPECT_EQ(import(directory).eosTokens, (std::vector<int32_t>{3, 4}));
  directory.write("generation_config.json", R"({"temperature":0.6})");
  EXPECT_EQ(import(directory).eosTokens, (std::vector<int32_t>{3, 4}));
  directory.write("generation_config.json", R"({"eos_token_id":[5,6]})");
  EXPECT_EQ(import(directory).eosTokens, (std::vector<int32_t>{5, 6}));
}

TEST_F(ImportTest, RefusesTokensOutsideOfTheVocabulary) {
  directory.write("generation_config.json", R"({"eos_token_id":16})");
  EXPECT_EQ(errorIn("generation_config.json"),
            "key 'eos_token_id' is 16, it must lie in [0, 15]");
  configure("eos_token_id", "[2,-1]");
  EXPECT_EQ(errorIn("config.json"),
            "key 'eos_token_id' is -1, it must lie in [0, 15]");
  configure("eos_token_id", "2");
  ASSERT_EQ(remove(directory.path("generation_config.json").c_str()), 0);
  configure("bos_token_id", "16");
  EXPECT_EQ(errorIn("config.json"),
            "key 'bos_token_id' is 16, it must lie in [-1, 15]");
}

TEST_F(ImportTest, ReadsBosFromTheTokenizerConfig) {
  writeTokenizer();
  configure("bos_token_id", "1");
  EXPECT_EQ(import(directory).bosToken, 1);
  EXPECT_FALSE(import(directory).addBos);
  for (const char *bos : {R"("<s>")", R"({"content":"<s>","lstrip":false})"}) {
    directory.write("tokenizer_config.json",
                    R"({"add_bos_token":true,"bos_token":)" + std::string(bos) +
                        "}");
    Imported result = import(directory);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.bosToken, 2);
    EXPECT_TRUE(result.addBos);
  }
}

TEST_F(ImportTest, RefusesABosThatIsNone) {
  writeTokenizer();
  directory.write("tokenizer_config.json",
                  R"({"add_bos_token":true,"bos_token":"ab"})");
  EXPECT_EQ(errorIn("tokenizer_config.json"),
            "bos_token 'ab' is no token of tokenizer.json");
  directory.write("tokenizer_config.json", R"({"add_bos_token":true})");
  EXPECT_EQ(errorIn("tokenizer_config.json"),
            "add_bos_token is true, but there is no bos_token");
  directory.write("tokenizer_config.json", R"({"add_bos_token":1})");
  EXPECT_EQ(errorIn("tokenizer_config.json"),
            "key 'add_bos_token' must be true or false, found 1");
}

TEST_F(ImportTest, RefusesATokenizerWithoutVocabulary) {
  directory.write("tokenizer.json", R"({"model":{"type":"BPE"}})");
  EXPECT_THAT(errorIn("tokenizer.json"), HasSubstr("vocab"));
  directory.write("tokenizer.json", "{");
  EXPECT_NE(errorIn("tokenizer.json"), "");
  directory.write("tokenizer.json", "");
  EXPECT_EQ(errorIn("tokenizer.json"), "is empty");
}

TEST_F(ImportTest, RefusesATokenizerOfAnotherModel) {
  writeTokenizer(16);
  EXPECT_EQ(errorIn("tokenizer.json"),
            "ids go up to 16, the model's vocabulary has 16");
}

TEST_F(ImportTest, RefusesMixedTypesInOneBank) {
  TestDirectory other;
  Keys otherKeys = commonKeys("qwen3_moe");
  Shapes needed;
  ASSERT_EQ(satisfy(other, otherKeys, needed).error, "");
  // One expert of another shard and type.
  std::string odd = "model.layers.0.mlp.experts.2.up_proj.weight";
  std::vector<int64_t> shape = needed[odd];
  needed.erase(odd);
  other.writeTensors("a.safetensors", needed);
  uint64_t bytes = 4 * uint64_t(shape[0] * shape[1]);
  other.write("b.safetensors",
              safetensorsBytes("{\"" + odd + R"(":{"dtype":"F32","shape":[)" +
                                   std::to_string(shape[0]) + "," +
                                   std::to_string(shape[1]) +
                                   R"(],"data_offsets":[0,)" +
                                   std::to_string(bytes) + "]}}",
                               bytes));
  std::string map = "\"" + odd + "\":\"b.safetensors\"";
  for (const auto &entry : needed)
    map += ",\"" + entry.first + "\":\"a.safetensors\"";
  other.write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  ASSERT_EQ(remove(other.path("model.safetensors").c_str()), 0);
  EXPECT_THAT(import(other).error,
              HasSubstr("tensor '" + odd +
                        "' has dtype F32, but 'model.layers."
                        "0.mlp.experts.0.up_proj.weight' "
                        "has BF16"));
}
