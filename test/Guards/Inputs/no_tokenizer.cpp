// Asks a runtime without a tokenizer for one.
#include "moert/moert.h"
#include <cstdio>

int main() {
  moert_tokenizer_t *tokenizer = nullptr;
  moert_status_t status = moert_tokenizer_parse("{}", 2, "file", &tokenizer);
  std::printf("%d: %s\n", moert_status_code(status) == MOERT_UNAVAILABLE,
              moert_status_message(status));
  moert_status_free(status);
  moert_tokenizer_free(tokenizer);
  return tokenizer != nullptr;
}
