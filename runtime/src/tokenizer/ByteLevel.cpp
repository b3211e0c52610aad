//===- ByteLevel.cpp - the byte alphabet ----------------------------------===//
#include "tokenizer/ByteLevel.h"

#include "tokenizer/Utf8.h"

#include <array>

using namespace moert::tokenizer;

namespace {

/// All characters of the alphabet are below this.
constexpr char32_t limit = 0x144;

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, limit> bytes;

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= 33 && byte <= 126) ||
                       (byte >= 161 && byte <= 172) || byte >= 174;
      char32_t character = printable ? static_cast<char32_t>(byte) : next++;
      appendCharacter(characters[byte], character);
      bytes[character] = byte;
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet theAlphabet;
  return theAlphabet;
}

} // namespace

void moert::tokenizer::appendByteLevel(std::string_view bytes,
                                       std::string &out) {
  for (unsigned char byte : bytes)
    out += alphabet().characters[byte];
}

void moert::tokenizer::appendBytesOf(std::string_view token, std::string &out) {
  size_t start = out.size();
  for (size_t at = 0; at < token.size();) {
    char32_t c = nextCharacter(token, at);
    int byte = c < limit ? alphabet().bytes[c] : -1;
    if (byte < 0) {
      out.resize(start);
      out += token;
      return;
    }
    out += static_cast<char>(byte);
  }
}
