//===- Normalizer.cpp - Unicode forms, replacing, stripping ---------------===//
#include "tokenizer/Normalizer.h"

#include "tokenizer/Pattern.h"
#include "tokenizer/Utf8.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

using namespace moert;
using namespace moert::tokenizer;

namespace {

using Make = std::unique_ptr<Normalizer> (*)(const Node &);

class UnicodeForm final : public Normalizer {
public:
  using Get = const icu::Normalizer2 *(*)(UErrorCode &);
  explicit UnicodeForm(Get get) {
    UErrorCode error = U_ZERO_ERROR;
    form = get(error);
    if (U_FAILURE(error))
      throw Error(MOERT_INTERNAL, "normalizer: ", u_errorName(error));
  }
  template <Get get> static std::unique_ptr<Normalizer> make(const Node &) {
    return std::make_unique<UnicodeForm>(get);
  }
  std::string run(std::string text) const override {
    if (text.size() > INT32_MAX)
      throw Error(MOERT_RESOURCE_EXHAUSTED, "normalizer: text of ", text.size(),
                  " bytes, the limit is ", INT32_MAX);
    UErrorCode error = U_ZERO_ERROR;
    icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
    if (form->isNormalizedUTF8(piece, error))
      return text;
    std::string out;
    icu::StringByteSink<std::string> sink(&out);
    form->normalizeUTF8(0, piece, sink, nullptr, error);
    if (U_FAILURE(error))
      throw Error(MOERT_INTERNAL, "normalizer: ", u_errorName(error));
    checkGrowth("normalizer", text.size(), out.size());
    return out;
  }

private:
  const icu::Normalizer2 *form;
};

/// Character by character, without regard to neighbours.
class Lowercase final : public Normalizer {
public:
  static std::unique_ptr<Normalizer> make(const Node &) {
    return std::make_unique<Lowercase>();
  }
  std::string run(std::string text) const override {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      char32_t c = nextCharacter(text, at);
      if (c == U'\u0130') // the only one that becomes two
        out += "i\xcc\x87";
      else
        appendCharacter(out, static_cast<char32_t>(u_tolower(c)));
    }
    return out;
  }
};

class Replace final : public Normalizer {
public:
  explicit Replace(const Node &node)
      : pattern(node), content(node.at("content").string()) {}
  static std::unique_ptr<Normalizer> make(const Node &node) {
    return std::make_unique<Replace>(node);
  }
  std::string run(std::string text) const override {
    return pattern.replace(text, content);
  }

private:
  Pattern pattern;
  std::string content;
};

class Prepend final : public Normalizer {
public:
  explicit Prepend(const Node &node) : content(node.at("prepend").string()) {}
  static std::unique_ptr<Normalizer> make(const Node &node) {
    return std::make_unique<Prepend>(node);
  }
  std::string run(std::string text) const override {
    return text.empty() ? text : content + text;
  }

private:
  std::string content;
};

/// White space at the ends.
class Strip final : public Normalizer {
public:
  explicit Strip(const Node &node)
      : left(node.at("strip_left").boolean()),
        right(node.at("strip_right").boolean()) {}
  static std::unique_ptr<Normalizer> make(const Node &node) {
    return std::make_unique<Strip>(node);
  }
  std::string run(std::string text) const override {
    size_t begin = 0, end = text.size();
    for (size_t at = 0; left && at < text.size(); begin = at)
      if (!isWhiteSpace(nextCharacter(text, at)))
        break;
    if (!right)
      return text.substr(begin);
    size_t last = begin;
    for (size_t at = begin; at < text.size();)
      if (!isWhiteSpace(nextCharacter(text, at)))
        last = at;
    end = last;
    return text.substr(begin, end - begin);
  }

private:
  bool left, right;
};

class Sequence final : public Normalizer {
public:
  explicit Sequence(const Node &node) {
    for (const Node &item : node.at("normalizers").items())
      stages.push_back(makeNormalizer(item));
  }
  static std::unique_ptr<Normalizer> make(const Node &node) {
    return std::make_unique<Sequence>(node);
  }
  std::string run(std::string text) const override {
    size_t size = text.size();
    for (const std::unique_ptr<Normalizer> &stage : stages) {
      text = stage->run(std::move(text));
      checkGrowth("normalizer", size, text.size());
    }
    return text;
  }

private:
  std::vector<std::unique_ptr<Normalizer>> stages;
};

} // namespace

std::unique_ptr<Normalizer> tokenizer::makeNormalizer(const Node &node) {
  using icu::Normalizer2;
  static constexpr StageKind<Normalizer> kinds[] = {
      {"NFC", UnicodeForm::make<Normalizer2::getNFCInstance>},
      {"NFD", UnicodeForm::make<Normalizer2::getNFDInstance>},
      {"NFKC", UnicodeForm::make<Normalizer2::getNFKCInstance>},
      {"NFKD", UnicodeForm::make<Normalizer2::getNFKDInstance>},
      {"Lowercase", Lowercase::make},
      {"Replace", Replace::make},
      {"Prepend", Prepend::make},
      {"Strip", Strip::make},
      {"Sequence", Sequence::make},
  };
  return makeStage(node, kinds);
}
