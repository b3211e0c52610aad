/* A client of moert.h in C: client MODULE prints the four likeliest tokens in
 * a row that follow "Math:". */
#include "moert/moert.h"
#include <stdio.h>
#include <stdlib.h>

static void check(moert_status_t status) {
  if (!status)
    return;
  fprintf(stderr, "error: %s\n", moert_status_message(status));
  moert_status_free(status);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 1;
  moert_module_t *module;
  check(moert_module_open(argv[1], NULL, &module));
  moert_module_info_t info = {.size = sizeof(info)};
  check(moert_module_info(module, &info));
  printf("%s, vocabulary %lld\n", info.family, (long long)info.vocabulary);

  const moert_tokenizer_t *tokenizer;
  int32_t *ids;
  size_t count;
  check(moert_module_tokenizer(module, &tokenizer));
  check(moert_tokenizer_encode(tokenizer, "Math:\n", 6, &ids, &count));

  moert_session_options_t options;
  moert_session_options_init(&options);
  options.threads = 1;
  options.context = 64;
  moert_session_t *session;
  check(moert_session_create(module, &options, &session));
  float *logits = malloc(sizeof(float) * (size_t)info.vocabulary);
  const int32_t sequence = 0, wanted = 0;
  int32_t token = 0;
  for (int32_t position = 0; position < (int32_t)count + 4; ++position) {
    if (position < (int32_t)count)
      token = ids[position];
    else
      printf("%d\n", (int)token);
    moert_batch_t batch;
    moert_batch_init(&batch);
    batch.rows = batch.wanted_rows = 1;
    batch.tokens = &token;
    batch.sequences = &sequence;
    batch.positions = &position;
    batch.wanted = &wanted;
    batch.logits = logits;
    check(moert_session_forward(session, &batch));
    token = 0;
    for (int32_t i = 1; i < info.vocabulary; ++i)
      if (logits[i] > logits[token])
        token = i;
  }
  free(logits);
  moert_free(ids);
  moert_session_free(session);
  moert_module_close(module);
  return 0;
}
