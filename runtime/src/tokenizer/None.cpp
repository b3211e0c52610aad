//===- None.cpp - a runtime that reads token ids only ---------------------===//
//
// In place of the tokenizer where Oniguruma and ICU are missing (MOERT_TOKENIZER
// of CMake, scripts/build-runtime.sh): there never is a tokenizer, so all but the
// first function cannot be reached by who looks at statuses.
//===----------------------------------------------------------------------===//
#include "base/Options.h"
#include "moert/moert.h"

using namespace moert;

static moert_status_t refuse(const char *origin) {
  return guarded([&]() -> Status {
    return makeStatus(MOERT_UNAVAILABLE, origin,
                      ": text needs a runtime that was built with Oniguruma "
                      "and ICU, this one takes --tokens");
  });
}

moert_status_t moert_tokenizer_parse(const char *, size_t, const char *origin,
                                     moert_tokenizer_t **) {
  return refuse(origin ? origin : "tokenizer");
}

void moert_tokenizer_free(moert_tokenizer_t *) {}

int64_t moert_tokenizer_size(const moert_tokenizer_t *) { return 0; }

moert_status_t moert_tokenizer_encode(const moert_tokenizer_t *, const char *,
                                      size_t, int32_t **, size_t *) {
  return refuse("tokenizer");
}

moert_status_t moert_decoder_create(const moert_tokenizer_t *, int,
                                    moert_decoder_t **) {
  return refuse("tokenizer");
}

moert_status_t moert_decoder_push(moert_decoder_t *, int32_t, const char **,
                                  size_t *) {
  return refuse("tokenizer");
}

moert_status_t moert_decoder_finish(moert_decoder_t *, const char **,
                                    size_t *) {
  return refuse("tokenizer");
}

void moert_decoder_free(moert_decoder_t *) {}
