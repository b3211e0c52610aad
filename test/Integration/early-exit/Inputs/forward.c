/* What every token of given texts computes, however it leaves.
 *
 *   forward MODULE THRESHOLD alone|together <TEXTS >RESULTS
 *
 * THRESHOLD is that of every exit: a number, inf, module, or off (no exits). A
 * text is a line: how many of its tokens are the prompt, how many there are, and
 * these. The prompt but its last token runs first, then one token at a time,
 * each of them wanted: of texts one after the other or of all in one batch.
 * RESULTS are for each text and wanted token: int32 layers run, f32 scores of
 * the exits, f32 logits.
 */
#include "moert/moert.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXTS = 64, MOST_TOKENS = 512 };

struct text {
  int prompt, size;
  int32_t tokens[MOST_TOKENS];
  char *results;
};

static struct text texts[MOST_TEXTS];
static int count;
static moert_module_info_t info;
static moert_session_t *session;

static void check(moert_status_t status) {
  if (!status)
    return;
  fprintf(stderr, "error: %s\n", moert_status_message(status));
  moert_status_free(status);
  exit(1);
}

static void fail(const char *what) {
  fprintf(stderr, "error: %s\n", what);
  exit(1);
}

static void *allocate(size_t size) {
  void *result = malloc(size ? size : 1);
  if (!result)
    fail("no memory");
  return result;
}

static size_t result_size(void) {
  return 4 * (1 + (size_t)info.exits + (size_t)info.vocabulary);
}

static void read_texts(void) {
  int prompt, size;
  while (scanf("%d %d", &prompt, &size) == 2) {
    if (count == MOST_TEXTS || size > MOST_TOKENS || prompt < 1 || size < prompt)
      fail("a text does not fit");
    struct text *text = &texts[count++];
    text->prompt = prompt;
    text->size = size;
    for (int i = 0; i < size; ++i)
      if (scanf("%d", &text->tokens[i]) != 1)
        fail("a text ends early");
    text->results = allocate(result_size() * (size_t)(size - prompt + 1));
  }
}

static void open_session(moert_module_t *module, const char *threshold) {
  moert_session_options_t options;
  moert_session_options_init(&options);
  options.threads = 1;
  options.context = MOST_TOKENS;
  options.sequences = count > 0 ? count : 1;
  if (strcmp(threshold, "off") == 0)
    options.exits = MOERT_EXITS_OFF;
  else if (strcmp(threshold, "module") != 0)
    options.exit_threshold = strtod(threshold, NULL);
  check(moert_session_create(module, &options, &session));
}

static void run_prompt(int i) {
  int rows = texts[i].prompt - 1;
  int32_t sequences[MOST_TOKENS], positions[MOST_TOKENS];
  for (int r = 0; r < rows; ++r) {
    sequences[r] = i;
    positions[r] = r;
  }
  moert_batch_t batch;
  moert_batch_init(&batch);
  batch.rows = rows;
  batch.tokens = texts[i].tokens;
  batch.sequences = sequences;
  batch.positions = positions;
  if (rows > 0)
    check(moert_session_forward(session, &batch));
}

/* The token at `step` behind the prompt of texts [first, last) that have one. */
static int run_step(int first, int last, int step) {
  int32_t tokens[MOST_TEXTS], sequences[MOST_TEXTS], positions[MOST_TEXTS], layers[MOST_TEXTS];
  int rows = 0;
  for (int i = first; i < last; ++i) {
    int position = texts[i].prompt - 1 + step;
    if (position >= texts[i].size)
      continue;
    tokens[rows] = texts[i].tokens[position];
    sequences[rows] = i;
    positions[rows++] = position;
  }
  if (rows == 0)
    return 0;
  size_t vocabulary = (size_t)info.vocabulary, exits = (size_t)info.exits;
  moert_batch_t batch;
  moert_batch_init(&batch);
  batch.rows = batch.wanted_rows = rows;
  batch.tokens = tokens;
  batch.sequences = sequences;
  batch.positions = positions;
  batch.logits = allocate(4 * vocabulary * (size_t)rows);
  batch.whole_distributions = 1;
  batch.layers_run = layers;
  batch.exit_scores = allocate(4 * exits * (size_t)rows);
  check(moert_session_forward(session, &batch));
  for (int r = 0; r < rows; ++r) {
    char *result = texts[sequences[r]].results + (size_t)step * result_size();
    memcpy(result, &layers[r], 4);
    memcpy(result + 4, batch.exit_scores + (size_t)r * exits, 4 * exits);
    memcpy(result + 4 + 4 * exits, batch.logits + (size_t)r * vocabulary, 4 * vocabulary);
  }
  free(batch.logits);
  free(batch.exit_scores);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 1;
  moert_module_t *module;
  check(moert_module_open(argv[1], NULL, &module));
  info.size = sizeof(info);
  check(moert_module_info(module, &info));
  read_texts();
  open_session(module, argv[2]);
  int together = strcmp(argv[3], "together") == 0;
  for (int i = 0; i < count; ++i)
    run_prompt(i);
  for (int i = 0; i < (together ? 1 : count); ++i)
    for (int step = 0; run_step(together ? 0 : i, together ? count : i + 1, step);)
      ++step;
  for (int i = 0; i < count; ++i)
    fwrite(texts[i].results, result_size(), (size_t)(texts[i].size - texts[i].prompt + 1), stdout);
  moert_session_free(session);
  moert_module_close(module);
  return fflush(stdout) ? 1 : 0;
}
