//===- DecoderStage.cpp - bytes, fallbacks and marks back to text ---------===//
#include "tokenizer/DecoderStage.h"

#include "tokenizer/ByteLevel.h"
#include "tokenizer/Pattern.h"
#include "tokenizer/Utf8.h"

using namespace moert;
using namespace moert::tokenizer;

namespace {

template <typename Stage> std::unique_ptr<DecoderStage> make(const Node &node) {
  return std::make_unique<Stage>(node);
}

//===-- ByteLevel ---------------------------------------------------------===//

/// Makes one string of all tokens.
class ByteLevelStream final : public DecoderStream {
public:
  void push(TokenText token, std::vector<TokenText> &out) override {
    std::string bytes, text;
    if (token.verbatim)
      bytes = std::move(token.text);
    else
      appendBytesOf(token.text, bytes);
    assembler.push(bytes, text);
    emit(std::move(text), out);
  }
  void finish(std::vector<TokenText> &out) override {
    std::string text;
    assembler.finish(text);
    emit(std::move(text), out);
  }

private:
  void emit(std::string text, std::vector<TokenText> &out) {
    out.push_back({std::move(text), started});
    started = true;
  }
  Utf8Assembler assembler{Utf8Assembler::Broken::LongestPiece};
  bool started = false;
};

struct ByteLevel final : DecoderStage {
  explicit ByteLevel(const Node &) {}
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<ByteLevelStream>();
  }
  bool joins() const override { return true; }
};

//===-- ByteFallback ------------------------------------------------------===//

/// The byte that "<0xHH>" names, or -1.
int byteOf(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
    return -1;
  int byte = 0;
  for (char c : token.substr(3, 2)) {
    char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9')
      byte = byte * 16 + (c - '0');
    else if (lower >= 'a' && lower <= 'f')
      byte = byte * 16 + (lower - 'a' + 10);
    else
      return -1;
  }
  return byte;
}

class ByteFallbackStream final : public DecoderStream {
public:
  void push(TokenText token, std::vector<TokenText> &out) override {
    int byte = token.joined ? -1 : byteOf(token.text);
    if (byte < 0) {
      finish(out);
      out.push_back(std::move(token));
      return;
    }
    char c = static_cast<char>(byte);
    std::string text;
    assembler.push({&c, 1}, text);
    out.push_back({std::move(text), inRun});
    inRun = true;
  }
  void finish(std::vector<TokenText> &out) override {
    std::string text;
    assembler.finish(text);
    if (!text.empty())
      out.push_back({std::move(text), true});
    inRun = false;
  }

private:
  Utf8Assembler assembler{Utf8Assembler::Broken::EveryByte};
  bool inRun = false; ///< bytes in a row are one string
};

struct ByteFallback final : DecoderStage {
  explicit ByteFallback(const Node &) {}
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<ByteFallbackStream>();
  }
  bool joins() const override { return true; }
};

//===-- Fuse --------------------------------------------------------------===//

class FuseStream final : public DecoderStream {
public:
  void push(TokenText token, std::vector<TokenText> &out) override {
    token.joined = started;
    started = true;
    out.push_back(std::move(token));
  }

private:
  bool started = false;
};

struct Fuse final : DecoderStage {
  explicit Fuse(const Node &) {}
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<FuseStream>();
  }
  bool joins() const override { return true; }
};

//===-- Replace -----------------------------------------------------------===//

class ReplaceStream final : public DecoderStream {
public:
  ReplaceStream(const Pattern &pattern, const std::string &content, bool joined)
      : pattern(pattern), content(content), mayHold(joined) {}

  void push(TokenText token, std::vector<TokenText> &out) override {
    if (!token.joined)
      finish(out);
    held += token.text;
    size_t keep = 0;
    if (mayHold && pattern.literal())
      keep = cutMatch(*pattern.literal());
    std::string rest = held.substr(held.size() - keep);
    held.resize(held.size() - keep);
    token.text = pattern.replace(held, content);
    held = std::move(rest);
    out.push_back(std::move(token));
  }
  void finish(std::vector<TokenText> &out) override {
    if (!held.empty())
      out.push_back({std::move(held), true});
    held.clear();
  }

private:
  /// How many bytes at the end of `held` may begin a match that goes on in the
  /// next text. Matches inside of `held` count first.
  size_t cutMatch(const std::string &literal) const {
    size_t done = 0;
    for (size_t at; (at = held.find(literal, done)) != held.npos;)
      done = at + literal.size();
    size_t most = std::min(held.size() - done, literal.size() - 1);
    for (size_t length = most; length > 0; --length)
      if (held.compare(held.size() - length, length, literal, 0, length) == 0)
        return length;
    return 0;
  }

  const Pattern &pattern;
  const std::string &content;
  bool mayHold;
  std::string held;
};

class Replace final : public DecoderStage {
public:
  explicit Replace(const Node &node)
      : pattern(node), content(node.at("content").string()) {}
  std::unique_ptr<DecoderStream> stream(bool joined) const override {
    return std::make_unique<ReplaceStream>(pattern, content, joined);
  }
  bool needsWholeStrings() const override { return !pattern.literal(); }

private:
  Pattern pattern;
  std::string content;
};

//===-- Strip -------------------------------------------------------------===//

struct StripCounts {
  std::string content; ///< one character
  int64_t start, stop; ///< most of them that go at each end of a string
};

class StripStream final : public DecoderStream {
public:
  explicit StripStream(const StripCounts &counts) : counts(counts) {}

  void push(TokenText token, std::vector<TokenText> &out) override {
    if (!token.joined) {
      held = 0; // the end of the string before
      startLeft = counts.start;
    }
    std::string_view rest = token.text;
    const std::string &c = counts.content;
    for (; startLeft > 0 && rest.starts_with(c); --startLeft)
      rest.remove_prefix(c.size());
    if (!rest.empty())
      startLeft = 0;
    std::string text;
    while (!rest.empty()) {
      if (rest.starts_with(c)) {
        rest.remove_prefix(c.size());
        ++held;
        continue;
      }
      release(held, text);
      size_t at = 0;
      nextCharacter(rest, at);
      text += rest.substr(0, at);
      rest.remove_prefix(at);
    }
    if (held > counts.stop)
      release(held - counts.stop, text);
    out.push_back({std::move(text), token.joined});
  }

private:
  void release(int64_t count, std::string &text) {
    held -= count;
    for (; count > 0; --count)
      text += counts.content;
  }
  const StripCounts &counts;
  int64_t startLeft = 0;
  int64_t held = 0; ///< characters at the end that may have to go
};

class Strip final : public DecoderStage {
public:
  explicit Strip(const Node &node)
      : counts{node.at("content").string(), count(node.at("start")),
               count(node.at("stop"))} {
    if (onlyCharacter(counts.content) == 0)
      node.at("content").fail("expected 1 character, found ",
                              inQuotes(counts.content));
  }
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<StripStream>(counts);
  }

private:
  static int64_t count(const Node &node) {
    int64_t n = node.integer();
    if (n < 0)
      node.fail("expected a count, found ", n);
    return n;
  }
  StripCounts counts;
};

//===-- Metaspace ---------------------------------------------------------===//

class MetaspaceStream final : public DecoderStream {
public:
  MetaspaceStream(const std::string &mark, bool prepends)
      : mark(mark), dropping(false), prepends(prepends) {}
  void push(TokenText token, std::vector<TokenText> &out) override {
    if (!token.joined) {
      dropping = prepends && !started;
      started = true;
    }
    std::string text;
    size_t done = 0;
    for (size_t at; (at = token.text.find(mark, done)) != token.text.npos;) {
      text.append(token.text, done, at - done);
      if (!dropping)
        text += ' ';
      done = at + mark.size();
    }
    text.append(token.text, done);
    out.push_back({std::move(text), token.joined});
  }

private:
  const std::string &mark;
  bool dropping; ///< marks of the first string are the prefix
  bool prepends, started = false;
};

class Metaspace final : public DecoderStage {
public:
  explicit Metaspace(const Node &node)
      : mark(node.string("replacement", "\xe2\x96\x81")) {
    if (onlyCharacter(mark) == 0)
      node.at("replacement")
          .fail("expected 1 character, found ", inQuotes(mark));
    if (node.has("prepend_scheme"))
      prepends = node.at("prepend_scheme").string() != "never";
    else
      prepends = node.boolean("add_prefix_space", true);
  }
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<MetaspaceStream>(mark, prepends);
  }

private:
  std::string mark;
  bool prepends;
};

//===-- No decoder --------------------------------------------------------===//

class SpacedStream final : public DecoderStream {
public:
  void push(TokenText token, std::vector<TokenText> &out) override {
    if (started)
      token.text.insert(0, " ");
    started = true;
    out.push_back(std::move(token));
  }

private:
  bool started = false;
};

struct Spaced final : DecoderStage {
  std::unique_ptr<DecoderStream> stream(bool) const override {
    return std::make_unique<SpacedStream>();
  }
};

void addStages(const Node &node, DecoderStages &stages) {
  static constexpr StageKind<DecoderStage> kinds[] = {
      {"ByteLevel", make<ByteLevel>}, {"ByteFallback", make<ByteFallback>},
      {"Fuse", make<Fuse>},           {"Replace", make<Replace>},
      {"Strip", make<Strip>},         {"Metaspace", make<Metaspace>},
      {"Sequence", nullptr},
  };
  if (node.at("type").string() == "Sequence") {
    for (const Node &item : node.at("decoders").items())
      addStages(item, stages);
    return;
  }
  std::unique_ptr<DecoderStage> stage = makeStage(node, kinds);
  bool joined = false;
  for (const std::unique_ptr<DecoderStage> &earlier : stages)
    joined |= earlier->joins();
  if (joined && stage->needsWholeStrings())
    node.refuse("a regular expression is not supported behind ByteLevel, "
                "ByteFallback or Fuse, only a string");
  stages.push_back(std::move(stage));
}

} // namespace

DecoderStages tokenizer::makeDecoder(const Node &node) {
  DecoderStages stages;
  addStages(node, stages);
  return stages;
}

DecoderStages tokenizer::makeNullDecoder() {
  DecoderStages stages;
  stages.push_back(std::make_unique<Spaced>());
  return stages;
}
