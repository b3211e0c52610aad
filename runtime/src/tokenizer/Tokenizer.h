//===- Tokenizer.h - text to ids and back -----------------------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_TOKENIZER_H
#define MOERT_TOKENIZER_TOKENIZER_H

#include "base/Status.h"
#include "moert/moert.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moert {

/// What a tokenizer.json may cost. The defaults are far above every published
/// tokenizer; tests lower them.
struct TokenizerLimits {
  uint64_t jsonBytes = 256ull << 20;
  uint64_t jsonDepth = 64;
  /// Values outside of the vocabulary and the merges.
  uint64_t jsonValues = 1ull << 18;
  /// Ids are below this.
  int64_t ids = 1ll << 22;
  uint64_t textBytes = 1ull << 30;
};

/// The pipeline of one tokenizer.json. Immutable: threads may share it.
class Tokenizer {
public:
  ~Tokenizer();

  /// Reads the text of a tokenizer.json. `origin` starts every message.
  static Status parse(std::string_view json, const std::string &origin,
                      std::unique_ptr<Tokenizer> *out,
                      const TokenizerLimits &limits = {});

  /// One more than the highest id.
  int64_t size() const;

  /// Recognises added tokens, adds none. Broken UTF-8 counts as U+FFFD.
  Status encode(std::string_view text, std::vector<int32_t> *out) const;

  struct Parts;
  const Parts &parts() const { return *storage; }

private:
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> storage;
};

/// Ids to text, one at a time. The tokenizer must outlive it.
class Decoder {
public:
  Decoder(const Tokenizer &tokenizer, bool skipSpecial);
  ~Decoder();

  /// Replaces `out` by the whole characters that are certain after `id`. An id
  /// that the tokenizer does not have is no text and leaves the decoder as it
  /// was; one below 0 is refused.
  Status push(int32_t id, std::string *out);
  /// Replaces `out` by the rest and starts anew.
  Status finish(std::string *out);

private:
  struct State;
  std::unique_ptr<State> state;
};

/// The C API's view of a tokenizer that C++ owns, and back.
inline const moert_tokenizer_t *toC(const Tokenizer *tokenizer) {
  return reinterpret_cast<const moert_tokenizer_t *>(tokenizer);
}
inline const Tokenizer *fromC(const moert_tokenizer_t *tokenizer) {
  return reinterpret_cast<const Tokenizer *>(tokenizer);
}

} // namespace moert

#endif // MOERT_TOKENIZER_TOKENIZER_H
