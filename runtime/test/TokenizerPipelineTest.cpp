//===- TokenizerPipelineTest.cpp - stages, added tokens and merges --------===//
#include "TokenizerTesting.h"

#include <nlohmann/json.hpp>

#include <random>

using namespace moert;
using namespace moert::testing;
using nlohmann::json;

namespace {

using Strings = std::vector<std::string>;

/// A file whose tokens are `vocab`, numbered from 0.
json file(const Strings &vocab, const Strings &merges = {}) {
  json out;
  out["model"]["type"] = "BPE";
  out["model"]["merges"] = merges;
  for (size_t i = 0; i < vocab.size(); ++i)
    out["model"]["vocab"][vocab[i]] = i;
  return out;
}

json byteLevel(bool prefix, bool regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix},
          {"use_regex", regex}};
}

/// Every byte is a token.
Strings byteVocab(Strings more = {}) {
  Strings out;
  for (int byte = 0; byte < 256; ++byte) {
    char c = static_cast<char>(byte);
    out.emplace_back();
    tokenizer::appendByteLevel({&c, 1}, out.back());
  }
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

/// As Mistral's first models: marks for spaces, bytes for unknown characters.
json sentencePieceLike() {
  Strings vocab = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    vocab.push_back(name);
  }
  for (const char *token : {"▁", "a", "b", "ab", "▁ab", "▁▁"})
    vocab.push_back(token);
  json out = file(vocab, {"a b", "▁ ab", "▁ ▁"});
  out["model"]["byte_fallback"] = true;
  out["model"]["fuse_unk"] = true;
  out["model"]["unk_token"] = "<unk>";
  out["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  out["decoder"] = json::parse(R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  out["added_tokens"] = json::parse(R"([
    {"id": 0, "content": "<unk>", "special": true, "normalized": false},
    {"id": 1, "content": "<s>", "special": true, "normalized": false},
    {"id": 2, "content": "</s>", "special": true, "normalized": false}])");
  return out;
}

TEST(TokenizerPipelineTest, ByteFallback) {
  auto t = parseGood(sentencePieceLike().dump());
  EXPECT_EQ(tokens(*t, "ab ab"), (Strings{"▁ab", "▁ab"}));
  EXPECT_EQ(tokens(*t, "é"), (Strings{"▁", "<0xC3>", "<0xA9>"}));
  EXPECT_EQ(tokens(*t, "<s>a"), (Strings{"<s>", "▁", "a"}));
  EXPECT_EQ(tokens(*t, ""), Strings());
  for (const char *text : {"", " ", "ab", " ab", "  ab b ", "日本\n\u0001é",
                           "\U0001f642", "a</s>"})
    EXPECT_EQ(decode(*t, encode(*t, text)),
              std::string_view(text) == "a</s>" ? "a</s>" : text);
}

/// Only the text's first space is the prefix; bytes wait for each other.
TEST(TokenizerPipelineTest, ByteFallbackStream) {
  auto t = parseGood(sentencePieceLike().dump());
  EXPECT_EQ(decodeSteps(*t, encode(*t, "ab ab")), (Strings{"ab", " ab", ""}));
  EXPECT_EQ(decodeSteps(*t, encode(*t, "é")), (Strings{"", "", "é", ""}));
  int32_t c3 = 3 + 0xc3, a = 3 + 256 + 1;
  EXPECT_EQ(decodeSteps(*t, {c3, a}), (Strings{"", "\ufffda", ""}));
  EXPECT_EQ(decodeSteps(*t, {c3}), (Strings{"", "\ufffd"}));
  EXPECT_EQ(decodeSteps(*t, {1, a, 2}, true), (Strings{"", "a", "", ""}));
  EXPECT_EQ(decodeSteps(*t, {1, a, 2}), (Strings{"<s>", "a", "</s>", ""}));
}

/// Every split of a text of characters of 1 to 4 bytes.
TEST(TokenizerPipelineTest, StreamAtEverySplit) {
  json both[] = {sentencePieceLike(), file(byteVocab())};
  both[1]["pre_tokenizer"] = byteLevel(false, true);
  both[1]["decoder"] = byteLevel(false, true);
  const std::string text = "ab é日\U0001f642 ab\u00a0ß";
  for (const json &one : both) {
    auto t = parseGood(one.dump());
    std::vector<int32_t> ids = encode(*t, text);
    Strings steps = decodeSteps(*t, ids);
    for (size_t cut = 0; cut <= ids.size(); ++cut) {
      std::string head;
      for (size_t i = 0; i < cut; ++i)
        head += steps[i];
      EXPECT_TRUE(isWhole(head));
      EXPECT_TRUE(text.starts_with(head));
    }
    EXPECT_EQ(decode(*t, ids), text);
    EXPECT_EQ(steps.back(), ""); // all was certain before the end
  }
}

TEST(TokenizerPipelineTest, UnknownTokens) {
  json f = file({"<unk>", "a"});
  EXPECT_EQ(encode(*parseGood(f.dump()), "axya"), (std::vector<int32_t>{1, 1}));
  f["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(encode(*parseGood(f.dump()), "axya"),
            (std::vector<int32_t>{1, 0, 0, 1}));
  f["model"]["fuse_unk"] = true;
  EXPECT_EQ(encode(*parseGood(f.dump()), "axya"),
            (std::vector<int32_t>{1, 0, 1}));
}

TEST(TokenizerPipelineTest, IgnoreMerges) {
  json f = file({"a", "b", "c", "ab", "abc"}, {"a b"});
  EXPECT_EQ(tokens(*parseGood(f.dump()), "abc"), (Strings{"ab", "c"}));
  f["model"]["ignore_merges"] = true;
  EXPECT_EQ(tokens(*parseGood(f.dump()), "abc"), (Strings{"abc"}));
}

/// What the model files of two families ask for.
TEST(TokenizerPipelineTest, SplitRegex) {
  json f = file(byteVocab());
  auto with = [&](const char *digits) {
    std::string regex =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" +
        std::string(digits) +
        R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    f["pre_tokenizer"] = {{"type", "Sequence"},
                          {"pretokenizers",
                           {{{"type", "Split"},
                             {"pattern", {{"Regex", regex}}},
                             {"behavior", "Isolated"},
                             {"invert", false}},
                            byteLevel(false, false)}}};
    auto t = parseGood(f.dump());
    tokenizer::Pieces pieces;
    t->parts().preTokenizer->split({"He'S 12345\n\n  (x) ", true}, pieces);
    Strings out;
    for (size_t i = 0; i < pieces.size(); ++i)
      out.emplace_back(pieces[i].text);
    return out;
  };
  EXPECT_EQ(with(R"(\p{N}{1,3})"), (Strings{"He", "'S", "Ġ", "123", "45", "ĊĊ",
                                            "Ġ", "Ġ(", "x", ")", "Ġ"}));
  EXPECT_EQ(with(R"(\p{N})"), (Strings{"He", "'S", "Ġ", "1", "2", "3", "4", "5",
                                       "ĊĊ", "Ġ", "Ġ(", "x", ")", "Ġ"}));
}

TEST(TokenizerPipelineTest, AddedTokenOptions) {
  auto split = [](json options, std::string_view text) {
    json f = file({"a", "b", " "});
    options["id"] = 3;
    options["content"] = "<x>";
    f["added_tokens"] = {options};
    return tokens(*parseGood(f.dump()), text);
  };
  json none = json::object();
  EXPECT_EQ(split(none, "a <x> b"), (Strings{"a", " ", "<x>", " ", "b"}));
  EXPECT_EQ(split({{"lstrip", true}}, "a  <x> b"),
            (Strings{"a", "<x>", " ", "b"}));
  EXPECT_EQ(split({{"rstrip", true}}, "a <x>\u3000 b"),
            (Strings{"a", " ", "<x>", "b"}));
  EXPECT_EQ(split({{"lstrip", true}, {"rstrip", true}}, "<x>  <x>"),
            (Strings{"<x>", "<x>"}));
  EXPECT_EQ(split({{"single_word", true}}, "a<x>"), (Strings{"a"}));
  EXPECT_EQ(split({{"single_word", true}}, "<x>b"), (Strings{"b"}));
  EXPECT_EQ(split({{"single_word", true}}, "<x> <x>"),
            (Strings{"<x>", " ", "<x>"}));
}

TEST(TokenizerPipelineTest, LongestAddedTokenWins) {
  json f = file({"a", "b"});
  f["added_tokens"] = json::parse(R"([{"id": 2, "content": "<a"},
    {"id": 3, "content": "<ab>"}, {"id": 4, "content": "b>b"}])");
  auto t = parseGood(f.dump());
  EXPECT_EQ(tokens(*t, "<ab>b"), (Strings{"<ab>", "b"}));
  EXPECT_EQ(tokens(*t, "<ab>"), (Strings{"<ab>"}));
  EXPECT_EQ(tokens(*t, "<abb>b"), (Strings{"<a", "b", "b>b"}));
}

TEST(TokenizerPipelineTest, NormalizedAddedTokens) {
  json f = file({"a", "b"});
  f["normalizer"] = {{"type", "Lowercase"}};
  f["added_tokens"] = json::parse(R"([
    {"id": 2, "content": "YES", "normalized": true},
    {"id": 3, "content": "NO", "normalized": false}])");
  auto t = parseGood(f.dump());
  EXPECT_EQ(encode(*t, "AyEsNOa"), (std::vector<int32_t>{0, 2, 3, 0}));
  EXPECT_EQ(encode(*t, "nob"), (std::vector<int32_t>{1}));
}

/// A special token keeps its text; the ids between have none.
TEST(TokenizerPipelineTest, GapsAndSpecials) {
  json f = file(byteVocab());
  f["pre_tokenizer"] = f["decoder"] = byteLevel(false, true);
  f["added_tokens"] =
      json::parse(R"([{"id": 300, "content": "né", "special": true}])");
  auto t = parseGood(f.dump());
  EXPECT_EQ(t->size(), 301);
  EXPECT_EQ(encode(*t, "né"), (std::vector<int32_t>{300}));
  EXPECT_EQ(decode(*t, {300}), "né");
  EXPECT_EQ(decode(*t, {300}, /*skipSpecial=*/true), "");
  Decoder decoder(*t, false);
  std::string out;
  EXPECT_STREQ(decoder.push(-1, &out).message(),
               "t.json: token -1 requested, ids begin at 0");
}

/// Models have ids beyond the tokenizer's: they stand for no text, also in the
/// middle of a character.
TEST(TokenizerPipelineTest, IdsWithoutText) {
  json f = file(byteVocab());
  f["pre_tokenizer"] = f["decoder"] = byteLevel(false, true);
  f["added_tokens"] = json::parse(R"([{"id": 300, "content": "<x>"}])");
  auto t = parseGood(f.dump());
  std::vector<int32_t> bytes = encode(*t, "né");
  ASSERT_EQ(bytes.size(), 3u);
  EXPECT_EQ(decode(*t, {bytes[0], 301, bytes[1], 299, 2147483647, bytes[2]}),
            "né");
}

TEST(TokenizerPipelineTest, NoDecoderJoinsBySpaces) {
  auto t = parseGood(file({"a", "b"}).dump());
  EXPECT_EQ(decode(*t, {0, 1, 0}), "a b a");
}

//===-- Merges ------------------------------------------------------------===//

/// Merges the best pair of the whole list, again and again.
std::vector<int32_t>
naive(std::vector<std::string> parts,
      const std::map<std::string, int32_t> &vocab,
      const std::map<std::pair<std::string, std::string>, int> &ranks) {
  for (;;) {
    int best = INT32_MAX;
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i)
      if (auto found = ranks.find({parts[i], parts[i + 1]});
          found != ranks.end() && found->second < best)
        best = found->second, at = i;
    if (best == INT32_MAX)
      break;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string &part : parts)
    ids.push_back(vocab.at(part));
  return ids;
}

TEST(TokenizerPipelineTest, AgreesWithNaiveMerges) {
  std::mt19937 random(7);
  auto pick = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 30; ++round) {
    Strings vocab = {"a", "b", "c", "é"}, merges;
    std::map<std::pair<std::string, std::string>, int> ranks;
    while (merges.size() < 40) {
      std::string left = vocab[pick(vocab.size())];
      std::string right = vocab[pick(vocab.size())];
      int rank = static_cast<int>(merges.size());
      if (left.size() + right.size() > 12 ||
          !ranks.insert({{left, right}, rank}).second)
        continue;
      merges.push_back(left + " " + right);
      if (std::find(vocab.begin(), vocab.end(), left + right) == vocab.end())
        vocab.push_back(left + right);
    }
    std::map<std::string, int32_t> ids;
    for (size_t i = 0; i < vocab.size(); ++i)
      ids[vocab[i]] = static_cast<int32_t>(i);
    json f = file(vocab, merges);
    json pairs = f;
    pairs["model"]["merges"] = json::array();
    for (const std::string &merge : merges) {
      size_t space = merge.find(' ');
      pairs["model"]["merges"].push_back(
          {merge.substr(0, space), merge.substr(space + 1)});
    }
    auto t = parseGood(f.dump()), fromPairs = parseGood(pairs.dump());
    for (int i = 0; i < 50; ++i) {
      Strings characters;
      std::string text;
      for (size_t n = pick(60); n > 0; --n)
        text += characters.emplace_back(vocab[pick(4)]);
      EXPECT_EQ(encode(*t, text), naive(characters, ids, ranks)) << text;
      EXPECT_EQ(encode(*fromPairs, text), encode(*t, text));
    }
  }
}

/// Long texts without a place to split take no square of time.
TEST(TokenizerPipelineTest, LongPiece) {
  auto t = parseGood(file({"a", "aa", "aaaa", "b"}, {"a a", "aa aa"}).dump());
  EXPECT_EQ(encode(*t, std::string(1 << 18, 'a')).size(), size_t(1) << 16);
}

} // namespace
