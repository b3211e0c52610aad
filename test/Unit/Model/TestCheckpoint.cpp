//===- TestCheckpoint.cpp - writes what families ask for ------------------===//
#include "TestCheckpoint.h"

#include "moe/Driver/Registry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <fstream>
#include <gtest/gtest.h>
#include <regex>

using namespace moe;
using namespace moe::test;

TestDirectory::TestDirectory() {
  llvm::SmallString<128> path;
  std::error_code code =
      llvm::sys::fs::createUniqueDirectory("moe-model-test", path);
  EXPECT_FALSE(code) << code.message();
  root = path.str().str();
}

TestDirectory::~TestDirectory() {
  (void)llvm::sys::fs::remove_directories(root);
}

void TestDirectory::write(const std::string &file,
                          const std::string &bytes) const {
  std::ofstream stream(path(file), std::ios::binary);
  stream.write(bytes.data(), std::streamsize(bytes.size()));
  stream.close();
  EXPECT_TRUE(bool(stream)) << file;
}

std::string moe::test::safetensorsBytes(const std::string &header,
                                        uint64_t dataSize) {
  char length[8];
  llvm::support::endian::write64le(length, header.size());
  return std::string(length, 8) + header + std::string(dataSize, '\0');
}

void TestDirectory::writeTensors(const std::string &file,
                                 const Shapes &shapes) const {
  std::string header = "{";
  uint64_t end = 0;
  for (const auto &[name, shape] : shapes) {
    uint64_t begin = end, elements = 1;
    std::string dimensions;
    for (int64_t dimension : shape) {
      elements *= uint64_t(dimension);
      dimensions += (dimensions.empty() ? "" : ",") + std::to_string(dimension);
    }
    end += 2 * elements;
    header += (begin ? "," : "") + ("\"" + name) +
              "\":{\"dtype\":\"BF16\",\"shape\":[" + dimensions +
              "],\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(end) + "]}";
  }
  write(file, safetensorsBytes(header + "}", end));
}

std::string moe::test::configText(const Keys &keys) {
  std::string text = "{";
  for (const auto &[key, value] : keys)
    text += (text.size() > 1 ? "," : "") + ("\"" + key) + "\":" + value;
  return text + "}";
}

Keys moe::test::commonKeys(const std::string &modelType) {
  return {{"model_type", "\"" + modelType + "\""},
          {"vocab_size", "16"},
          {"hidden_size", "8"},
          {"num_hidden_layers", "2"},
          {"num_attention_heads", "2"},
          {"num_key_value_heads", "1"},
          {"head_dim", "4"},
          {"intermediate_size", "6"},
          {"moe_intermediate_size", "10"},
          {"shared_expert_intermediate_size", "12"},
          {"num_experts", "3"},
          {"num_local_experts", "3"},
          {"num_experts_per_tok", "2"},
          {"max_position_embeddings", "32"}};
}

std::string moe::test::messageOf(llvm::Error error) {
  EXPECT_TRUE(bool(error)) << "no error where one was expected";
  return llvm::toString(std::move(error));
}

Imported moe::test::import(const TestDirectory &directory) {
  Registry registry;
  registerPlugins(registry);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported result;
  auto model = importCheckpoint(directory.getRoot(), registry, context);
  if (!model) {
    result.error = llvm::toString(model.takeError());
    return result;
  }
  llvm::raw_string_ostream stream(result.text);
  (*model->module)->print(stream);
  result.addBos = model->addBos;
  result.bosToken = model->bosToken;
  result.eosTokens = model->eosTokens;
  return result;
}

static std::vector<int64_t> parseShape(const std::string &text) {
  std::vector<int64_t> shape;
  for (llvm::StringRef item : llvm::split(text, ", "))
    shape.push_back(std::stoll(item.str()));
  return shape;
}

Imported moe::test::satisfy(const TestDirectory &directory, Keys &keys,
                            Shapes &shapes) {
  static const std::regex missing(
      "tensor '([^']*)' of shape \\[([0-9, ]*)\\] is missing");
  static const std::regex absent("key '([^']*)' is missing$");
  static const std::regex unknown("key '([^']*)' is not supported");
  Imported result;
  for (int attempt = 0; attempt < 500; ++attempt) {
    directory.write("config.json", configText(keys));
    directory.writeTensors("model.safetensors", shapes);
    result = import(directory);
    std::smatch match;
    if (std::regex_search(result.error, match, missing))
      shapes[match[1]] = parseShape(match[2]);
    else if (std::regex_search(result.error, match, absent))
      keys[match[1]] = "2";
    else if (std::regex_search(result.error, match, unknown))
      keys.erase(match[1]);
    else
      break;
  }
  return result;
}
