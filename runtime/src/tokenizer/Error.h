//===- Error.h - the exception that stays inside the tokenizer --*- C++ -*-===//
#ifndef MOERT_TOKENIZER_ERROR_H
#define MOERT_TOKENIZER_ERROR_H

#include "base/Status.h"

#include <exception>
#include <sstream>
#include <string>
#include <string_view>

namespace moert::tokenizer {

/// Why a tokenizer.json or a text is refused. Tokenizer and Decoder turn it
/// into a Status; nothing else throws or catches across this folder's border.
class Error : public std::exception {
public:
  template <typename... Parts>
  explicit Error(moert_status_code_t code, const Parts &...parts) : code(code) {
    std::ostringstream text;
    (text << ... << parts);
    message = text.str();
  }
  const char *what() const noexcept override { return message.c_str(); }

  moert_status_code_t code;
  std::string message;
};

/// `text` for a one-line message: in quotes, control characters escaped, cut
/// after 60 bytes.
std::string inQuotes(std::string_view text);

/// Stages may lengthen a text, but a chain of them must not fill the memory:
/// throws when `bytes` made from `input` bytes are absurdly many.
void checkGrowth(std::string_view stage, size_t input, size_t bytes);

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_ERROR_H
