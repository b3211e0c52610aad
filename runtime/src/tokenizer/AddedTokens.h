//===- AddedTokens.h - tokens that are found before all else ----*- C++ -*-===//
#ifndef MOERT_TOKENIZER_ADDEDTOKENS_H
#define MOERT_TOKENIZER_ADDEDTOKENS_H

#include "tokenizer/Normalizer.h"
#include "tokenizer/Vocabulary.h"

#include <array>
#include <functional>
#include <map>

namespace moert::tokenizer {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;    ///< hidden by skip_special
  bool singleWord = false; ///< not inside of a word
  bool lstrip = false;     ///< takes the white space before it
  bool rstrip = false;     ///< takes the white space behind it
  bool normalized = false; ///< looked for after the normalizer
  /// What is looked for and decoded to: the content, normalized if asked.
  std::string form;
};

/// Finds the longest of many strings at a place.
class Trie {
public:
  static constexpr int32_t none = -1;
  Trie() { roots.fill(none); }
  void add(std::string_view key, int32_t value);
  /// The value and length of the longest key that text[at..] starts with.
  std::pair<int32_t, size_t> longest(std::string_view text, size_t at) const;
  bool empty() const { return nodes.empty(); }

private:
  /// Children hang on their oldest brother.
  struct Node {
    unsigned char byte;
    int32_t value, child, brother;
  };
  std::array<int32_t, 256> roots;
  std::vector<Node> nodes;
};

/// "added_tokens".
class AddedTokens {
public:
  AddedTokens(const Node &root, const Vocabulary &vocab,
              const Normalizer *normalizer, const TokenizerLimits &limits);

  /// A part of a text: an added token (id) or what lies between two (-1).
  struct Part {
    int32_t id;
    size_t begin, end;
  };
  enum class Pass { BeforeNormalizer, AfterNormalizer };
  std::vector<Part> split(std::string_view text, Pass pass) const;

  const AddedToken *find(int64_t id) const;
  /// One more than the highest id, 0 for none.
  int64_t size() const;

private:
  void check(const Node &node, const AddedToken &token,
             const Vocabulary &vocab) const;
  std::map<int64_t, AddedToken> tokens;
  std::map<std::string, int32_t, std::less<>> byContent;
  Trie before, after;
};

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_ADDEDTOKENS_H
