//===- TokenizerGoldenTest.cpp - other people's ids, other people's text --===//
//
// Inputs/tokenizer-pipelines.json holds small pipelines of every shape, texts,
// their ids and what these decode to.
//
//===----------------------------------------------------------------------===//
#include "TokenizerTesting.h"

#include <nlohmann/json.hpp>

using namespace moert;
using namespace moert::testing;
using nlohmann::json;

namespace {

/// The tokenizer.json of a case: its stages, and one of the file's vocabularies
/// with the case's own tokens.
json tokenizerOf(const json &golden, const json &test) {
  json out = test;
  out.erase("name");
  out.erase("texts");
  const json options = test["model"];
  json &model = out["model"];
  for (const auto &[key, value] :
       golden["models"][options["base"].get<size_t>()].items())
    model[key] = value;
  if (options.contains("extra"))
    model["vocab"].update(options["extra"]);
  if (options.contains("bytes"))
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof(name), "<0x%02X>", byte);
      model["vocab"][name] = options["bytes"].get<int>() + byte;
    }
  return out;
}

TEST(TokenizerGoldenTest, Pipelines) {
  json golden = json::parse(sourceFile("test/Inputs/tokenizer-pipelines.json"));
  size_t texts = 0;
  for (const json &test : golden["cases"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    auto tokenizer = parseGood(tokenizerOf(golden, test).dump());
    ASSERT_TRUE(tokenizer);
    for (const json &text : test["texts"]) {
      SCOPED_TRACE(text[0].dump());
      auto ids = text[1].get<std::vector<int32_t>>();
      EXPECT_EQ(encode(*tokenizer, text[0].get<std::string>()), ids);
      EXPECT_EQ(decode(*tokenizer, ids), text[2].get<std::string>());
      ++texts;
    }
  }
  EXPECT_EQ(golden["cases"].size(), 30u);
  EXPECT_GT(texts, 200u);
}

} // namespace
