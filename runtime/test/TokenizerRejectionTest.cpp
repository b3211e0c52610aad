//===- TokenizerRejectionTest.cpp - every way to be no tokenizer.json -----===//
#include "TokenizerTesting.h"

using namespace moert;
using namespace moert::testing;

namespace {

/// A file whose model has these parts.
std::string withModel(const std::string &model) {
  return R"({"model": {"type": "BPE", )" + model + "}}";
}
/// A good file with one more key at the top.
std::string with(const std::string &entry) {
  return "{" + entry +
         R"(, "model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";
}

struct Case {
  const char *name;
  std::string json, message;
};

class TokenizerRejectionTest : public ::testing::TestWithParam<Case> {};

TEST_P(TokenizerRejectionTest, OneLine) {
  EXPECT_EQ(parseBad(GetParam().json), "t.json: " + GetParam().message);
}

const Case jsonCases[] = {
    {"Number", "7", "expected an object at the top"},
    {"Array", "[]", "expected an object at the top"},
    {"DuplicateKey", R"({"a": 1, "b": 2, "a": 3})",
     "key \"a\" is twice in one object"},
    {"DuplicateVocab", withModel(R"("vocab": {"a": 0}, "vocab": {"b": 1})"),
     "key \"vocab\" is twice in one object"},
    {"NoModel", "{}", "top level: \"model\" is missing"},
    {"ModelType", R"({"model": 5})",
     "model: expected an object, found an integer"},
};

const Case vocabCases[] = {
    {"Missing", withModel(R"("merges": [])"), "model: \"vocab\" is missing"},
    {"Empty", withModel(R"("vocab": {}, "merges": [])"),
     "model.vocab: has 0 tokens, needs at least 1"},
    {"Array", withModel(R"("vocab": [])"),
     "model.vocab: expected an object, found an array"},
    {"TextId", withModel(R"("vocab": {"a": "0"})"),
     "model.vocab[\"a\"]: expected an integer id"},
    {"RealId", withModel(R"("vocab": {"a": 0.5})"),
     "model.vocab[\"a\"]: expected an integer id"},
    {"NestedId", withModel(R"("vocab": {"a": [0]})"),
     "model.vocab[\"a\"]: expected an integer, found an array"},
    {"NegativeId", withModel(R"("vocab": {"a": -1})"),
     "model.vocab[\"a\"]: id -1 is outside 0..4194303"},
    {"HugeId", withModel(R"("vocab": {"a": 4194304})"),
     "model.vocab[\"a\"]: id 4194304 is outside 0..4194303"},
    {"BeyondInt64", withModel(R"("vocab": {"a": 18446744073709551615})"),
     "model.vocab[\"a\"]: expected an integer id"},
    {"DuplicateId", withModel(R"("vocab": {"a": 3, "b": 3}, "merges": [])"),
     "model.vocab: id 3 is given to \"a\" and \"b\""},
    {"DuplicateToken", withModel(R"("vocab": {"a": 3, "a": 4}, "merges": [])"),
     "model.vocab: \"a\" is listed twice, with ids 3 and 4"},
};

const Case mergeCases[] = {
    {"Missing", withModel(R"("vocab": {"a": 0})"),
     "model: \"merges\" is missing"},
    {"Object", withModel(R"("vocab": {"a": 0}, "merges": {})"),
     "model.merges: expected an array, found an object"},
    {"UnknownLeft", withModel(R"("vocab": {"a": 0}, "merges": ["b a"])"),
     "model: merges[0] needs \"b\", which is none of the 1 tokens"},
    {"UnknownRight", withModel(R"("vocab": {"a": 0}, "merges": [["a", "c"]])"),
     "model: merges[0] needs \"c\", which is none of the 1 tokens"},
    {"UnknownResult",
     withModel(R"("vocab": {"a": 0, "b": 1}, "merges": ["a b"])"),
     "model: merges[0] needs \"ab\", which is none of the 2 tokens"},
    {"OneWord", withModel(R"("vocab": {"a": 0}, "merges": ["a"])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"ThreeWords", withModel(R"("vocab": {"a": 0}, "merges": ["a a a"])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"OneInPair", withModel(R"("vocab": {"a": 0}, "merges": [["a"]])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"ThreeInPair",
     withModel(R"("vocab": {"a":0,"aa":1}, "merges": [["a","a","a"]])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"Number", withModel(R"("vocab": {"a": 0}, "merges": [1])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"NumberInPair", withModel(R"("vocab": {"a": 0}, "merges": [["a", 1]])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
    {"Empty", withModel(R"("vocab": {"a": 0}, "merges": ["a "])"),
     "model.merges[0]: expected \"left right\" or [\"left\", \"right\"]"},
};

const Case modelCases[] = {
    {"Unigram", R"({"model": {"type": "Unigram", "vocab": [["a", 0.5]]}})",
     "model: type \"Unigram\" is not supported, only BPE"},
    {"WordPiece", R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})",
     "model: type \"WordPiece\" is not supported, only BPE"},
    {"WordLevel", R"({"model": {"type": "WordLevel", "vocab": {"a": 0}}})",
     "model: type \"WordLevel\" is not supported, only BPE"},
    {"Dropout", withModel(R"("dropout": 0.1, "vocab": {"a": 0}, "merges": [])"),
     "model.dropout: random merges are not supported, only null"},
    {"Prefix",
     withModel(
         R"("continuing_subword_prefix": "##", "vocab": {"a": 0}, "merges": [])"),
     "model.continuing_subword_prefix: \"##\" is not supported, only null"},
    {"Suffix",
     withModel(
         R"("end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": [])"),
     "model.end_of_word_suffix: \"</w>\" is not supported, only null"},
    {"FlagType", withModel(R"("fuse_unk": 1, "vocab": {"a": 0}, "merges": [])"),
     "model.fuse_unk: expected a boolean, found an integer"},
};

const Case stageCases[] = {
    {"Normalizer", with(R"("normalizer": {"type": "BertNormalizer"})"),
     "normalizer: type \"BertNormalizer\" is not supported, only NFC, NFD, "
     "NFKC, NFKD, Lowercase, Replace, Prepend, Strip, Sequence"},
    {"NestedNormalizer",
     with(R"("normalizer": {"type": "Sequence", "normalizers": [
             {"type": "NFC"}, {"type": "Precompiled"}]})"),
     "normalizer.normalizers[1]: type \"Precompiled\" is not supported, only "
     "NFC, NFD, NFKC, NFKD, Lowercase, Replace, Prepend, Strip, Sequence"},
    {"PreTokenizer", with(R"("pre_tokenizer": {"type": "BertPreTokenizer"})"),
     "pre_tokenizer: type \"BertPreTokenizer\" is not supported, only "
     "ByteLevel, Split, Digits, Metaspace, WhitespaceSplit, Punctuation, "
     "Sequence"},
    {"PostProcessor", with(R"("post_processor": {"type": "BertProcessing"})"),
     "post_processor: type \"BertProcessing\" is not supported, only "
     "ByteLevel, Sequence, TemplateProcessing"},
    {"Decoder", with(R"("decoder": {"type": "WordPiece"})"),
     "decoder: type \"WordPiece\" is not supported, only ByteLevel, "
     "ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence"},
    {"NoType", with(R"("decoder": {})"), "decoder: \"type\" is missing"},
    {"TypeOfType", with(R"("decoder": {"type": 3})"),
     "decoder.type: expected a string, found an integer"},
    {"NotAnObject", with(R"("normalizer": "NFC")"),
     "normalizer: expected an object, found a string"},
    {"NoPattern", with(R"("normalizer": {"type": "Replace", "content": "x"})"),
     "normalizer: \"pattern\" is missing"},
    {"EmptyPattern",
     with(R"("normalizer": {"type": "Replace", "pattern": {}, "content": ""})"),
     "normalizer.pattern: expected {\"String\": ...} or {\"Regex\": ...}"},
    {"Behavior",
     with(R"("pre_tokenizer": {"type": "Split", "behavior": "Merged",
             "pattern": {"String": "a"}})"),
     "pre_tokenizer.behavior: \"Merged\" is not supported, only Removed, "
     "Isolated, MergedWithPrevious, MergedWithNext, Contiguous"},
    {"Regex", with(R"("pre_tokenizer": {"type": "Split", "behavior": "Isolated",
             "pattern": {"Regex": "a(b"}})"),
     "Regex: pattern \"a(b\": end pattern with unmatched parenthesis"},
    {"Scheme",
     with(R"("pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "x"})"),
     "pre_tokenizer.prepend_scheme: \"x\" is not supported, only always, "
     "first, never"},
    {"Replacement",
     with(R"("pre_tokenizer": {"type": "Metaspace", "replacement": "ab"})"),
     "pre_tokenizer.replacement: expected 1 character, found \"ab\""},
    {"StripContent",
     with(R"("decoder": {"type": "Strip", "content": "", "start": 1,
             "stop": 0})"),
     "decoder.content: expected 1 character, found \"\""},
    {"StripCount",
     with(R"("decoder": {"type": "Strip", "content": "a", "start": -1,
             "stop": 0})"),
     "decoder.start: expected a count, found -1"},
    {"RegexBehindFuse",
     with(R"("decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
             {"type": "Replace", "pattern": {"Regex": "a"}, "content": ""}]})"),
     "decoder.decoders[1]: a regular expression is not supported behind "
     "ByteLevel, ByteFallback or Fuse, only a string"},
};

const Case addedCases[] = {
    {"NotAnArray", with(R"("added_tokens": {})"),
     "added_tokens: expected an array, found an object"},
    {"NoId", with(R"("added_tokens": [{"content": "x"}])"),
     "added_tokens[0]: \"id\" is missing"},
    {"Range", with(R"("added_tokens": [{"id": 4194304, "content": "x"}])"),
     "added_tokens[0]: id 4194304 is outside 0..4194303"},
    {"SameId", with(R"("added_tokens": [{"id": 7, "content": "x"},
             {"id": 7, "content": "y"}])"),
     "added_tokens[1]: id 7 is given to \"x\" and \"y\""},
    {"SameContent", with(R"("added_tokens": [{"id": 7, "content": "x"},
             {"id": 8, "content": "x"}])"),
     "added_tokens[1]: \"x\" is listed twice, with ids 7 and 8"},
    {"OtherIdInVocab", with(R"("added_tokens": [{"id": 7, "content": "a"}])"),
     "added_tokens[0]: \"a\" has id 7 here and id 0 in model.vocab"},
    {"IdOfVocab", with(R"("added_tokens": [{"id": 1, "content": "x"}])"),
     "added_tokens[0]: id 1 is given to \"b\" and \"x\""},
    {"Flag",
     with(R"("added_tokens": [{"id": 7, "content": "x", "special": "no"}])"),
     "added_tokens[0].special: expected a boolean, found a string"},
};

std::string nameOf(const ::testing::TestParamInfo<Case> &info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Json, TokenizerRejectionTest,
                         ::testing::ValuesIn(jsonCases), nameOf);
INSTANTIATE_TEST_SUITE_P(Vocab, TokenizerRejectionTest,
                         ::testing::ValuesIn(vocabCases), nameOf);
INSTANTIATE_TEST_SUITE_P(Merges, TokenizerRejectionTest,
                         ::testing::ValuesIn(mergeCases), nameOf);
INSTANTIATE_TEST_SUITE_P(Model, TokenizerRejectionTest,
                         ::testing::ValuesIn(modelCases), nameOf);
INSTANTIATE_TEST_SUITE_P(Stages, TokenizerRejectionTest,
                         ::testing::ValuesIn(stageCases), nameOf);
INSTANTIATE_TEST_SUITE_P(Added, TokenizerRejectionTest,
                         ::testing::ValuesIn(addedCases), nameOf);

TEST(TokenizerJsonTest, Syntax) {
  for (const char *json : {"", "{", "{\"model\": 1,}", "{} {}",
                           "{\"a\": \"\xff\"}", "{\"a\": \"\xed\xa0\x80\"}",
                           "{\"a\": \"\\ud800\"}", "{\"a\": 1e999}"}) {
    std::string message = parseBad(json);
    EXPECT_TRUE(message.starts_with("t.json: not JSON at byte ")) << message;
    EXPECT_EQ(message.find('\n'), message.npos) << message;
    EXPECT_TRUE(isWhole(message)) << message;
  }
}

TEST(TokenizerJsonTest, Limits) {
  TokenizerLimits limits;
  limits.jsonBytes = 10;
  EXPECT_EQ(parseBad("{\"a\": 1234}", limits),
            "t.json: tokenizer of 11 bytes, the limit is 10");
  limits = {};
  limits.jsonDepth = 3;
  EXPECT_EQ(parseBad("{\"a\": [[[]]]}", limits),
            "t.json: nested 4 deep, the limit is 3");
  limits = {};
  limits.jsonValues = 2;
  EXPECT_EQ(parseBad("{\"a\": 1, \"b\": 2, \"c\": 3}", limits),
            "t.json: more than 2 values beside model.vocab and model.merges");
  std::string deep(100000, '[');
  EXPECT_EQ(parseBad(deep), "t.json: nested 65 deep, the limit is 64");
}

/// A pattern that backtracks without end is an error, not a hang.
TEST(TokenizerJsonTest, Backtracking) {
  auto tokenizer = parseGood(with(
      R"json("pre_tokenizer": {"type": "Split", "behavior": "Isolated",
             "pattern": {"Regex": "(a|aa)+$(?<=b)"}})json"));
  std::vector<int32_t> ids;
  Status status = tokenizer->encode(std::string(40, 'a'), &ids);
  EXPECT_EQ(status.code(), MOERT_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(status.message(),
               "t.json: Regex: at byte 0 of 40: retry-limit-in-match over");
}

TEST(TokenizerJsonTest, LongPattern) {
  std::string pattern(65537, 'a');
  EXPECT_EQ(parseBad(with(R"("normalizer": {"type": "Replace", "content": "",
                             "pattern": {"Regex": ")" +
                          pattern + "\"}}")),
            "t.json: Regex: pattern of 65537 bytes, the limit is 65536");
}

/// A chain of stages that doubles a text is stopped.
TEST(TokenizerJsonTest, Growth) {
  std::string stages;
  for (int i = 0; i < 40; ++i)
    stages += std::string(i ? "," : "") +
              R"({"type": "Replace", "pattern": {"String": "a"},
                  "content": "aa"})";
  auto tokenizer =
      parseGood(with(R"("normalizer": {"type": "Sequence", "normalizers": [)" +
                     stages + "]}"));
  std::vector<int32_t> ids;
  Status status = tokenizer->encode("a", &ids);
  EXPECT_EQ(status.code(), MOERT_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(status.message(), "t.json: normalizer: 1 bytes of text grew to "
                                 "2097152, the limit is 1048640");
}

TEST(TokenizerJsonTest, UnknownTokenOutsideTheVocabulary) {
  auto tokenizer = parseGood(
      withModel(R"("unk_token": "<unk>", "vocab": {"a": 0}, "merges": [])"));
  EXPECT_EQ(encode(*tokenizer, "aa"), (std::vector<int32_t>{0, 0}));
  std::vector<int32_t> ids;
  Status status = tokenizer->encode("b", &ids);
  EXPECT_STREQ(status.message(), "t.json: model.unk_token \"<unk>\" stands for "
                                 "\"b\" but is none of the 1 tokens");
}

TEST(TokenizerJsonTest, QuotesStayOnOneLine) {
  EXPECT_EQ(parseBad(withModel(R"("vocab": {"a\n\"\u0085": -1})")),
            "t.json: model.vocab[\"a\\x0a\\\"\\x85\"]: id -1 is outside "
            "0..4194303");
  std::string longName(100, 'a');
  EXPECT_EQ(parseBad(withModel("\"vocab\": {\"" + longName + "\": -1}")),
            "t.json: model.vocab[\"" + longName.substr(0, 60) +
                "...\"]: id -1 is outside 0..4194303");
}

} // namespace
