//===- TokenizerTest.cpp - the demo model's tokenizer, both ways ----------===//
#include "TokenizerTesting.h"

#include <nlohmann/json.hpp>

using namespace moert;
using namespace moert::testing;

namespace {

constexpr const char *tinyMoe = "../models/tiny-moe/tokenizer.json";
constexpr const char *goldens = "../models/tiny-moe/goldens/tokenizer.json";

TEST(TokenizerTest, TinyMoeGoldens) {
  auto tokenizer = parseGood(sourceFile(tinyMoe));
  EXPECT_EQ(tokenizer->size(), 2048);
  auto all = nlohmann::json::parse(sourceFile(goldens));
  ASSERT_EQ(all.size(), 78u);
  for (const auto &golden : all) {
    auto text = golden["text"].get<std::string>();
    auto ids = golden["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(encode(*tokenizer, text), ids) << text;
    EXPECT_EQ(decode(*tokenizer, ids), text);
  }
}

TEST(TokenizerTest, CApi) {
  std::string json = sourceFile(tinyMoe);
  moert_tokenizer_t *tokenizer = nullptr;
  ASSERT_EQ(
      moert_tokenizer_parse(json.data(), json.size(), "t.json", &tokenizer),
      nullptr);
  EXPECT_EQ(moert_tokenizer_size(tokenizer), 2048);
  int32_t *ids = nullptr;
  size_t count = 99;
  ASSERT_EQ(moert_tokenizer_encode(tokenizer, "", 0, &ids, &count), nullptr);
  EXPECT_EQ(count, 0u);
  EXPECT_NE(ids, nullptr);
  moert_free(ids);
  ASSERT_EQ(moert_tokenizer_encode(tokenizer, "<|pad|>a", 8, &ids, &count),
            nullptr);
  EXPECT_EQ(std::vector<int32_t>(ids, ids + count),
            (std::vector<int32_t>{1, 100}));
  moert_free(ids);

  moert_decoder_t *decoder = nullptr;
  ASSERT_EQ(moert_decoder_create(tokenizer, /*skip_special=*/1, &decoder),
            nullptr);
  const char *text = nullptr;
  size_t length = 99;
  ASSERT_EQ(moert_decoder_push(decoder, 1, &text, &length), nullptr);
  EXPECT_EQ(std::string_view(text, length), "");
  ASSERT_EQ(moert_decoder_push(decoder, 100, &text, &length), nullptr);
  EXPECT_EQ(std::string_view(text, length), "a");

  ASSERT_EQ(moert_decoder_push(decoder, 2048, &text, &length), nullptr);
  EXPECT_EQ(length, 0u);
  moert_status_t status = moert_decoder_push(decoder, -1, &text, &length);
  EXPECT_EQ(moert_status_code(status), MOERT_OUT_OF_RANGE);
  EXPECT_STREQ(moert_status_message(status),
               "t.json: token -1 requested, ids begin at 0");
  moert_status_free(status);
  ASSERT_EQ(moert_decoder_finish(decoder, &text, &length), nullptr);
  EXPECT_EQ(length, 0u);
  moert_decoder_free(decoder);
  moert_tokenizer_free(tokenizer);
}

TEST(TokenizerTest, CApiRefusal) {
  moert_tokenizer_t *tokenizer = nullptr;
  moert_status_t status = moert_tokenizer_parse("[]", 2, "t.json", &tokenizer);
  EXPECT_EQ(moert_status_code(status), MOERT_DATA_LOSS);
  EXPECT_STREQ(moert_status_message(status),
               "t.json: expected an object at the top");
  EXPECT_EQ(tokenizer, nullptr);
  moert_status_free(status);
  moert_tokenizer_free(nullptr);
  moert_decoder_free(nullptr);
}

/// Text cut into bytes comes out whole characters at a time.
TEST(TokenizerTest, StreamsWholeCharacters) {
  auto tokenizer = parseGood(sourceFile(tinyMoe));
  std::vector<int32_t> byteIds(256);
  for (int byte = 0; byte < 256; ++byte)
    byteIds[byte] = byteToken(*tokenizer, static_cast<unsigned char>(byte));
  const std::string text = "a\u00e9\u4f60\U0001f642z\u00ff";
  Decoder decoder(*tokenizer, false);
  std::string all, out;
  for (unsigned char byte : text) {
    ASSERT_TRUE(decoder.push(byteIds[byte], &out).ok());
    EXPECT_TRUE(isWhole(out)) << out;
    all += out;
  }
  EXPECT_EQ(all, text); // nothing is held back behind a whole character
  ASSERT_TRUE(decoder.finish(&out).ok());
  EXPECT_EQ(out, "");
}

TEST(TokenizerTest, StreamsBrokenBytes) {
  auto tokenizer = parseGood(sourceFile(tinyMoe));
  auto stream = [&](std::string_view bytes) {
    std::vector<int32_t> ids;
    for (unsigned char byte : bytes)
      ids.push_back(byteToken(*tokenizer, byte));
    return decodeSteps(*tokenizer, ids);
  };
  using Steps = std::vector<std::string>;
  // The last step is finish.
  EXPECT_EQ(stream("\xf0\x9f\x99"), (Steps{"", "", "", "\ufffd"}));
  EXPECT_EQ(stream("\xf0\x9f"
                   "a"),
            (Steps{"", "",
                   "\ufffd"
                   "a",
                   ""}));
  EXPECT_EQ(stream("\xff"), (Steps{"\ufffd", ""}));
  EXPECT_EQ(stream("\xe0\x80"), (Steps{"", "\ufffd\ufffd", ""}));
  EXPECT_EQ(stream("\xed\xa0\x80"), (Steps{"", "\ufffd\ufffd", "\ufffd", ""}));
}

TEST(TokenizerTest, DecoderStartsAnew) {
  auto tokenizer = parseGood(sourceFile(tinyMoe));
  Decoder decoder(*tokenizer, false);
  std::string out;
  ASSERT_TRUE(decoder.push(byteToken(*tokenizer, 0xe4), &out).ok());
  ASSERT_FALSE(decoder.push(-1, &out).ok());
  EXPECT_EQ(out, "");
  ASSERT_TRUE(decoder.push(byteToken(*tokenizer, 0xbd), &out).ok());
  ASSERT_TRUE(decoder.push(byteToken(*tokenizer, 0xa0), &out).ok());
  EXPECT_EQ(out, "\u4f60");
  ASSERT_TRUE(decoder.push(byteToken(*tokenizer, 0xe4), &out).ok());
  ASSERT_TRUE(decoder.finish(&out).ok());
  EXPECT_EQ(out, "\ufffd");
  ASSERT_TRUE(decoder.push(100, &out).ok());
  EXPECT_EQ(out, "a");
}

TEST(TokenizerTest, AnyBytes) {
  auto tokenizer = parseGood(sourceFile(tinyMoe));
  auto roundTrip = [&](std::string_view text) {
    return decode(*tokenizer, encode(*tokenizer, text));
  };
  EXPECT_EQ(roundTrip(std::string_view("a\0b\0", 4)),
            std::string_view("a\0b\0", 4));
  EXPECT_EQ(roundTrip("\xff"
                      "a\xe4\xbd"),
            "\ufffd"
            "a\ufffd");
  EXPECT_EQ(roundTrip("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
}

TEST(TokenizerTest, TextLimit) {
  TokenizerLimits limits;
  limits.textBytes = 3;
  std::unique_ptr<Tokenizer> tokenizer;
  ASSERT_TRUE(
      Tokenizer::parse(sourceFile(tinyMoe), "t.json", &tokenizer, limits).ok());
  std::vector<int32_t> ids;
  EXPECT_TRUE(tokenizer->encode("abc", &ids).ok());
  Status status = tokenizer->encode("abcd", &ids);
  EXPECT_EQ(status.code(), MOERT_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(status.message(), "t.json: text of 4 bytes, the limit is 3");
}

} // namespace
