//===- Regex.h - a regular expression of a tokenizer.json -------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_REGEX_H
#define MOERT_TOKENIZER_REGEX_H

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct re_pattern_buffer;

namespace moert::tokenizer {

/// Oniguruma, which the files in circulation were written for.
class Regex {
public:
  /// Throws Error with Oniguruma's words if `pattern` is none.
  Regex(std::string_view pattern, std::string_view where);

  /// All matches from left to right. Throws Error for one that backtracks
  /// without end.
  std::vector<std::pair<size_t, size_t>> findAll(std::string_view text) const;

private:
  struct Free {
    void operator()(re_pattern_buffer *regex) const;
  };
  std::unique_ptr<re_pattern_buffer, Free> regex;
  std::string where;
};

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_REGEX_H
