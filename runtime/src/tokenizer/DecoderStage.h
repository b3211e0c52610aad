//===- DecoderStage.h - from token strings to text, as a stream -*- C++ -*-===//
//
// The format describes decoders as functions of the list of all token strings.
// Here a stage gets one string at a time and passes on what it is sure of.
//
//===----------------------------------------------------------------------===//
#ifndef MOERT_TOKENIZER_DECODERSTAGE_H
#define MOERT_TOKENIZER_DECODERSTAGE_H

#include "tokenizer/Json.h"

namespace moert::tokenizer {

/// A token's string, or a part of one.
struct TokenText {
  std::string text;
  /// Belongs to the same string as the text before it, because some stage
  /// makes one string of several.
  bool joined = false;
  /// An added token that the model does not know: stands for itself.
  bool verbatim = false;
};

/// A stage at work on one stream.
class DecoderStream {
public:
  virtual ~DecoderStream() = default;
  virtual void push(TokenText token, std::vector<TokenText> &out) = 0;
  virtual void finish(std::vector<TokenText> &) {}
};

/// A stage as the file describes it.
class DecoderStage {
public:
  virtual ~DecoderStage() = default;
  /// `joined`: what comes in may be parts of strings.
  virtual std::unique_ptr<DecoderStream> stream(bool joined) const = 0;
  /// Whether what goes out may be parts of strings.
  virtual bool joins() const { return false; }
  /// Whether the stage cannot work on parts of strings.
  virtual bool needsWholeStrings() const { return false; }
};

using DecoderStages = std::vector<std::unique_ptr<DecoderStage>>;

/// The stages of a "decoder" object; Sequences are flattened. Without one,
/// token strings are joined by spaces.
DecoderStages makeDecoder(const Node &node);
DecoderStages makeNullDecoder();

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_DECODERSTAGE_H
