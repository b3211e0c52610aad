//===- Pattern.cpp - finding, replacing and splitting ---------------------===//
#include "tokenizer/Pattern.h"

#include "tokenizer/Utf8.h"

#include <algorithm>

using namespace moert;
using namespace moert::tokenizer;

Pattern::Pattern(const Node &node) {
  Node pattern = node.at("pattern");
  if (pattern.has("Regex"))
    regex.emplace(pattern.at("Regex").string(), "Regex");
  else if (pattern.has("String"))
    string = pattern.at("String").string();
  else
    pattern.fail("expected {\"String\": ...} or {\"Regex\": ...}");
  if (!regex && string.empty())
    regex.emplace("", "String"); // matches between any two characters
}

std::vector<std::pair<size_t, size_t>>
Pattern::findAll(std::string_view text) const {
  if (regex)
    return regex->findAll(text);
  std::vector<std::pair<size_t, size_t>> out;
  for (size_t at = 0; (at = text.find(string, at)) != text.npos;) {
    out.emplace_back(at, at + string.size());
    at += string.size();
  }
  return out;
}

std::vector<Span> Pattern::find(std::string_view text) const {
  std::vector<Span> out;
  if (text.empty())
    return out;
  size_t done = 0;
  for (auto [begin, end] : findAll(text)) {
    if (begin > done)
      out.push_back({done, begin, false});
    out.push_back({begin, end, true});
    done = end;
  }
  if (done < text.size())
    out.push_back({done, text.size(), false});
  return out;
}

std::string Pattern::replace(std::string_view text, std::string_view by) const {
  std::string out;
  for (const Span &span : find(text)) {
    out += span.matches ? by : text.substr(span.begin, span.end - span.begin);
    checkGrowth("Replace", text.size(), out.size());
  }
  return out;
}

std::vector<Span> tokenizer::findCharacters(std::string_view text,
                                            bool (*is)(char32_t)) {
  std::vector<Span> out;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    if (!is(nextCharacter(text, at)))
      continue;
    if (begin > done)
      out.push_back({done, begin, false});
    out.push_back({begin, at, true});
    done = at;
  }
  if (done < text.size())
    out.push_back({done, text.size(), false});
  return out;
}

Behavior tokenizer::readBehavior(const Node &node) {
  static constexpr std::pair<std::string_view, Behavior> names[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous},
  };
  for (auto [name, behavior] : names)
    if (node.string() == name)
      return behavior;
  node.refuse(inQuotes(node.string()),
              " is not supported, only Removed, Isolated, MergedWithPrevious, "
              "MergedWithNext, Contiguous");
}

namespace {

/// Joins every match that follows no match to the span before it.
std::vector<Span> mergedWithPrevious(const std::vector<Span> &spans) {
  std::vector<Span> out;
  bool previous = false;
  for (const Span &span : spans) {
    if (span.matches && !previous && !out.empty())
      out.back().end = span.end;
    else
      out.push_back(span);
    previous = span.matches;
  }
  return out;
}

/// Joins every match that precedes no match to the span behind it.
std::vector<Span> mergedWithNext(const std::vector<Span> &spans) {
  std::vector<Span> out;
  bool next = false;
  for (size_t i = spans.size(); i-- > 0;) {
    if (spans[i].matches && !next && !out.empty())
      out.back().begin = spans[i].begin;
    else
      out.push_back(spans[i]);
    next = spans[i].matches;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

/// Joins neighbours of the same kind.
std::vector<Span> contiguous(const std::vector<Span> &spans) {
  std::vector<Span> out;
  bool previous = false;
  for (const Span &span : spans) {
    if (span.matches == previous && !out.empty())
      out.back().end = span.end;
    else
      out.push_back(span);
    previous = span.matches;
  }
  return out;
}

} // namespace

std::vector<Span> tokenizer::arrange(std::vector<Span> spans,
                                     Behavior behavior) {
  switch (behavior) {
  case Behavior::Isolated:
    break;
  case Behavior::Removed:
    std::erase_if(spans, [](const Span &span) { return span.matches; });
    break;
  case Behavior::MergedWithPrevious:
    return mergedWithPrevious(spans);
  case Behavior::MergedWithNext:
    return mergedWithNext(spans);
  case Behavior::Contiguous:
    return contiguous(spans);
  }
  return spans;
}
