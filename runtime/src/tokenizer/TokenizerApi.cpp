//===- TokenizerApi.cpp - the tokenizer for C -----------------------------===//
#include "base/Options.h"
#include "tokenizer/Tokenizer.h"

#include <cstdlib>
#include <cstring>

using namespace moert;

struct moert_decoder_t {
  Decoder decoder;
  std::string text; ///< what the last call handed out
};

/// No text is no null: the pointer of an empty one is never read.
static const void *textOrEmpty(const char *text, size_t length) {
  return length == 0 ? "" : text;
}

moert_status_t moert_tokenizer_parse(const char *json, size_t length,
                                     const char *origin,
                                     moert_tokenizer_t **out_tokenizer) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_tokenizer_parse",
                                     {{"json", textOrEmpty(json, length)},
                                      {"origin", origin},
                                      {"out_tokenizer", out_tokenizer}}));
    std::unique_ptr<Tokenizer> tokenizer;
    MOERT_RETURN_IF_ERROR(Tokenizer::parse({json, length}, origin, &tokenizer));
    *out_tokenizer = const_cast<moert_tokenizer_t *>(toC(tokenizer.release()));
    return Status();
  });
}

void moert_tokenizer_free(moert_tokenizer_t *tokenizer) {
  delete fromC(tokenizer);
}

int64_t moert_tokenizer_size(const moert_tokenizer_t *tokenizer) {
  return fromC(tokenizer)->size();
}

moert_status_t moert_tokenizer_encode(const moert_tokenizer_t *tokenizer,
                                      const char *text, size_t length,
                                      int32_t **out_ids, size_t *out_count) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_tokenizer_encode",
                                     {{"tokenizer", tokenizer},
                                      {"text", textOrEmpty(text, length)},
                                      {"out_ids", out_ids},
                                      {"out_count", out_count}}));
    std::vector<int32_t> ids;
    MOERT_RETURN_IF_ERROR(fromC(tokenizer)->encode({text, length}, &ids));
    // At least one byte: malloc(0) may be null.
    auto *copy =
        static_cast<int32_t *>(std::malloc(ids.size() * sizeof(int32_t) + 1));
    if (!copy)
      return makeStatus(MOERT_RESOURCE_EXHAUSTED, "out of memory for ",
                        ids.size(), " token ids");
    if (!ids.empty())
      std::memcpy(copy, ids.data(), ids.size() * sizeof(int32_t));
    *out_ids = copy;
    *out_count = ids.size();
    return Status();
  });
}

moert_status_t moert_decoder_create(const moert_tokenizer_t *tokenizer,
                                    int skip_special,
                                    moert_decoder_t **out_decoder) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_decoder_create",
                   {{"tokenizer", tokenizer}, {"out_decoder", out_decoder}}));
    *out_decoder = new moert_decoder_t{
        Decoder(*fromC(tokenizer), skip_special != 0), std::string()};
    return Status();
  });
}

/// Hands out the decoder's text where `made` is a success.
static Status handOut(Status made, const moert_decoder_t &decoder,
                      const char **outText, size_t *outLength) {
  if (made.ok()) {
    *outText = decoder.text.c_str();
    *outLength = decoder.text.size();
  }
  return made;
}

moert_status_t moert_decoder_push(moert_decoder_t *decoder, int32_t id,
                                  const char **out_text, size_t *out_length) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_decoder_push", {{"decoder", decoder},
                                          {"out_text", out_text},
                                          {"out_length", out_length}}));
    return handOut(decoder->decoder.push(id, &decoder->text), *decoder,
                   out_text, out_length);
  });
}

moert_status_t moert_decoder_finish(moert_decoder_t *decoder,
                                    const char **out_text, size_t *out_length) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_decoder_finish", {{"decoder", decoder},
                                            {"out_text", out_text},
                                            {"out_length", out_length}}));
    return handOut(decoder->decoder.finish(&decoder->text), *decoder, out_text,
                   out_length);
  });
}

void moert_decoder_free(moert_decoder_t *decoder) { delete decoder; }
