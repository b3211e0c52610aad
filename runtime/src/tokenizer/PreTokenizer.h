//===- PreTokenizer.h - how a text is split before the model ----*- C++ -*-===//
#ifndef MOERT_TOKENIZER_PRETOKENIZER_H
#define MOERT_TOKENIZER_PRETOKENIZER_H

#include "tokenizer/Json.h"

namespace moert::tokenizer {

struct Piece {
  std::string_view text;
  bool first; ///< begins where the whole text begins
};

/// Pieces of a text, one behind the other in one buffer.
class Pieces {
public:
  void add(std::string_view text, bool first) {
    if (text.empty())
      return;
    bytes += text;
    ends.push_back(bytes.size());
    if (ends.size() == 1)
      firstIsFirst = first;
  }
  size_t size() const { return ends.size(); }
  size_t byteSize() const { return bytes.size(); }
  /// Lives until the next add.
  Piece operator[](size_t i) const {
    size_t begin = i ? ends[i - 1] : 0;
    return {std::string_view(bytes).substr(begin, ends[i] - begin),
            i == 0 && firstIsFirst};
  }

private:
  std::string bytes;
  std::vector<size_t> ends;
  bool firstIsFirst = false;
};

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Adds the pieces of `piece`, which is valid UTF-8 and not empty.
  virtual void split(Piece piece, Pieces &out) const = 0;
};

/// The stage for a "pre_tokenizer" object.
std::unique_ptr<PreTokenizer> makePreTokenizer(const Node &node);

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_PRETOKENIZER_H
