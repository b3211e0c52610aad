//===- AddedTokens.cpp - leftmost, longest, with their options ------------===//
#include "tokenizer/AddedTokens.h"

#include "tokenizer/Utf8.h"

#include <algorithm>

using namespace moert;
using namespace moert::tokenizer;

//===-- Trie --------------------------------------------------------------===//

void Trie::add(std::string_view key, int32_t value) {
  int32_t node = none;
  for (unsigned char byte : key) {
    int32_t next = node == none ? roots[byte] : nodes[node].child;
    while (node != none && next != none && nodes[next].byte != byte)
      next = nodes[next].brother;
    if (next == none) {
      next = static_cast<int32_t>(nodes.size());
      int32_t brother = node == none ? none : nodes[node].child;
      nodes.push_back({byte, none, none, brother});
      (node == none ? roots[byte] : nodes[node].child) = next;
    }
    node = next;
  }
  if (node != none && nodes[node].value == none)
    nodes[node].value = value;
}

std::pair<int32_t, size_t> Trie::longest(std::string_view text,
                                         size_t at) const {
  std::pair<int32_t, size_t> best{none, 0};
  int32_t node = roots[static_cast<unsigned char>(text[at])];
  for (size_t end = at + 1; node != none; ++end) {
    if (nodes[node].value != none)
      best = {nodes[node].value, end - at};
    if (end == text.size())
      break;
    auto byte = static_cast<unsigned char>(text[end]);
    node = nodes[node].child;
    while (node != none && nodes[node].byte != byte)
      node = nodes[node].brother;
  }
  return best;
}

//===-- AddedTokens -------------------------------------------------------===//

static AddedToken readToken(const Node &node, const TokenizerLimits &limits) {
  AddedToken token;
  int64_t id = node.at("id").integer();
  if (id < 0 || id >= limits.ids)
    node.fail("id ", id, " is outside 0..", limits.ids - 1);
  token.id = static_cast<int32_t>(id);
  token.content = node.at("content").string();
  token.special = node.boolean("special", false);
  token.singleWord = node.boolean("single_word", false);
  token.lstrip = node.boolean("lstrip", false);
  token.rstrip = node.boolean("rstrip", false);
  token.normalized = node.boolean("normalized", !token.special);
  return token;
}

AddedTokens::AddedTokens(const Node &root, const Vocabulary &vocab,
                         const Normalizer *normalizer,
                         const TokenizerLimits &limits) {
  if (!root.has("added_tokens"))
    return;
  std::vector<Node> items = root.at("added_tokens").items();
  for (const Node &node : items) {
    AddedToken token = readToken(node, limits);
    check(node, token, vocab);
    byContent.emplace(token.content, token.id);
    tokens.emplace(token.id, std::move(token));
  }
  for (auto &[id, token] : tokens) {
    token.form = token.content;
    if (token.normalized && normalizer)
      token.form = normalizer->run(token.content);
    (token.normalized ? after : before).add(token.form, token.id);
  }
}

void AddedTokens::check(const Node &node, const AddedToken &token,
                        const Vocabulary &vocab) const {
  auto clash = [&](int64_t id, std::string_view owner) {
    node.fail("id ", id, " is given to ", inQuotes(owner), " and ",
              inQuotes(token.content));
  };
  if (const AddedToken *other = find(token.id))
    clash(token.id, other->content);
  if (auto found = byContent.find(token.content); found != byContent.end())
    node.fail(inQuotes(token.content), " is listed twice, with ids ",
              found->second, " and ", token.id);
  int32_t known = vocab.find(token.content);
  if (known != Vocabulary::none && known != token.id)
    node.fail(inQuotes(token.content), " has id ", token.id, " here and id ",
              known, " in model.vocab");
  if (known == Vocabulary::none && vocab.has(token.id))
    clash(token.id, vocab[token.id]);
}

const AddedToken *AddedTokens::find(int64_t id) const {
  auto found = tokens.find(id);
  return found == tokens.end() ? nullptr : &found->second;
}

int64_t AddedTokens::size() const {
  return tokens.empty() ? 0 : tokens.rbegin()->first + 1;
}

/// Where the white space that ends text[..end] begins.
static size_t spaceBefore(std::string_view text, size_t begin, size_t end) {
  size_t start = end;
  while (start > begin) {
    size_t at = start - 1;
    while (at > begin && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
      --at;
    size_t next = at;
    if (!isWhiteSpace(nextCharacter(text, next)))
      break;
    start = at;
  }
  return start;
}

/// Where the white space that text[begin..] starts with ends.
static size_t spaceBehind(std::string_view text, size_t begin) {
  size_t end = begin;
  for (size_t at = begin; at < text.size(); end = at)
    if (!isWhiteSpace(nextCharacter(text, at)))
      break;
  return end;
}

/// Whether text[begin..end] has word characters around it.
static bool isInsideWord(std::string_view text, size_t begin, size_t end) {
  size_t at = begin;
  while (at > 0 && (static_cast<unsigned char>(text[at - 1]) & 0xc0) == 0x80)
    --at;
  at -= at > 0;
  if (begin > 0 && isWordCharacter(nextCharacter(text, at)))
    return true;
  return end < text.size() && isWordCharacter(nextCharacter(text, end));
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text,
                                                  Pass pass) const {
  const Trie &trie = pass == Pass::BeforeNormalizer ? before : after;
  std::vector<Part> out;
  size_t done = 0;
  for (size_t at = 0; !trie.empty() && at < text.size();) {
    auto [id, length] = trie.longest(text, at);
    if (id == Trie::none) {
      ++at;
      continue;
    }
    const AddedToken &token = *find(id);
    size_t begin = at, end = at + length;
    at = end;
    if (token.singleWord && isInsideWord(text, begin, end))
      continue;
    // The white space may have been taken by the token before.
    if (token.lstrip)
      begin = spaceBefore(text, std::min(done, begin), begin);
    if (token.rstrip)
      end = spaceBehind(text, end);
    if (begin > done)
      out.push_back({-1, done, begin});
    out.push_back({id, begin, end});
    done = std::max(done, end);
  }
  if (done < text.size())
    out.push_back({-1, done, text.size()});
  return out;
}
