//===- Pattern.h - what a stage looks for in a text -------------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_PATTERN_H
#define MOERT_TOKENIZER_PATTERN_H

#include "tokenizer/Json.h"
#include "tokenizer/Regex.h"

#include <optional>

namespace moert::tokenizer {

/// A part of a text that a pattern matches, or that lies between two matches.
struct Span {
  size_t begin, end;
  bool matches;
};

/// {"String": "..."} or {"Regex": "..."}.
class Pattern {
public:
  /// `node` is the object with the key "pattern".
  explicit Pattern(const Node &node);
  explicit Pattern(Regex regex) : regex(std::move(regex)) {}

  /// Covers all of `text`.
  std::vector<Span> find(std::string_view text) const;
  /// `text` with every match replaced.
  std::string replace(std::string_view text, std::string_view by) const;

  /// The string, where the pattern is one.
  const std::string *literal() const { return regex ? nullptr : &string; }

private:
  std::vector<std::pair<size_t, size_t>> findAll(std::string_view text) const;
  std::string string;
  std::optional<Regex> regex;
};

/// Spans of the characters that satisfy `is`, each one on its own.
std::vector<Span> findCharacters(std::string_view text, bool (*is)(char32_t));

/// What becomes of matches when a text is split at them.
enum class Behavior {
  Removed,
  Isolated,
  MergedWithPrevious,
  MergedWithNext,
  Contiguous
};
Behavior readBehavior(const Node &node);

/// The pieces of a text whose spans are `spans`. Every span of the result is
/// one piece.
std::vector<Span> arrange(std::vector<Span> spans, Behavior behavior);

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_PATTERN_H
