//===- Normalizer.h - what is done to a text before it is split -*- C++ -*-===//
#ifndef MOERT_TOKENIZER_NORMALIZER_H
#define MOERT_TOKENIZER_NORMALIZER_H

#include "tokenizer/Json.h"

namespace moert::tokenizer {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  /// `text` is and stays valid UTF-8.
  virtual std::string run(std::string text) const = 0;
};

/// The stage for a "normalizer" object.
std::unique_ptr<Normalizer> makeNormalizer(const Node &node);

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_NORMALIZER_H
