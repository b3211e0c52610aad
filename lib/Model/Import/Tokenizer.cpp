//===- Tokenizer.cpp - tokenizer.json fits the model, and its bos ---------===//
#include "Tokenizer.h"

#include "File.h"
#include "Json.h"
#include "moe/Model/Config.h"
#include "moe/Model/Diagnostics.h"
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

static constexpr uint64_t tokenizerLimit = 256 << 20;
static constexpr uint64_t configLimit = 16 << 20;

namespace {
/// Content of each token to its id.
using TokenIds = std::map<std::string, int64_t>;
} // namespace

static Expected<TokenIds> parseVocabulary(StringRef text) {
  Expected<json> root = parseJson(text);
  if (!root)
    return root.takeError();
  const json none;
  auto member = [&](const json &object, const char *key) -> const json & {
    return object.is_object() && object.contains(key) ? object[key] : none;
  };
  const json &vocabulary = member(member(*root, "model"), "vocab");
  if (!vocabulary.is_object() || vocabulary.empty())
    return makeError("has no vocabulary in 'model.vocab'");
  TokenIds ids;
  for (auto &[content, id] : vocabulary.items())
    ids[content] = id.is_number_unsigned() ? id.get<int64_t>() : -1;
  for (const json &token : member(*root, "added_tokens")) {
    const json &content = member(token, "content");
    const json &id = member(token, "id");
    if (!content.is_string() || !id.is_number_unsigned())
      return makeError("'added_tokens' must have content and id");
    ids[content.get<std::string>()] = id.get<int64_t>();
  }
  return ids;
}

static Error checkIds(const TokenIds &ids, int64_t vocabulary) {
  for (auto &[content, id] : ids)
    if (id < 0 || id >= vocabulary)
      return makeError("token " + quote(content) + " has id " + Twine(id) +
                     ", the model's vocabulary has " + Twine(vocabulary));
  return Error::success();
}

/// bos_token is a string, or an object with the string as content.
static std::optional<std::string> readBosToken(const Config &config) {
  if (!config.has("bos_token"))
    return std::nullopt;
  if (!config.isObject("bos_token"))
    return config.getString("bos_token", "");
  return config.getObject("bos_token")->requireString("content");
}

static Error readTokenizerConfig(StringRef path, const TokenIds &ids,
                                 ImportedModel &model) {
  Expected<std::string> text = readText(path, configLimit);
  if (!text)
    return text.takeError();
  Expected<Config> config = Config::parse(path, *text);
  if (!config)
    return config.takeError();
  model.addBos = config->getBool("add_bos_token", false);
  std::optional<std::string> bos = readBosToken(*config);
  auto id = bos ? ids.find(*bos) : ids.end();
  if (id != ids.end())
    model.bosToken = int32_t(id->second);
  else if (bos && model.addBos)
    config->fail("bos_token " + quote(*bos) + " is not in the vocabulary");
  else if (model.addBos && model.bosToken < 0)
    config->fail("add_bos_token is true, but there is no bos_token");
  return config->takeError();
}

Error moe::readTokenizer(StringRef directory, int64_t vocabulary,
                         ImportedModel &model) {
  std::string path = pathIn(directory, "tokenizer.json");
  TokenIds ids;
  if (exists(path)) {
    Expected<std::string> text = readText(path, tokenizerLimit);
    if (!text)
      return text.takeError();
    Expected<TokenIds> parsed = parseVocabulary(*text);
    if (!parsed)
      return fileError(path, toString(parsed.takeError()));
    if (Error error = checkIds(*parsed, vocabulary))
      return fileError(path, toString(std::move(error)));
    ids = std::move(*parsed);
    model.tokenizerJson = std::move(*text);
  }
  std::string configPath = pathIn(directory, "tokenizer_config.json");
  if (!exists(configPath))
    return Error::success();
  return readTokenizerConfig(configPath, ids, model);
}
