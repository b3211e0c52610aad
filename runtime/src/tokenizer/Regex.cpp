//===- Regex.cpp - Oniguruma with limits ----------------------------------===//
#include "tokenizer/Regex.h"

#include "tokenizer/Error.h"
#include "tokenizer/Utf8.h"

#include <oniguruma.h>

#include <mutex>

using namespace moert;
using namespace moert::tokenizer;

namespace {

constexpr size_t patternLimit = 1 << 16;
/// Backtracks for one match, beside one per byte of text that honest patterns
/// need (\s+ before \S gives back white space byte by byte).
constexpr unsigned long retryLimit = 1000 * 1000;
/// Entries of Oniguruma's own stack, some 40 bytes each.
constexpr unsigned stackLimit = 8 * 1000 * 1000;

void initialize() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    onig_set_parse_depth_limit(256);
  });
}

const OnigUChar *bytesOf(std::string_view text) {
  return reinterpret_cast<const OnigUChar *>(text.data());
}

std::string explain(int code, OnigErrorInfo *info = nullptr) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  int length = info ? onig_error_code_to_str(text, code, info)
                    : onig_error_code_to_str(text, code);
  return repaired(
      {reinterpret_cast<char *>(text), static_cast<size_t>(length)});
}

struct FreeRegion {
  void operator()(OnigRegion *region) const { onig_region_free(region, 1); }
};
struct FreeParam {
  void operator()(OnigMatchParam *p) const { onig_free_match_param(p); }
};

} // namespace

void Regex::Free::operator()(re_pattern_buffer *p) const { onig_free(p); }

Regex::Regex(std::string_view pattern, std::string_view where) : where(where) {
  if (pattern.size() > patternLimit)
    throw Error(MOERT_DATA_LOSS, where, ": pattern of ", pattern.size(),
                " bytes, the limit is ", patternLimit);
  initialize();
  OnigErrorInfo info;
  regex_t *made = nullptr;
  int code = onig_new(&made, bytesOf(pattern),
                      bytesOf(pattern) + pattern.size(), ONIG_OPTION_NONE,
                      ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (code != ONIG_NORMAL)
    throw Error(MOERT_DATA_LOSS, where, ": pattern ", inQuotes(pattern), ": ",
                explain(code, &info));
  regex.reset(made);
}

std::vector<std::pair<size_t, size_t>>
Regex::findAll(std::string_view text) const {
  std::unique_ptr<OnigRegion, FreeRegion> region(onig_region_new());
  std::unique_ptr<OnigMatchParam, FreeParam> param(onig_new_match_param());
  if (!region || !param)
    throw std::bad_alloc();
  const unsigned long retries = retryLimit + text.size();
  onig_set_retry_limit_in_match_of_match_param(param.get(), retries);
  onig_set_retry_limit_in_search_of_match_param(param.get(), 8 * retries);
  onig_set_match_stack_limit_size_of_match_param(param.get(), stackLimit);

  std::vector<std::pair<size_t, size_t>> out;
  const OnigUChar *begin = bytesOf(text), *end = begin + text.size();
  size_t from = 0;
  while (from <= text.size()) {
    int found =
        onig_search_with_param(regex.get(), begin, end, begin + from, end,
                               region.get(), ONIG_OPTION_NONE, param.get());
    if (found == ONIG_MISMATCH)
      break;
    if (found < 0)
      throw Error(MOERT_RESOURCE_EXHAUSTED, where, ": at byte ", from, " of ",
                  text.size(), ": ", explain(found));
    auto first = static_cast<size_t>(region->beg[0]);
    auto last = static_cast<size_t>(region->end[0]);
    if (first == last && !out.empty() && out.back().second == first) {
      // An empty match right behind the last one does not count.
      if (from == text.size())
        break;
      nextCharacter(text, from);
      continue;
    }
    out.emplace_back(first, last);
    from = last;
  }
  return out;
}
