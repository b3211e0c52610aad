//===- Decoder.cpp - a token stream through the decoder's stages ----------===//
#include "tokenizer/Parts.h"

using namespace moert;
using namespace moert::tokenizer;

struct Decoder::State {
  const Tokenizer &tokenizer;
  bool skipSpecial;
  std::vector<std::unique_ptr<DecoderStream>> streams;

  void restart() {
    streams.clear();
    bool joined = false;
    for (const auto &stage : tokenizer.parts().decoder) {
      streams.push_back(stage->stream(joined));
      joined |= stage->joins();
    }
  }

  /// Sends `texts` through the streams from number `from` on.
  std::vector<TokenText> through(size_t from, std::vector<TokenText> texts) {
    for (size_t i = from; i < streams.size(); ++i) {
      std::vector<TokenText> next;
      for (TokenText &text : texts) {
        size_t size = text.text.size();
        streams[i]->push(std::move(text), next);
        checkGrowth("decoder", size,
                    next.empty() ? 0 : next.back().text.size());
      }
      texts = std::move(next);
    }
    return texts;
  }
};

Decoder::Decoder(const Tokenizer &tokenizer, bool skipSpecial)
    : state(new State{tokenizer, skipSpecial, {}}) {
  state->restart();
}
Decoder::~Decoder() = default;

static void append(const std::vector<TokenText> &texts, std::string &out) {
  for (const TokenText &text : texts)
    out += text.text;
}

Status Decoder::push(int32_t id, std::string *out) {
  const Tokenizer::Parts &parts = state->tokenizer.parts();
  out->clear();
  return withoutExceptions(parts.origin, [&] {
    const Vocabulary &vocab = parts.model->vocabulary();
    const AddedToken *added = parts.added->find(id);
    bool known = vocab.has(id);
    if (id < 0)
      throw Error(MOERT_OUT_OF_RANGE, "token ", id,
                  " requested, ids begin at 0");
    // Vocabularies of models are often padded: such an id is no text.
    if (!added && !known)
      return;
    if (added && added->special && state->skipSpecial)
      return;
    TokenText text;
    text.text = added ? added->form : std::string(vocab[id]);
    text.verbatim = !known;
    std::vector<TokenText> texts;
    texts.push_back(std::move(text));
    append(state->through(0, std::move(texts)), *out);
  });
}

Status Decoder::finish(std::string *out) {
  out->clear();
  Status status = withoutExceptions(state->tokenizer.parts().origin, [&] {
    for (size_t i = 0; i < state->streams.size(); ++i) {
      std::vector<TokenText> rest;
      state->streams[i]->finish(rest);
      append(state->through(i + 1, std::move(rest)), *out);
    }
  });
  state->restart();
  return status;
}
