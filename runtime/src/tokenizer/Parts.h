//===- Parts.h - the pipeline inside a Tokenizer ----------------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_PARTS_H
#define MOERT_TOKENIZER_PARTS_H

#include "tokenizer/AddedTokens.h"
#include "tokenizer/Bpe.h"
#include "tokenizer/DecoderStage.h"
#include "tokenizer/Normalizer.h"
#include "tokenizer/PreTokenizer.h"
#include "tokenizer/Tokenizer.h"

namespace moert {

struct Tokenizer::Parts {
  std::string origin;
  TokenizerLimits limits;
  std::unique_ptr<tokenizer::Bpe> model;
  std::unique_ptr<tokenizer::Normalizer> normalizer;     ///< may be null
  std::unique_ptr<tokenizer::PreTokenizer> preTokenizer; ///< may be null
  std::unique_ptr<tokenizer::AddedTokens> added;
  tokenizer::DecoderStages decoder;
};

/// Runs `body`; an Error becomes a Status that starts with `origin`.
template <typename Body>
Status withoutExceptions(const std::string &origin, Body &&body) {
  try {
    body();
    return Status();
  } catch (const tokenizer::Error &error) {
    return makeStatus(error.code, origin, ": ", error.what());
  } catch (const std::bad_alloc &) {
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, origin, ": out of memory");
  }
}

} // namespace moert

#endif // MOERT_TOKENIZER_PARTS_H
