//===- ByteLevel.h - bytes as printable characters --------------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_BYTELEVEL_H
#define MOERT_TOKENIZER_BYTELEVEL_H

#include <string>
#include <string_view>

namespace moert::tokenizer {

/// Appends one character of the byte alphabet (33..126, 161..172 and 174..255
/// stand for themselves, the other bytes for 256, 257, ...) per byte.
void appendByteLevel(std::string_view bytes, std::string &out);

/// The way back. A token with a character outside of the alphabet stands for
/// its own bytes.
void appendBytesOf(std::string_view token, std::string &out);

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_BYTELEVEL_H
