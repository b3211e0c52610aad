/*===- moert.h - load a compiled module and run it -------------------------===*
 *
 * The whole runtime as C. moe-run is its first client.
 *
 *   moert_module_t *module;
 *   moert_status_t status = moert_module_open("model.moe", NULL, &module);
 *
 * Objects are used by one thread at a time; several sessions may share a module.
 * Option structs start with their size, so that fields can be added: fill them
 * with the matching _init function. No exception leaves this API, and a pointer
 * that is NULL without being said to be allowed is INVALID_ARGUMENT.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_MOERT_H
#define MOERT_MOERT_H

#include "moert/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0 (abi 1)". */
MOERT_API const char *moert_version(void);
/* What the container header calls abi_hash. */
MOERT_API uint64_t moert_abi_hash(void);

/*===-- Devices -----------------------------------------------------------===*/

/* A JSON array of {"driver","device","available","detail"}; moert_free it. */
MOERT_API MOERT_MUST_USE moert_status_t moert_list_devices(char **out_json);

/*===-- Modules -----------------------------------------------------------===*/

typedef struct moert_module_t moert_module_t;

typedef struct moert_module_options_t {
  uint32_t size;
  uint32_t skip_weight_checksums; /* 1: trust the weights, open at once */
  const char *driver; /* that will run it; NULL: the one that the module names */
} moert_module_options_t;
MOERT_API void moert_module_options_init(moert_module_options_t *options);

/* Maps a module file and checks it: header, metadata, checksums, and that this
 * machine can run its code. Experts that can be fetched are left to the session:
 * it compares the checksums of all of them when it starts, or of each when it
 * first arrives. `options` may be NULL. While a module is open, its file must be
 * replaced by renaming another over it, never overwritten: what is mapped would
 * change, or end the process where the file got shorter. A session that fetches
 * experts maps nothing, and tells of such a file with a status. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_open(const char *path, const moert_module_options_t *options,
                  moert_module_t **out_module);
/* Like open, but also for a module that this machine cannot run (--inspect). */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_open_for_inspection(const char *path, moert_module_t **out_module);
MOERT_API void moert_module_close(moert_module_t *module);

typedef struct moert_module_info_t {
  uint32_t size;
  int32_t layers;
  int64_t vocabulary;
  int64_t context; /* most positions that the model was made for */
  int64_t hidden;
  int32_t experts;
  int32_t experts_per_token;
  int32_t bos_token; /* -1: none */
  int32_t add_bos;
  uint64_t active_bytes_per_token;
  uint64_t macs_per_token;
  double bits_per_weight;
  const char *name, *family, *backend, *driver; /* live as long as the module */
  uint64_t coded_weights;      /* stored as codes; 0: all as elements */
  double coded_bits_per_weight; /* of those, scales and filling counted */
  /* Experts that can be fetched when they are wanted; 0: all weights must be in
   * memory or mapped. The last two are "" then; predictor is also "" if nobody
   * guesses. */
  int64_t fetched_experts;
  uint64_t fetched_expert_bytes; /* of memory that each of them takes */
  const char *cache_policy, *predictor;
  /* Exits, behind some of the layers; 0: every token runs through all layers.
   * The texts are "" then. */
  int32_t exits;
  int32_t exits_park;           /* 1: rows that left can go on later */
  const char *exit_policy, *exit_head;
  const char *exit_state;       /* "propagate", "recompute", "verify" */
  int32_t exits_calibrated;     /* 1: a certificate says how far exits may be trusted */
  uint64_t exit_head_bytes;     /* of weights that one check of one token reads */
  uint64_t exit_layer_bytes;    /* of weights that one token reads in a layer; the mean */
  uint64_t exit_leave_bytes;    /* that a token that leaves reads besides its checks */
  uint64_t exit_unsure_bytes;   /* and one whose best word a light head is not sure of */
} moert_module_info_t;
/* `out_info->size` must be set by the caller. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_info(const moert_module_t *module, moert_module_info_t *out_info);
/* What is stored under one name: a weight, the matrices of an expert, or a rope
 * table, which the runtime makes. */
typedef struct moert_parameter_info_t {
  uint32_t size;
  int32_t layer, expert;  /* -1 unless it is an expert */
  const char *kind;       /* "tensor", "expert", "rope_table" */
  const char *name;       /* all texts live as long as the module */
  const char *scheme;     /* "q35"; "q35+q8" if matrices differ; "none" */
  const char *element;    /* "bf16": of values that are stored as they are */
  uint64_t weights, bytes;
  double bits_per_weight; /* 0 without weights */
} moert_parameter_info_t;
MOERT_API int64_t moert_module_parameters(const moert_module_t *module);
/* `out_info->size` must be set by the caller; `index` lies in
 * [0, moert_module_parameters). */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_parameter(const moert_module_t *module, int64_t index,
                       moert_parameter_info_t *out_info);
/* A place behind a layer where a token may leave. */
typedef struct moert_exit_info_t {
  uint32_t size;
  int32_t layers;   /* that have run there */
  double threshold; /* least score that leaves; may be infinite */
  double taken;     /* share of tokens that left when counted; -1: not counted */
} moert_exit_info_t;
/* `out_info->size` must be set by the caller; `index` lies in [0, exits). */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_exit(const moert_module_t *module, int32_t index,
                  moert_exit_info_t *out_info);
/* 1 when generation stops at this token. */
MOERT_API int moert_module_is_eos(const moert_module_t *module, int32_t token);
/* Everything in the module as JSON: header, sections, model, target,
 * parameters; moert_free it. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_describe(const moert_module_t *module, char **out_json);

/*===-- Tokenizer ---------------------------------------------------------===*/

typedef struct moert_tokenizer_t moert_tokenizer_t;

/* The module's tokenizer; owned by the module. NOT_FOUND if it has none. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_module_tokenizer(moert_module_t *module, const moert_tokenizer_t **out_tokenizer);
/* From the text of a tokenizer.json; `origin` names it in messages. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_tokenizer_parse(const char *json, size_t length, const char *origin,
                      moert_tokenizer_t **out_tokenizer);
MOERT_API void moert_tokenizer_free(moert_tokenizer_t *tokenizer);
MOERT_API int64_t moert_tokenizer_size(const moert_tokenizer_t *tokenizer);
/* Text to ids; special tokens in the text are recognised; none is added.
 * moert_free the ids. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_tokenizer_encode(const moert_tokenizer_t *tokenizer, const char *text,
                       size_t length, int32_t **out_ids, size_t *out_count);

/* Ids to text, one at a time; hands out whole UTF-8 characters only. */
typedef struct moert_decoder_t moert_decoder_t;
MOERT_API MOERT_MUST_USE moert_status_t
moert_decoder_create(const moert_tokenizer_t *tokenizer, int skip_special,
                     moert_decoder_t **out_decoder);
/* The text that is certain after this id; lives until the next call. An id that
 * the tokenizer does not have, as in a padded vocabulary, is no text. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_decoder_push(moert_decoder_t *decoder, int32_t id, const char **out_text,
                   size_t *out_length);
/* What is left; broken bytes become U+FFFD. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_decoder_finish(moert_decoder_t *decoder, const char **out_text,
                     size_t *out_length);
MOERT_API void moert_decoder_free(moert_decoder_t *decoder);

/*===-- Sessions ----------------------------------------------------------===*/

/* The state of running a module, which must outlive it. */
typedef struct moert_session_t moert_session_t;

typedef struct moert_session_options_t {
  uint32_t size;
  int32_t threads;      /* 0: all that this process may use */
  int64_t context;      /* positions per sequence; 0: the module's */
  int64_t sequences;    /* independent sequences; default 1 */
  int64_t batch_rows;   /* most rows that run at once, to 2^20; default 512 */
  const char *driver;   /* NULL: the module's */
  /* Most bytes of experts in memory. MOERT_BUDGET_AUTO: all if they fit into the
   * memory that this process may use, else what does. MOERT_BUDGET_ALL: all, if
   * need be mapped from the file and left to the system's page cache. */
  int64_t memory_budget;
  const char *cache_policy; /* "lru", "belady:FILE" (a routing trace); NULL: the module's */
  int32_t prefetch;         /* moert_prefetch_t */
  double read_timeout;      /* seconds without any byte before a fetch fails; default 30 */
  int32_t exits;            /* moert_exits_t */
  /* Least score at every exit in place of the module's; NaN: the module's. */
  double exit_threshold;
  /* 1: results have the bits of all other targets, even where the device is faster
   * with others. */
  int32_t exact;
  /* Most bytes of experts in memory of a device that has its own: MOERT_BUDGET_AUTO:
   * what is free, MOERT_BUDGET_ALL: all, or the session fails. */
  int64_t device_memory;
} moert_session_options_t;
typedef enum moert_exits_e {
  MOERT_EXITS_ON = 0, /* tokens leave where the module has exits */
  MOERT_EXITS_OFF = 1 /* all run through all layers; checks cost nothing */
} moert_exits_t;
#define MOERT_BUDGET_AUTO ((int64_t)0)
#define MOERT_BUDGET_ALL ((int64_t)-1)
typedef enum moert_prefetch_e {
  MOERT_PREFETCH_AUTO = 0, /* guesses of the module, as long as they pay */
  MOERT_PREFETCH_ON = 1,
  MOERT_PREFETCH_OFF = 2
} moert_prefetch_t;
MOERT_API void moert_session_options_init(moert_session_options_t *options);

MOERT_API MOERT_MUST_USE moert_status_t
moert_session_create(moert_module_t *module, const moert_session_options_t *options,
                     moert_session_t **out_session);
MOERT_API void moert_session_free(moert_session_t *session);
MOERT_API int32_t moert_session_threads(const moert_session_t *session);
/* Most rows that run at once: batch_rows, or fewer where the device runs one row
 * after the other anyway. */
MOERT_API int64_t moert_session_batch_rows(const moert_session_t *session);

/* A ragged batch: row r is token tokens[r] at positions[r] of sequences[r].
 * Rows of one sequence must come in ascending position, and every earlier
 * position must have been computed. After a forward that failed, none counts
 * from its first row of a sequence on. */
typedef struct moert_batch_t {
  uint32_t size;
  int64_t rows;
  const int32_t *tokens, *sequences, *positions; /* [rows] */
  int64_t wanted_rows;
  const int32_t *wanted; /* [wanted_rows] row indices, ascending; NULL with wanted_rows == rows: all */
  float *logits;         /* [wanted_rows][vocabulary], filled */
  /* Exits. A wanted row may leave early. A row that left from a module that parks
   * is resumed where it left when the same token comes again at its position, but
   * for position 0, where a text begins anew and nothing waits any more; it
   * runs on with the first row of its sequence that goes deeper, or on its own. If
   * none does, it has no logits: layers_run says so. At most 256 rows of a session
   * wait when a batch begins: of the sequences with most of them all run on before,
   * which no batch asks for and forward_calls counts. */
  int32_t exits; /* moert_exits_t, for this batch; off if the session says so */
  int32_t whole_distributions; /* 1: logits of all tokens are wanted, not only the best */
  /* [wanted_rows] layers after which each leaves, whatever its score: at the first
   * exit behind so many or more; 0: by its score; -1: it does not. May be NULL. */
  const int32_t *leave_after;
  int32_t *layers_run; /* [wanted_rows], filled: layers whose features its logits are
                          made of; negative: of a row that waits, and has no logits.
                          May be NULL */
  float *exit_scores;  /* [wanted_rows][exits], filled; NaN: it did not ask. May be NULL */
  /* Least score at every exit for this batch; NaN: the session's. */
  double exit_threshold;
  /* [wanted_rows], filled: bytes of weights that each read because of exits: in its
   * checks, and for its logits if it left. May be NULL. */
  uint64_t *exit_bytes;
} moert_batch_t;
MOERT_API void moert_batch_init(moert_batch_t *batch);
/* Runs the batch, in pieces of at most batch_rows. Ids, sequences, positions
 * and row indices out of range are refused with both numbers. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_forward(moert_session_t *session, const moert_batch_t *batch);

/* How long units of one kind were at work, on a device that counts its cycles. */
typedef struct moert_session_unit_t {
  const char *name;          /* "mxm install" */
  uint64_t busy_cycles;      /* summed over all of them */
  uint64_t available_cycles; /* the same if they had all worked all the time */
} moert_session_unit_t;

typedef struct moert_session_stats_t {
  uint32_t size;
  int64_t rows;            /* computed so far */
  int64_t forward_calls;
  double forward_seconds;
  uint64_t kv_bytes, workspace_bytes, weight_bytes;
  /* Of experts that come and go; all 0 when they are all in memory. */
  int64_t expert_capacity;  /* experts that fit the budget */
  int64_t expert_hits;      /* wanted by a batch in a layer and in memory */
  int64_t expert_misses;    /* wanted and not (or not wholly) in memory */
  int64_t prefetch_useful;  /* guessed, read, and wanted before they left */
  int64_t prefetch_wasted;  /* guessed, read, and not */
  uint64_t bytes_read;      /* of experts */
  double stall_seconds;     /* that computing waited for experts */
  double link_seconds;      /* that at least one read was under way */
  int32_t prefetch_stopped; /* 1: guesses were measured to lose, and are off */
  uint64_t expert_bytes;    /* of memory for them */
  const char *expert_reader; /* how they are read; lives as long as the session */
  /* Of exits. Tokens are rows whose logits were wanted. */
  int64_t exit_tokens;       /* that got logits */
  int64_t exit_layers;       /* layers that these ran through, in sum */
  int64_t exit_checks;       /* scores that were computed at exits, in sum */
  int64_t rows_resumed;      /* rows that left, and ran on later */
  /* Tokens that left whose best word a light head was sure of, and the others. */
  int64_t exit_certain, exit_unsure;
  uint64_t exit_bytes;       /* of weights that checks and logits of tokens that left read */
  /* Of a device that counts its cycles; all 0 on others. */
  double device_clock_hz;
  uint64_t device_rows;      /* that were run */
  uint64_t device_cycles;    /* that they took */
  uint64_t predicted_cycles; /* that the compiler said they would take */
  /* [device_unit_count]; lives until the next call with the session. */
  const moert_session_unit_t *device_units;
  int64_t device_unit_count;
  /* Of a device with memory of its own; all 0 on others. Of its experts as above, 0
   * when they are all there. */
  uint64_t device_weight_bytes; /* that weights take there */
  int64_t device_expert_capacity, device_expert_hits, device_expert_misses;
  int64_t device_prefetch_useful, device_prefetch_wasted;
  uint64_t device_expert_bytes; /* copied there, of experts */
} moert_session_stats_t;
/* How many tokens left at each exit: counts [exits + 1], the last one through
 * all layers. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_exit_counts(const moert_session_t *session, int64_t *counts);
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_stats(const moert_session_t *session, moert_session_stats_t *out_stats);

/* From now on notes when each operation runs. */
MOERT_API MOERT_MUST_USE moert_status_t moert_session_trace_start(moert_session_t *session);
/* Writes what was noted as Chrome trace events to `<path>.<pid>.part` (a symbolic
 * link is followed first), then renames. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_trace_write(moert_session_t *session, const char *path);

/* From now on writes what the routers choose beside `path`, as moert/abi/routing.h
 * says; a forward fails if that does. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_routing_start(moert_session_t *session, const char *path);
/* Ends that, and renames. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_routing_write(moert_session_t *session);

/* From now on writes beside `path` a line of JSON for each token whose logits were
 * wanted, and computed, in the order of batches and rows:
 *
 *   {"sequence": 0, "position": 7, "layers": 2, "scores": [0.5, 0.97], "watched": [[0.5], [0.97]]}
 *
 * layers is what layers_run of the batch is. scores are those of the exits where
 * the token asked, the first ones; watched are the numbers that the code shows
 * there. A number that is not finite is null. A token that waited and whose logits
 * are wanted again has a second line, without scores. A forward fails if writing
 * does. Without exits there is nothing to record: INVALID_ARGUMENT. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_exits_start(moert_session_t *session, const char *path);
/* Ends that, and renames. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_session_exits_write(moert_session_t *session);

/*===-- Sampling ----------------------------------------------------------===*/

/* Applies the temperature first, keeps the top_k likeliest of all tokens, then
 * of these the fewest that hold top_p of the probability, and picks one of the
 * rest. The same seed gives the same picks on every machine. */
typedef struct moert_sampler_t moert_sampler_t;
typedef struct moert_sampler_options_t {
  uint32_t size;
  float temperature; /* 0: greedy, ties to the lower id */
  int32_t top_k;     /* 0: all */
  float top_p;       /* 1: all */
  uint64_t seed;
} moert_sampler_options_t;
MOERT_API void moert_sampler_options_init(moert_sampler_options_t *options);
MOERT_API MOERT_MUST_USE moert_status_t
moert_sampler_create(const moert_sampler_options_t *options, moert_sampler_t **out_sampler);
MOERT_API MOERT_MUST_USE moert_status_t
moert_sampler_pick(moert_sampler_t *sampler, const float *logits, int64_t count,
                   int32_t *out_token);
/* The same, with the random number of pick number `draw` (from 0) of a sampler
 * that was just made, whatever this one has picked; the next moert_sampler_pick
 * picks as if this had not been called. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_sampler_pick_at(moert_sampler_t *sampler, uint64_t draw, const float *logits,
                      int64_t count, int32_t *out_token);
MOERT_API void moert_sampler_free(moert_sampler_t *sampler);

/*===-- Measuring ---------------------------------------------------------===*/

/* Reads `bytes` of fresh memory per pass with so many threads; the median of
 * several passes, in bytes per second. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_measure_read_bandwidth(int32_t threads, uint64_t bytes, double *out_bytes_per_second);
/* Most f32 fused multiply-adds (as 2 operations each) per second with so many threads. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_measure_fma_peak(int32_t threads, double *out_operations_per_second);
/* Most products of 8-bit integers, summed in 32 bits (2 operations each), per
 * second with so many threads: with the CPU's dot products where it has them. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_measure_int8_peak(int32_t threads, double *out_operations_per_second);

/* Bytes that this process can still use, and may use in all, by the machine and
 * by control groups. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_measure_memory(uint64_t *out_available, uint64_t *out_granted);

/* Reads experts' extents of a module's file past the page cache, as a session
 * does, in random order; bytes per second in `out_bandwidth`, and the seconds
 * that one small read takes in `out_latency`. */
MOERT_API MOERT_MUST_USE moert_status_t
moert_measure_file_reads(const char *path, double *out_bandwidth, double *out_latency);

#ifdef __cplusplus
}
#endif
#endif /* MOERT_MOERT_H */
