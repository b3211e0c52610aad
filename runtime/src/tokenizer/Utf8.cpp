//===- Utf8.cpp - characters through ICU's tables -------------------------===//
#include "tokenizer/Utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

using namespace moert::tokenizer;

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// Negative for broken bytes; `at` moves behind the longest broken piece.
UChar32 next(std::string_view text, size_t &at) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(text.data());
  UChar32 c;
  U8_NEXT(bytes, at, text.size(), c);
  return c;
}

/// Whether text[begin..] could become a character with more bytes.
bool isCut(std::string_view text, size_t begin, size_t end) {
  auto lead = static_cast<uint8_t>(text[begin]);
  return end == text.size() && U8_IS_LEAD(lead) &&
         end - begin < static_cast<size_t>(U8_COUNT_TRAIL_BYTES(lead)) + 1;
}

} // namespace

char32_t moert::tokenizer::nextCharacter(std::string_view text, size_t &at) {
  UChar32 c = next(text, at);
  return c < 0 ? U'\ufffd' : static_cast<char32_t>(c);
}

void moert::tokenizer::appendCharacter(std::string &out, char32_t c) {
  char bytes[U8_MAX_LENGTH];
  size_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  out.append(bytes, length);
}

char32_t moert::tokenizer::onlyCharacter(std::string_view text) {
  if (text.empty())
    return 0;
  size_t at = 0;
  char32_t c = nextCharacter(text, at);
  return at == text.size() ? c : 0;
}

std::string moert::tokenizer::repaired(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    size_t begin = at;
    out += next(bytes, at) < 0 ? replacement : bytes.substr(begin, at - begin);
  }
  return out;
}

bool moert::tokenizer::isWhiteSpace(char32_t c) { return u_isUWhiteSpace(c); }

bool moert::tokenizer::isNumeric(char32_t c) {
  return (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0;
}

bool moert::tokenizer::isPunctuation(char32_t c) {
  if (c < 0x80)
    return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
           !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return (U_GET_GC_MASK(c) & U_GC_P_MASK) != 0;
}

bool moert::tokenizer::isWordCharacter(char32_t c) {
  return (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) ||
         u_hasBinaryProperty(c, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL);
}

void Utf8Assembler::push(std::string_view bytes, std::string &out) {
  held += bytes;
  drain(/*atEnd=*/false, out);
}

void Utf8Assembler::finish(std::string &out) { drain(/*atEnd=*/true, out); }

void Utf8Assembler::drain(bool atEnd, std::string &out) {
  size_t at = 0;
  while (at < held.size()) {
    size_t begin = at;
    if (next(held, at) >= 0) {
      out.append(held, begin, at - begin);
      continue;
    }
    if (!atEnd && isCut(held, begin, at)) {
      held.erase(0, begin);
      return;
    }
    size_t times = broken == Broken::EveryByte ? at - begin : 1;
    for (size_t i = 0; i < times; ++i)
      out += replacement;
  }
  held.clear();
}
