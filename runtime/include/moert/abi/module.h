/*===- module.h - the treaty between compiled code and the runtime ---------===*
 *
 * Compiled code is a shared object without dependencies. It exports
 *
 *   int32_t moert_forward_v1(const moert_abi_env_t *, const moert_abi_forward_t *);
 *
 * and reaches the outside world only through the environment. The compiler
 * (lib/Target) writes code against these offsets; the assertions below pin them.
 * A change of layout or meaning is a new MOERT_ABI_VERSION and a new symbol.
 * A field may be added at the end of a struct, whose size then says whether it is
 * there; code that was compiled before never looks at it.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_MODULE_H
#define MOERT_ABI_MODULE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOERT_ABI_VERSION 1
#define MOERT_ABI_FORWARD_SYMBOL "moert_forward_v1"
/* Alignment in bytes of the workspace, of each parameter and of KV states. */
#define MOERT_ABI_ALIGNMENT 64
/* The capacity of a KV state is a multiple of so many positions: compiled code
 * reads keys and values in blocks of that many. */
#define MOERT_ABI_KV_BLOCK 16

typedef struct moert_abi_env_t moert_abi_env_t;

/* A slice [begin, end) of a parallel loop; worker lies in [0, workers). */
typedef void (*moert_abi_body_t)(void *closure, int64_t begin, int64_t end,
                                 int64_t worker);

struct moert_abi_env_t {
  uint32_t size;        /* bytes of this struct as the runtime was built */
  uint32_t abi_version; /* MOERT_ABI_VERSION */
  /* Splits [0, count) into at most `workers` contiguous slices, runs them at
   * the same time and returns when all are done. */
  void (*parallel_for)(const moert_abi_env_t *env, moert_abi_body_t body,
                       void *closure, int64_t count);
  /* Says that operation `op` (an index into the module's list of operations)
   * starts; -1 at the end. NULL unless someone traces. */
  void (*trace)(const moert_abi_env_t *env, int64_t op);
  int64_t workers; /* threads that parallel_for uses */
  void *host;      /* the runtime's own */
  /* Set for code of GPUs (moert/abi/gpu.h); environments of older runtimes end
   * before this field. */
  const struct moert_abi_gpu_t *gpu;
};

/* Experts that are not all in memory. Compiled code says what its routers chose
 * and what it guesses, and computes with experts as they are handed to it; who
 * is fetched and who leaves is the runtime's affair. A layer is a decoder layer,
 * `layer` of the parameters of kind Expert. One thread calls, outside of
 * parallel loops. No call fails: once a fetch has failed, take returns 0, and
 * the runtime drops what forward computes. */
typedef struct moert_abi_offload_t moert_abi_offload_t;
struct moert_abi_offload_t {
  uint32_t size; /* bytes of this struct as the runtime was built */
  uint32_t reserved;
  void *host; /* the runtime's own */
  /* Shows what a router chose. logits [rows][experts], ids and weights
   * [rows][chosen]. NULL unless someone watches. */
  void (*record)(const moert_abi_offload_t *offload, int64_t layer, int64_t rows,
                 int64_t experts, const float *logits, int64_t chosen,
                 const int32_t *ids, const float *weights);
  /* Rows may want these experts of a layer soon: ids and confidence
   * [rows][columns]; those that every row is less sure of than the threshold are
   * not worth a fetch. The last four are NULL when all experts are in memory. */
  void (*prefetch)(const moert_abi_offload_t *offload, int64_t layer, int64_t rows,
                   int64_t columns, const int32_t *ids, const float *confidence,
                   float threshold);
  /* Rows want these experts: ids [rows][columns]. Ends guesses for the layer. */
  void (*demand)(const moert_abi_offload_t *offload, int64_t layer, int64_t rows,
                 int64_t columns, const int32_t *ids);
  /* Hands out experts that were demanded, have arrived and have not been handed
   * out yet, after waiting for at least one: writes their numbers, ascending, to
   * `experts`, and their addresses to `parameters` of the forward. They stay
   * until the next call for the layer. Returns how many; 0: all are done. */
  int64_t (*take)(const moert_abi_offload_t *offload, int64_t layer, int32_t *experts);
  /* Drops the guesses for a layer. */
  void (*cancel)(const moert_abi_offload_t *offload, int64_t layer);
};

/* Rows that leave early. Compiled code scores them; who goes on is the runtime's
 * affair, as moe.enter and moe.exit of the dialect say. Rows are numbers in
 * [0, rows) of the forward, entries numbers in [0, wanted_rows); lists ascend.
 * One thread calls, outside of parallel loops. */
typedef struct moert_abi_exits_t moert_abi_exits_t;
struct moert_abi_exits_t {
  uint32_t size; /* bytes of this struct as the runtime was built */
  uint32_t reserved;
  void *host; /* the runtime's own */
  /* First: writes the rows that run, the entries without logits and the entries
   * that ask, and how many each of these are to counts[0], [1] and [2]. Room
   * for rows, wanted_rows and wanted_rows numbers. */
  void (*enter)(const moert_abi_exits_t *exits, int32_t *running, int32_t *due,
                int32_t *asking, int64_t *counts);
  /* Gives rows that wait the features with which they left: features
   * [rows][columns]. Only of code that parks. */
  void (*resume)(const moert_abi_exits_t *exits, int64_t columns, float *features);
  /* At exit number `exit` of the module: scores of each asking entry, and
   * `watched` arrays of as many numbers. Writes the rows that run on, the rows
   * that do not, the entries still due, the places in `asking` of those that go
   * on asking, and of those that leave; counts[0] to [4] say how many. Room for
   * rows, rows, and three times wanted_rows numbers. */
  void (*leave)(const moert_abi_exits_t *exits, int64_t exit, const float *scores,
                int64_t watched, const float *const *numbers, int32_t *running,
                int32_t *gone, int32_t *due, int32_t *kept, int32_t *leaving,
                int64_t *counts);
  /* Last: features [rows][columns] of all rows, of which those that are gone are
   * kept. Only of code that parks. */
  void (*park)(const moert_abi_exits_t *exits, int64_t columns, const float *features);
  /* Rows whose best word is certain if their surplus is above 0: writes the places
   * of those that are, and of the others; counts[0] and [1] say how many. All are
   * others when somebody wants whole distributions. Only of code whose exits have
   * a light head. */
  void (*settle)(const moert_abi_exits_t *exits, int64_t rows, const float *surplus,
                 int32_t *certain, int32_t *unsure, int64_t *counts);
};

typedef struct moert_abi_forward_t {
  uint32_t size; /* bytes of this struct as the runtime was built */
  uint32_t reserved;
  int64_t rows;             /* rows of the ragged batch */
  int64_t wanted_rows;      /* rows whose logits are wanted */
  const int32_t *tokens;    /* [rows] in [0, vocabulary) */
  const int32_t *sequences; /* [rows] in [0, number of KV states) */
  const int32_t *positions; /* [rows] in [0, kv_capacity) */
  const int32_t *wanted;    /* [wanted_rows] in [0, rows) */
  /* [parameters] address of each parameter, in the module's order */
  const void *const *parameters;
  /* [sequences] state of each sequence:
   * f32 [layer][key, value][kv head][kv_capacity][head_dim] */
  void *const *kv;
  int64_t kv_capacity; /* positions of each state; a multiple of the KV block */
  void *workspace;     /* workspace_fixed + rows * workspace_per_row bytes */
  float *logits;       /* [wanted_rows][vocabulary] */
  /* NULL: all experts are where `parameters` says, and nobody watches. A reader
   * looks at `size` before: forwards of older runtimes end before this field. */
  const moert_abi_offload_t *offload;
  /* Set for code whose metadata names exits, which fails without. */
  const moert_abi_exits_t *exits;
} moert_abi_forward_t;

/* Returns 0, or a moert_status_code_t. */
typedef int32_t (*moert_abi_forward_fn_t)(const moert_abi_env_t *env,
                                          const moert_abi_forward_t *args);

#ifdef __cplusplus
#define MOERT_ABI_ASSERT(c) static_assert(c, #c)
#else
#define MOERT_ABI_ASSERT(c) _Static_assert(c, #c)
#endif
MOERT_ABI_ASSERT(offsetof(struct moert_abi_env_t, parallel_for) == 8);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_env_t, trace) == 16);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_env_t, workers) == 24);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_env_t, gpu) == 40);
MOERT_ABI_ASSERT(sizeof(struct moert_abi_env_t) == 48);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, rows) == 8);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, wanted_rows) == 16);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, tokens) == 24);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, sequences) == 32);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, positions) == 40);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, wanted) == 48);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, parameters) == 56);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, kv) == 64);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, kv_capacity) == 72);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, workspace) == 80);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, logits) == 88);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, offload) == 96);
MOERT_ABI_ASSERT(offsetof(moert_abi_forward_t, exits) == 104);
MOERT_ABI_ASSERT(sizeof(moert_abi_forward_t) == 112);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_exits_t, enter) == 16);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_exits_t, resume) == 24);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_exits_t, leave) == 32);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_exits_t, park) == 40);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_exits_t, settle) == 48);
MOERT_ABI_ASSERT(sizeof(struct moert_abi_exits_t) == 56);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_offload_t, record) == 16);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_offload_t, prefetch) == 24);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_offload_t, demand) == 32);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_offload_t, take) == 40);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_offload_t, cancel) == 48);
MOERT_ABI_ASSERT(sizeof(struct moert_abi_offload_t) == 56);

#ifdef __cplusplus
}
#endif
#endif /* MOERT_ABI_MODULE_H */
