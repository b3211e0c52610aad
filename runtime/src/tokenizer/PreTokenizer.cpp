//===- PreTokenizer.cpp - splitting by pattern, class and white space -----===//
#include "tokenizer/PreTokenizer.h"

#include "tokenizer/ByteLevel.h"
#include "tokenizer/Pattern.h"
#include "tokenizer/Utf8.h"

using namespace moert;
using namespace moert::tokenizer;

namespace {

template <typename Stage> std::unique_ptr<PreTokenizer> make(const Node &node) {
  return std::make_unique<Stage>(node);
}

void addSpans(Piece piece, const std::vector<Span> &spans, Pieces &out) {
  for (const Span &span : spans)
    out.add(piece.text.substr(span.begin, span.end - span.begin),
            piece.first && span.begin == 0);
}

class ByteLevel final : public PreTokenizer {
public:
  explicit ByteLevel(const Node &node)
      : prefix(node.boolean("add_prefix_space", true)) {
    // GPT-2's split; a file that wants another has a Split stage before.
    if (node.boolean("use_regex", true))
      pattern.emplace(Regex(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+)"
                            R"(| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                            "ByteLevel"));
  }
  void split(Piece piece, Pieces &out) const override {
    std::string prefixed;
    if (prefix && !piece.text.starts_with(' '))
      prefixed = " " + std::string(piece.text), piece.text = prefixed;
    std::vector<Span> spans{{0, piece.text.size(), true}};
    if (pattern)
      spans = pattern->find(piece.text);
    std::string mapped;
    for (const Span &span : spans) {
      mapped.clear();
      appendByteLevel(piece.text.substr(span.begin, span.end - span.begin),
                      mapped);
      out.add(mapped, piece.first && span.begin == 0);
    }
  }

private:
  bool prefix;
  std::optional<Pattern> pattern;
};

class Split final : public PreTokenizer {
public:
  explicit Split(const Node &node)
      : pattern(node), behavior(readBehavior(node.at("behavior"))),
        invert(node.boolean("invert", false)) {}
  void split(Piece piece, Pieces &out) const override {
    std::vector<Span> spans = pattern.find(piece.text);
    for (Span &span : spans)
      span.matches ^= invert;
    addSpans(piece, arrange(std::move(spans), behavior), out);
  }

private:
  Pattern pattern;
  Behavior behavior;
  bool invert;
};

/// Splits at the characters of a class.
class ClassSplit : public PreTokenizer {
public:
  ClassSplit(bool (*is)(char32_t), Behavior behavior)
      : is(is), behavior(behavior) {}
  void split(Piece piece, Pieces &out) const override {
    addSpans(piece, arrange(findCharacters(piece.text, is), behavior), out);
  }

private:
  bool (*is)(char32_t);
  Behavior behavior;
};

struct Digits final : ClassSplit {
  explicit Digits(const Node &node)
      : ClassSplit(isNumeric, node.boolean("individual_digits", false)
                                  ? Behavior::Isolated
                                  : Behavior::Contiguous) {}
};

struct Punctuation final : ClassSplit {
  explicit Punctuation(const Node &node)
      : ClassSplit(isPunctuation, node.has("behavior")
                                      ? readBehavior(node.at("behavior"))
                                      : Behavior::Isolated) {}
};

struct WhitespaceSplit final : ClassSplit {
  explicit WhitespaceSplit(const Node &)
      : ClassSplit(isWhiteSpace, Behavior::Removed) {}
};

/// SentencePiece's way: spaces become a visible character that starts words.
class Metaspace final : public PreTokenizer {
public:
  explicit Metaspace(const Node &node)
      : mark(readReplacement(node)), prepend(readPrepend(node)),
        splits(node.boolean("split", true)) {}

  void split(Piece piece, Pieces &out) const override {
    std::string text;
    for (char c : piece.text)
      if (c == ' ')
        text += mark;
      else
        text += c;
    bool wanted = prepend == Always || (prepend == First && piece.first);
    if (wanted && !text.starts_with(mark))
      text.insert(0, mark);
    std::vector<Span> spans;
    if (splits)
      spans = arrange(findMarks(text), Behavior::MergedWithNext);
    else
      spans.push_back({0, text.size(), true});
    addSpans({text, piece.first}, spans, out);
  }

private:
  enum Prepend { Never, First, Always };

  static std::string readReplacement(const Node &node) {
    std::string text = node.string("replacement", "\xe2\x96\x81");
    if (onlyCharacter(text) == 0)
      node.at("replacement")
          .fail("expected 1 character, found ", inQuotes(text));
    return text;
  }
  static Prepend readPrepend(const Node &node) {
    if (!node.has("prepend_scheme")) // files of before 2023
      return node.boolean("add_prefix_space", true) ? Always : Never;
    Node scheme = node.at("prepend_scheme");
    if (scheme.string() == "always")
      return Always;
    if (scheme.string() == "first")
      return First;
    if (scheme.string() == "never")
      return Never;
    scheme.refuse(inQuotes(scheme.string()),
                  " is not supported, only always, first, never");
  }
  std::vector<Span> findMarks(std::string_view text) const {
    std::vector<Span> spans;
    size_t done = 0;
    for (size_t at; (at = text.find(mark, done)) != text.npos;) {
      if (at > done)
        spans.push_back({done, at, false});
      done = at + mark.size();
      spans.push_back({at, done, true});
    }
    if (done < text.size())
      spans.push_back({done, text.size(), false});
    return spans;
  }

  std::string mark;
  Prepend prepend;
  bool splits;
};

class Sequence final : public PreTokenizer {
public:
  explicit Sequence(const Node &node) {
    for (const Node &item : node.at("pretokenizers").items())
      stages.push_back(makePreTokenizer(item));
  }
  void split(Piece piece, Pieces &out) const override {
    Pieces current;
    current.add(piece.text, piece.first);
    for (const std::unique_ptr<PreTokenizer> &stage : stages) {
      Pieces next;
      for (size_t i = 0; i < current.size(); ++i)
        stage->split(current[i], next);
      checkGrowth("pre_tokenizer", piece.text.size(), next.byteSize());
      current = std::move(next);
    }
    for (size_t i = 0; i < current.size(); ++i)
      out.add(current[i].text, current[i].first);
  }

private:
  std::vector<std::unique_ptr<PreTokenizer>> stages;
};

} // namespace

std::unique_ptr<PreTokenizer> tokenizer::makePreTokenizer(const Node &node) {
  static constexpr StageKind<PreTokenizer> kinds[] = {
      {"ByteLevel", make<ByteLevel>},
      {"Split", make<Split>},
      {"Digits", make<Digits>},
      {"Metaspace", make<Metaspace>},
      {"WhitespaceSplit", make<WhitespaceSplit>},
      {"Punctuation", make<Punctuation>},
      {"Sequence", make<Sequence>},
  };
  return makeStage(node, kinds);
}
