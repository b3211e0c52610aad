/*===- ConformanceCode.c - what the conformance suite runs on GPUs ----------===*
 *
 * cts/Conformance.h says what each entry computes. Host code that launches kernels;
 * what it cannot know, because it never looks behind an address of the device, it
 * does not do: it has no parallel loops, and never fails because of a token.
 *===----------------------------------------------------------------------===*/
#include "ConformanceKernels.h"
#include "moert/abi/gpu.h"

#define EXPORT __attribute__((visibility("default")))

/*===-- Kernels ------------------------------------------------------------===*/

static int64_t threadOf(const moert_emulator_t *e) {
  return (int64_t)e->special(e, MOERT_EMULATOR_BLOCK_X) * THREADS +
         e->special(e, MOERT_EMULATOR_THREAD);
}

#define K(name)                                                                \
  static void name##Emulated(const moert_emulator_t *e,                        \
                             void *const *parameters) {                        \
    int64_t a[ARGUMENTS];                                                      \
    for (int j = 0; j < ARGUMENTS; ++j)                                        \
      a[j] = *(const int64_t *)parameters[j];                                  \
    const int64_t i = threadOf(e);                                             \
    if (i < a[0])                                                              \
      name##Body(i, a);                                                        \
  }
CONFORMANCE_KERNELS(K)
#undef K

enum {
#define K(name) name##Kernel,
  CONFORMANCE_KERNELS(K)
#undef K
      KERNELS
};

static const uint32_t parameterBytes[ARGUMENTS] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
static const moert_gpu_kernel_t kernels[KERNELS] = {
#define K(name) {#name, THREADS, 0, ARGUMENTS, 0, parameterBytes, name##Emulated},
    CONFORMANCE_KERNELS(K)
#undef K
};

static const char ptx[] =
#include "ConformanceKernels.inc"
    ;

EXPORT const moert_gpu_image_t moert_gpu_image_v1 = {
    sizeof(moert_gpu_image_t), MOERT_GPU_VERSION, 80, 80, ptx, sizeof(ptx), 0, 0,
    kernels, KERNELS};

#define NUMBER(value) ((int64_t)(value))

/* Runs a kernel for so many numbers. */
static void run(const moert_abi_env_t *env, int64_t kernel, int64_t count,
                const int64_t *rest) {
  int64_t values[ARGUMENTS] = {count};
  void *parameters[ARGUMENTS];
  for (int i = 1; i < ARGUMENTS; ++i)
    values[i] = rest[i - 1];
  for (int i = 0; i < ARGUMENTS; ++i)
    parameters[i] = &values[i];
  env->gpu->launch(env->gpu, kernel, (count + THREADS - 1) / THREADS, 1,
                   parameters);
}
#define RUN(kernel, count, ...)                                                \
  run(env, kernel##Kernel, count, (const int64_t[ARGUMENTS]){__VA_ARGS__})

static void trace(const moert_abi_env_t *env, int64_t op) {
  if (env->trace)
    env->trace(env, op);
}

/*===-- Entries ------------------------------------------------------------===*/

EXPORT int32_t moert_forward_v1(const moert_abi_env_t *env,
                                const moert_abi_forward_t *args) {
  trace(env, 0);
  RUN(store, args->rows, NUMBER(args->tokens), NUMBER(args->sequences),
      NUMBER(args->positions), NUMBER(args->kv), args->kv_capacity,
      NUMBER(args->workspace));
  trace(env, 1);
  RUN(logits, args->wanted_rows, NUMBER(args->wanted), NUMBER(args->sequences),
      NUMBER(args->positions), NUMBER(args->kv), args->kv_capacity,
      NUMBER(args->parameters[0]), NUMBER(args->logits));
  trace(env, -1);
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

/* What a forward holds in its workspace, of 64 + 56 bytes a row. */
struct Routing {
  int32_t *ids;   /* [rows][CHOSEN] */
  float *logits;  /* [rows][EXPERTS] */
  float *weights; /* [rows][CHOSEN] */
  float *sums;    /* [rows][LAYERS][CHOSEN] */
  int32_t *ready; /* [EXPERTS] */
};

static void route(const moert_abi_env_t *env, const moert_abi_forward_t *args,
                  const struct Routing *routing, int64_t layer,
                  int64_t firstEighths) {
  RUN(route, args->rows, NUMBER(args->tokens), NUMBER(args->positions), layer,
      NUMBER(routing->ids), NUMBER(routing->logits), NUMBER(routing->weights),
      firstEighths);
}

static void compute(const moert_abi_env_t *env, const moert_abi_forward_t *args,
                    const struct Routing *routing, int64_t layer, int64_t count,
                    const int32_t *ready) {
  RUN(compute, count, args->rows, NUMBER(env->gpu->parameters), layer,
      NUMBER(routing->ids), NUMBER(routing->sums), NUMBER(ready));
}

static void runExperts(const moert_abi_env_t *env,
                       const moert_abi_forward_t *args,
                       const struct Routing *routing, int64_t layer) {
  const moert_abi_offload_t *offload = args->offload;
  route(env, args, routing, layer, 6);
  if (offload && offload->record)
    offload->record(offload, layer, args->rows, EXPERTS, routing->logits,
                    CHOSEN, routing->ids, routing->weights);
  if (!offload || !offload->take) {
    compute(env, args, routing, layer, EXPERTS, 0);
    return;
  }
  int64_t count;
  offload->demand(offload, layer, args->rows, CHOSEN, routing->ids);
  while ((count = offload->take(offload, layer, routing->ready)) > 0)
    compute(env, args, routing, layer, count, routing->ready);
}

EXPORT int32_t conformance_experts(const moert_abi_env_t *env,
                                   const moert_abi_forward_t *args) {
  const moert_abi_offload_t *offload = args->offload;
  char *space = (char *)args->workspace;
  const struct Routing routing = {(int32_t *)space,
                                  (float *)(space + args->rows * 8),
                                  (float *)(space + args->rows * 24),
                                  (float *)(space + args->rows * 32),
                                  (int32_t *)(space + args->rows * 48)};
  for (int64_t layer = 0; layer < LAYERS; ++layer) {
    trace(env, layer);
    if (layer == 0 && offload && offload->prefetch) {
      route(env, args, &routing, 1, 7);
      offload->prefetch(offload, 1, args->rows, CHOSEN, routing.ids,
                        routing.weights, 0.5f);
    }
    runExperts(env, args, &routing, layer);
  }
  trace(env, -1);
  RUN(sums, args->wanted_rows, NUMBER(args->wanted), NUMBER(routing.sums),
      NUMBER(args->parameters[0]), NUMBER(args->logits));
  return 0;
}

/* What a forward holds in its workspace, of 32 bytes a row. */
struct Leaving {
  float *features; /* of all rows */
  float *scores;
  int32_t *running, *gone, *due, *asking, *kept, *leaving;
};

static void keep(const moert_abi_env_t *env, const moert_abi_forward_t *args,
                 const struct Leaving *rows, int64_t layer,
                 const int32_t *list, int64_t count) {
  RUN(keep, count, NUMBER(list), NUMBER(args->sequences),
      NUMBER(args->positions), NUMBER(args->kv), args->kv_capacity, layer,
      NUMBER(rows->features));
}

static void show(const moert_abi_env_t *env, const moert_abi_forward_t *args,
                 const struct Leaving *rows, const int32_t *entries,
                 const int32_t *places, int64_t count) {
  RUN(show, count, NUMBER(entries), NUMBER(places), NUMBER(args->wanted),
      NUMBER(rows->features), NUMBER(args->parameters[0]),
      NUMBER(args->logits));
}

/* The exit in front of a layer; counts as moert_abi_exits_t::leave has them. The
 * entries that go on asking move to `spare`, which changes places with `asking`. */
static void leaveBefore(const moert_abi_env_t *env,
                        const moert_abi_forward_t *args, struct Leaving *rows,
                        int64_t layer, int64_t *counts) {
  const float *watched[1] = {rows->scores};
  RUN(score, counts[3], NUMBER(rows->asking), NUMBER(args->wanted),
      NUMBER(rows->features), NUMBER(rows->scores));
  args->exits->leave(args->exits, layer - 1, rows->scores, 1, watched,
                     rows->running, rows->gone, rows->due, rows->kept,
                     rows->leaving, counts);
  show(env, args, rows, rows->asking, rows->leaving, counts[4]);
  RUN(pick, counts[3], NUMBER(rows->asking), NUMBER(rows->kept),
      NUMBER(rows->leaving));
  int32_t *spare = rows->asking;
  rows->asking = rows->leaving;
  rows->leaving = spare;
}

static int32_t leaveEarly(const moert_abi_env_t *env,
                          const moert_abi_forward_t *args, int parks) {
  if (args->size < sizeof(*args) || !args->exits)
    return 1;
  const int64_t count = args->rows;
  float *space = (float *)args->workspace;
  int32_t *lists = (int32_t *)space + 2 * count;
  struct Leaving rows = {space,
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
  RUN(begin, count, NUMBER(args->tokens), NUMBER(rows.features));
  if (parks)
    args->exits->resume(args->exits, 1, rows.features);
  for (int64_t layer = 0; layer < DEPTH; ++layer) {
    if (layer > 0)
      leaveBefore(env, args, &rows, layer, counts);
    if (!parks && layer > 0)
      keep(env, args, &rows, layer, rows.gone, counts[1]);
    keep(env, args, &rows, layer, rows.running, counts[0]);
    RUN(step, counts[0], NUMBER(rows.running), NUMBER(args->sequences),
        NUMBER(args->positions), NUMBER(args->kv), args->kv_capacity, layer,
        NUMBER(rows.features));
  }
  show(env, args, &rows, rows.due, 0, counts[2]);
  if (parks)
    args->exits->park(args->exits, 1, rows.features);
  return 0;
}

EXPORT int32_t conformance_exits(const moert_abi_env_t *env,
                                 const moert_abi_forward_t *args) {
  return leaveEarly(env, args, 0);
}

EXPORT int32_t conformance_parks(const moert_abi_env_t *env,
                                 const moert_abi_forward_t *args) {
  return leaveEarly(env, args, 1);
}
