//===- Error.cpp - quoting and bounds for tokenizer messages --------------===//
#include "tokenizer/Error.h"

#include "tokenizer/Utf8.h"

using namespace moert;

std::string tokenizer::inQuotes(std::string_view text) {
  static constexpr size_t most = 60;
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size() && at < most) {
    size_t begin = at;
    char32_t c = nextCharacter(text, at);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      out += "\\x";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else {
      out += text.substr(begin, at - begin);
    }
  }
  return out + (at < text.size() ? "...\"" : "\"");
}

void tokenizer::checkGrowth(std::string_view stage, size_t input,
                            size_t bytes) {
  static constexpr size_t room = 1 << 20, factor = 64;
  size_t limit = room + factor * input;
  if (bytes > limit)
    throw Error(MOERT_RESOURCE_EXHAUSTED, stage, ": ", input,
                " bytes of text grew to ", bytes, ", the limit is ", limit);
}
