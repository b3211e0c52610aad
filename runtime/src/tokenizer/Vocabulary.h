//===- Vocabulary.h - the model's strings by id and by text -----*- C++ -*-===//
#ifndef MOERT_TOKENIZER_VOCABULARY_H
#define MOERT_TOKENIZER_VOCABULARY_H

#include "tokenizer/Json.h"

namespace moert::tokenizer {

/// All strings lie in one buffer, and ids in flat tables: 150k tokens take a
/// few megabytes and a few milliseconds.
class Vocabulary {
public:
  static constexpr int32_t none = -1;

  /// Throws Error for an empty list, and for strings or ids that are twice.
  explicit Vocabulary(TokenList list);

  /// The id of `token`, or none.
  int32_t find(std::string_view token) const;
  bool has(int64_t id) const {
    return id >= 0 && id < size() && byId[id] != none;
  }
  /// The string of an id that it has.
  std::string_view operator[](int32_t id) const {
    return list[list.entries[byId[id]]];
  }
  /// One more than the highest id; there may be fewer tokens.
  int64_t size() const { return static_cast<int64_t>(byId.size()); }
  size_t tokens() const { return list.entries.size(); }

private:
  size_t slotOf(std::string_view token) const;
  TokenList list;
  std::vector<int32_t> byId;  ///< index in list.entries, or none
  std::vector<int32_t> slots; ///< the same, by hash; a power of two
};

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_VOCABULARY_H
