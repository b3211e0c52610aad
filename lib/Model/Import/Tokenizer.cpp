//===- Tokenizer.cpp - tokenizer.json fits the model, and its bos ---------===//
//
// The runtime's own tokenizer reads the file, so that what it would refuse when
// a text is generated is refused when the module is made.
//===----------------------------------------------------------------------===//
#include "Tokenizer.h"

#include "File.h"
#include "moe/Model/Config.h"
#include "moe/Model/Diagnostics.h"
#include "moert/moert.h"
#include <memory>

using namespace llvm;
using namespace moe;

static constexpr uint64_t tokenizerLimit = 256 << 20;

using Tokenizer =
    std::unique_ptr<moert_tokenizer_t, decltype(&moert_tokenizer_free)>;

/// What the runtime said as an error of ours.
static Error takeStatus(moert_status_t status) {
  if (!status)
    return Error::success();
  std::string message = moert_status_message(status);
  moert_status_free(status);
  return makeError(message);
}

static Expected<Tokenizer> parse(StringRef path, StringRef text) {
  moert_tokenizer_t *tokenizer = nullptr;
  if (Error error = takeStatus(moert_tokenizer_parse(
          text.data(), text.size(), path.str().c_str(), &tokenizer)))
    return std::move(error);
  return Tokenizer(tokenizer, &moert_tokenizer_free);
}

/// The id of a text that is one token; -1 for other texts.
static Expected<int32_t> findToken(const Tokenizer &tokenizer,
                                   StringRef content) {
  int32_t *ids = nullptr;
  size_t count = 0;
  if (Error error = takeStatus(moert_tokenizer_encode(
          tokenizer.get(), content.data(), content.size(), &ids, &count)))
    return std::move(error);
  int32_t id = count == 1 ? ids[0] : -1;
  moert_free(ids);
  return id;
}

/// bos_token is a string, or an object with the string as content.
static std::optional<std::string> readBosToken(const Config &config) {
  if (!config.has("bos_token"))
    return std::nullopt;
  if (!config.isObject("bos_token"))
    return config.getString("bos_token", "");
  return config.getObject("bos_token")->requireString("content");
}

static Error readTokenizerConfig(StringRef path, const Tokenizer &tokenizer,
                                 ImportedModel &model) {
  Expected<Config> config = Config::read(path);
  if (!config)
    return config.takeError();
  model.addBos = config->getBool("add_bos_token", false);
  std::optional<std::string> content = readBosToken(*config);
  if (content && !config->failed()) {
    Expected<int32_t> id = findToken(tokenizer, *content);
    if (!id)
      return id.takeError();
    if (*id >= 0)
      model.bosToken = *id;
    else if (model.addBos)
      config->fail("bos_token " + quote(*content) +
                   " is no token of tokenizer.json");
  }
  if (model.addBos && model.bosToken < 0)
    config->fail("add_bos_token is true, but there is no bos_token");
  return config->takeError();
}

Error moe::readTokenizer(StringRef directory, int64_t vocabulary,
                         ImportedModel &model) {
  std::string path = pathIn(directory, "tokenizer.json");
  // A model without a tokenizer runs on ids.
  if (!exists(path))
    return Error::success();
  Expected<std::string> text = readText(path, tokenizerLimit);
  if (!text)
    return text.takeError();
  Expected<Tokenizer> tokenizer = parse(path, *text);
  if (!tokenizer)
    return tokenizer.takeError();
  int64_t size = moert_tokenizer_size(tokenizer->get());
  if (size > vocabulary)
    return fileError(path, "ids go up to " + Twine(size - 1) +
                               ", the model's vocabulary has " +
                               Twine(vocabulary));
  model.tokenizerJson = std::move(*text);

  std::string configPath = pathIn(directory, "tokenizer_config.json");
  if (!exists(configPath))
    return Error::success();
  return readTokenizerConfig(configPath, *tokenizer, model);
}
