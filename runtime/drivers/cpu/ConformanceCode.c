/*===- ConformanceCode.c - what the conformance suite runs on the cpu -------===*
 *
 * cts/Conformance.h says what each entry computes.
 *===----------------------------------------------------------------------===*/
#include "moert/abi/module.h"

enum { VOCABULARY = 4 };

#define EXPORT __attribute__((visibility("default")))

/* The two halves of a state with one layer, one head and head size one. */
static float *keys(const moert_abi_forward_t *args, int64_t row) {
  return (float *)args->kv[args->sequences[row]];
}
static float *values(const moert_abi_forward_t *args, int64_t row) {
  return keys(args, row) + args->kv_capacity;
}

static void logitsOfRows(void *closure, int64_t begin, int64_t end,
                         int64_t worker) {
  const moert_abi_forward_t *args = (const moert_abi_forward_t *)closure;
  const float *bias = (const float *)args->parameters[0];
  (void)worker;
  for (int64_t i = begin; i < end; ++i) {
    int64_t row = args->wanted[i];
    float sum = 0;
    for (int32_t p = 0; p <= args->positions[row]; ++p)
      sum += keys(args, row)[p] + values(args, row)[p];
    for (int64_t v = 0; v < VOCABULARY; ++v)
      args->logits[i * VOCABULARY + v] = bias[v] + sum * (float)(v + 1);
  }
}

EXPORT int32_t moert_forward_v1(const moert_abi_env_t *env,
                                const moert_abi_forward_t *args) {
  char *workspace = (char *)args->workspace;
  if (env->trace)
    env->trace(env, 0);
  for (int64_t row = 0; row < args->rows; ++row) {
    keys(args, row)[args->positions[row]] = (float)args->tokens[row];
    values(args, row)[args->positions[row]] = 0.5f;
    for (int64_t i = 0; i < 64; ++i)
      workspace[64 + row * 64 + i] = (char)row;
  }
  if (env->trace)
    env->trace(env, 1);
  env->parallel_for(env, logitsOfRows, (void *)args, args->wanted_rows);
  if (env->trace)
    env->trace(env, -1);
  return 0;
}

EXPORT int32_t conformance_fail(const moert_abi_env_t *env,
                                const moert_abi_forward_t *args) {
  (void)env, (void)args;
  return 8;
}

EXPORT int32_t conformance_unknown(const moert_abi_env_t *env,
                                   const moert_abi_forward_t *args) {
  (void)env, (void)args;
  return 1234;
}

static void noteSlice(void *closure, int64_t begin, int64_t end,
                      int64_t worker) {
  float *notes = (float *)closure;
  for (int64_t i = begin; i < end; ++i) {
    notes[4 * i] += 1;
    notes[4 * i + 1] = (float)worker;
    notes[4 * i + 2] = (float)begin;
    notes[4 * i + 3] = (float)end;
  }
}

EXPORT int32_t conformance_parallel(const moert_abi_env_t *env,
                                    const moert_abi_forward_t *args) {
  env->parallel_for(env, noteSlice, args->logits, args->rows);
  return 0;
}

struct Nest {
  const moert_abi_env_t *env;
  float *notes;
  float outer;
};

static void noteInner(void *closure, int64_t begin, int64_t end,
                      int64_t worker) {
  struct Nest *nest = (struct Nest *)closure;
  for (int64_t i = begin; i < end; ++i) {
    nest->notes[0] += 1;
    nest->notes[1] = (float)worker;
    nest->notes[2] = nest->outer;
  }
}

static void noteOuter(void *closure, int64_t begin, int64_t end,
                      int64_t worker) {
  struct Nest *all = (struct Nest *)closure;
  for (int64_t i = begin; i < end; ++i) {
    struct Nest nest = {all->env, all->notes + 4 * i, (float)worker};
    nest.env->parallel_for(nest.env, noteInner, &nest, 3);
  }
}

EXPORT int32_t conformance_nested(const moert_abi_env_t *env,
                                  const moert_abi_forward_t *args) {
  struct Nest nest = {env, args->logits, 0};
  env->parallel_for(env, noteOuter, &nest, args->rows);
  return 0;
}

/*===-- Experts that may come and go ---------------------------------------===*/

enum { LAYERS = 2, EXPERTS = 4, CHOSEN = 2, EXPERT_FLOATS = 3 * 16 * 64 };

/* What a forward holds in its workspace, of 56 bytes a row. */
struct Routing {
  int32_t *ids;   /* [rows][CHOSEN] */
  float *logits;  /* [rows][EXPERTS] */
  float *weights; /* [rows][CHOSEN] */
  float *sums;    /* [rows][LAYERS][CHOSEN] */
};

static void route(const moert_abi_forward_t *args, struct Routing *routing,
                  int32_t layer) {
  for (int64_t row = 0; row < args->rows; ++row) {
    int32_t *ids = routing->ids + row * CHOSEN;
    ids[0] = (args->tokens[row] + layer) % EXPERTS;
    ids[1] = (ids[0] + 1 + args->positions[row] % 3) % EXPERTS;
    for (int32_t e = 0; e < EXPERTS; ++e)
      routing->logits[row * EXPERTS + e] =
          e == ids[0] ? 3.0f : (e == ids[1] ? 2.0f : 0.0f);
    routing->weights[row * CHOSEN] = 0.75f;
    routing->weights[row * CHOSEN + 1] = 0.25f;
  }
}

/* The product of one row with one expert: its last float, twice its first. */
static void compute(const moert_abi_forward_t *args, struct Routing *routing,
                    int32_t layer, int32_t expert) {
  const float *values = args->parameters[1 + layer * EXPERTS + expert];
  for (int64_t row = 0; row < args->rows; ++row)
    for (int32_t c = 0; c < CHOSEN; ++c)
      if (routing->ids[row * CHOSEN + c] == expert)
        routing->sums[(row * LAYERS + layer) * CHOSEN + c] =
            2 * values[0] + values[EXPERT_FLOATS - 1];
}

/* Says of the layer behind this one what is true, and something else. */
static void guess(const moert_abi_forward_t *args,
                  const moert_abi_offload_t *offload, struct Routing *routing) {
  route(args, routing, 1);
  for (int64_t row = 0; row < args->rows; ++row) {
    routing->weights[row * CHOSEN] = 0.875f;
    routing->weights[row * CHOSEN + 1] = 0.125f;
  }
  offload->prefetch(offload, 1, args->rows, CHOSEN, routing->ids,
                    routing->weights, 0.5f);
}

static struct Routing routingIn(char *space, int64_t rows) {
  struct Routing routing;
  routing.ids = (int32_t *)space;
  routing.logits = (float *)(space + rows * 8);
  routing.weights = (float *)(space + rows * 24);
  routing.sums = (float *)(space + rows * 32);
  return routing;
}

static void runExperts(const moert_abi_forward_t *args, struct Routing *routing,
                       int32_t layer) {
  const moert_abi_offload_t *offload = args->offload;
  route(args, routing, layer);
  if (offload && offload->record)
    offload->record(offload, layer, args->rows, EXPERTS, routing->logits,
                    CHOSEN, routing->ids, routing->weights);
  if (!offload || !offload->take) {
    for (int32_t expert = 0; expert < EXPERTS; ++expert)
      compute(args, routing, layer, expert);
    return;
  }
  int32_t ready[EXPERTS];
  int64_t count;
  offload->demand(offload, layer, args->rows, CHOSEN, routing->ids);
  while ((count = offload->take(offload, layer, ready)) > 0)
    for (int64_t i = 0; i < count; ++i)
      compute(args, routing, layer, ready[i]);
}

static float sumOfLayer(const struct Routing *routing, int64_t row,
                        int32_t layer) {
  const float *sums = routing->sums + (row * LAYERS + layer) * CHOSEN;
  return sums[0] + sums[1];
}

static void showSum(const moert_abi_forward_t *args, int64_t entry, float sum) {
  const float *bias = (const float *)args->parameters[0];
  for (int64_t v = 0; v < VOCABULARY; ++v)
    args->logits[entry * VOCABULARY + v] = bias[v] + sum * (float)(v + 1);
}

EXPORT int32_t conformance_experts(const moert_abi_env_t *env,
                                   const moert_abi_forward_t *args) {
  const moert_abi_offload_t *offload = args->offload;
  struct Routing routing = routingIn((char *)args->workspace, args->rows);
  for (int32_t layer = 0; layer < LAYERS; ++layer) {
    if (env->trace)
      env->trace(env, layer);
    if (layer == 0 && offload && offload->prefetch)
      guess(args, offload, &routing);
    runExperts(args, &routing, layer);
  }
  if (env->trace)
    env->trace(env, -1);
  for (int64_t i = 0; i < args->wanted_rows; ++i)
    showSum(args, i,
            sumOfLayer(&routing, args->wanted[i], 0) +
                sumOfLayer(&routing, args->wanted[i], 1));
  return 0;
}

/* The lists of a forward whose rows may leave, of 40 bytes a row. */
struct Sets {
  int32_t *running, *gone, *due, *asking, *kept, *leaving, *tokens, *positions;
  float *scores;
};

static struct Sets setsIn(char *space, int64_t rows) {
  int32_t *lists = (int32_t *)space;
  struct Sets sets = {lists,
                      lists + rows,
                      lists + 2 * rows,
                      lists + 3 * rows,
                      lists + 4 * rows,
                      lists + 5 * rows,
                      lists + 6 * rows,
                      lists + 7 * rows,
                      (float *)(lists + 8 * rows)};
  return sets;
}

/* Returns how many rows run on. */
static int64_t leaveByToken(const moert_abi_forward_t *args,
                            const struct Routing *routing,
                            const struct Sets *sets) {
  int64_t counts[5];
  args->exits->enter(args->exits, sets->running, sets->due, sets->asking,
                     counts);
  const int64_t asking = counts[2];
  for (int64_t i = 0; i < asking; ++i)
    sets->scores[i] =
        (float)args->tokens[args->wanted[sets->asking[i]]] * 0.25f;
  args->exits->leave(args->exits, 0, sets->scores, 0, 0, sets->running,
                     sets->gone, sets->due, sets->kept, sets->leaving, counts);
  for (int64_t i = 0; i < counts[4]; ++i) {
    const int32_t entry = sets->asking[sets->leaving[i]];
    showSum(args, entry, sumOfLayer(routing, args->wanted[entry], 0));
  }
  for (int64_t i = 0; i < counts[0]; ++i) {
    sets->tokens[i] = args->tokens[sets->running[i]];
    sets->positions[i] = args->positions[sets->running[i]];
  }
  return counts[0];
}

EXPORT int32_t conformance_leaving(const moert_abi_env_t *env,
                                   const moert_abi_forward_t *args) {
  const moert_abi_offload_t *offload = args->offload;
  char *space = (char *)args->workspace;
  struct Routing all = routingIn(space, args->rows);
  struct Routing some = routingIn(space + args->rows * 48, args->rows);
  struct Sets sets = setsIn(space + args->rows * 96, args->rows);
  (void)env;
  if (offload && offload->prefetch)
    guess(args, offload, &all);
  runExperts(args, &all, 0);
  moert_abi_forward_t rest = *args;
  rest.rows = leaveByToken(args, &all, &sets);
  rest.tokens = sets.tokens;
  rest.positions = sets.positions;
  if (offload && offload->cancel && rest.rows == 0)
    offload->cancel(offload, 1);
  runExperts(&rest, &some, 1);
  for (int64_t i = 0; i < args->wanted_rows; ++i)
    for (int64_t j = 0; j < rest.rows; ++j)
      if (sets.running[j] == args->wanted[i])
        showSum(args, i,
                sumOfLayer(&all, args->wanted[i], 0) + sumOfLayer(&some, j, 1));
  return 0;
}

/*===-- Rows that leave early ----------------------------------------------===*/

enum { DEPTH = 4 };

/* What a forward holds in its workspace, of 32 bytes a row. */
struct Leaving {
  float *features; /* of all rows */
  float *scores;
  int32_t *running, *gone, *due, *asking, *kept, *leaving;
};

static float *keysOf(const moert_abi_forward_t *args, int64_t row,
                     int64_t layer) {
  return keys(args, row) + 2 * layer * args->kv_capacity;
}

static void showRow(const moert_abi_forward_t *args, const struct Leaving *rows,
                    int32_t entry) {
  const float *bias = (const float *)args->parameters[0];
  const float feature = rows->features[args->wanted[entry]];
  for (int64_t v = 0; v < VOCABULARY; ++v)
    args->logits[entry * VOCABULARY + v] = bias[v] + feature * (float)(v + 1);
}

static void runLayer(const moert_abi_forward_t *args,
                     const struct Leaving *rows, int64_t running,
                     int32_t layer) {
  for (int64_t i = 0; i < running; ++i) {
    const int32_t row = rows->running[i];
    keysOf(args, row, layer)[args->positions[row]] = rows->features[row];
  }
  for (int64_t i = 0; i < running; ++i) {
    const int32_t row = rows->running[i];
    int32_t next = 3 * (int32_t)rows->features[row] + layer;
    for (int32_t p = 0; p <= args->positions[row]; ++p)
      next += (int32_t)keysOf(args, row, layer)[p];
    rows->features[row] = (float)(next % 61);
  }
}

/* The exit in front of a layer; counts as moert_abi_exits_t::leave has them. */
static void leaveBefore(const moert_abi_forward_t *args,
                        const struct Leaving *rows, int32_t layer,
                        int64_t asking, int64_t *counts) {
  const float *watched[1] = {rows->scores};
  for (int64_t i = 0; i < asking; ++i)
    rows->scores[i] =
        rows->features[args->wanted[rows->asking[i]]] * (1 / 64.0f);
  args->exits->leave(args->exits, layer - 1, rows->scores, 1, watched,
                     rows->running, rows->gone, rows->due, rows->kept,
                     rows->leaving, counts);
  for (int64_t i = 0; i < counts[4]; ++i)
    showRow(args, rows, rows->asking[rows->leaving[i]]);
  for (int64_t i = 0; i < counts[3]; ++i)
    rows->asking[i] = rows->asking[rows->kept[i]];
}

static int32_t leaveEarly(const moert_abi_forward_t *args, int parks) {
  if (args->size < sizeof(*args) || !args->exits)
    return 1;
  const int64_t count = args->rows;
  float *space = (float *)args->workspace;
  int32_t *lists = (int32_t *)space + 2 * count;
  const struct Leaving rows = {space,
                               space + count,
                               lists,
                               lists + count,
                               lists + 2 * count,
                               lists + 3 * count,
                               lists + 4 * count,
                               lists + 5 * count};
  int64_t entered[3];
  args->exits->enter(args->exits, rows.running, rows.due, rows.asking, entered);
  int64_t counts[5] = {entered[0], 0, entered[1], entered[2], 0};
  for (int64_t i = 0; i < args->wanted_rows * VOCABULARY; ++i)
    args->logits[i] = 0;
  for (int64_t row = 0; row < count; ++row)
    rows.features[row] = (float)(args->tokens[row] + 1);
  if (parks)
    args->exits->resume(args->exits, 1, rows.features);
  for (int32_t layer = 0; layer < DEPTH; ++layer) {
    if (layer > 0)
      leaveBefore(args, &rows, layer, counts[3], counts);
    if (layer == 2 && count && args->tokens[count - 1] == 3)
      return 8;
    for (int64_t i = 0; !parks && layer > 0 && i < counts[1]; ++i) {
      const int32_t row = rows.gone[i];
      keysOf(args, row, layer)[args->positions[row]] = rows.features[row];
    }
    runLayer(args, &rows, counts[0], layer);
  }
  for (int64_t i = 0; i < counts[2]; ++i)
    showRow(args, &rows, rows.due[i]);
  if (parks)
    args->exits->park(args->exits, 1, rows.features);
  return 0;
}

EXPORT int32_t conformance_exits(const moert_abi_env_t *env,
                                 const moert_abi_forward_t *args) {
  (void)env;
  return leaveEarly(args, 0);
}

EXPORT int32_t conformance_parks(const moert_abi_env_t *env,
                                 const moert_abi_forward_t *args) {
  (void)env;
  return leaveEarly(args, 1);
}
