//===- Utf8.h - characters of UTF-8 text and their classes ------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_UTF8_H
#define MOERT_TOKENIZER_UTF8_H

#include <cstddef>
#include <string>
#include <string_view>

namespace moert::tokenizer {

/// The character at `at`, which moves behind it. U+FFFD for broken bytes.
char32_t nextCharacter(std::string_view text, size_t &at);
void appendCharacter(std::string &out, char32_t c);
/// The only character of `text`, or 0 if there are none or several.
char32_t onlyCharacter(std::string_view text);

/// `bytes` with U+FFFD for every longest broken piece, as Unicode recommends.
std::string repaired(std::string_view bytes);

/// As Rust's char methods and its regex classes have them, which the files in
/// circulation were made with.
bool isWhiteSpace(char32_t c);
bool isNumeric(char32_t c);
bool isPunctuation(char32_t c);
bool isWordCharacter(char32_t c);

/// Turns bytes that arrive in pieces into whole characters.
class Utf8Assembler {
public:
  enum class Broken {
    LongestPiece, ///< one U+FFFD for every longest broken piece
    EveryByte,    ///< one U+FFFD for every broken byte
  };
  explicit Utf8Assembler(Broken broken) : broken(broken) {}

  /// Appends to `out` the characters that `bytes` complete or break.
  void push(std::string_view bytes, std::string &out);
  /// What is held back is broken now.
  void finish(std::string &out);
  bool empty() const { return held.empty(); }

private:
  void drain(bool atEnd, std::string &out);
  Broken broken;
  std::string held;
};

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_UTF8_H
