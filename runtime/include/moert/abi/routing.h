/*===- routing.h - what routers chose, row by row: a trace file ------------===*
 *
 *   [header: moert_routing_header_t]
 *   [layers: int32 x header.layers]       decoder layers that have experts, ascending
 *   [record] x header.records             each of header.record_bytes
 *
 * A record is one row of a forward, in the order of computing:
 *
 *   moert_routing_row_t
 *   for each layer: float logits[experts], int32 chosen[chosen],
 *                   float weights[chosen], int32 guessed[guesses],
 *                   float confidence[guesses]
 *
 * All numbers are little endian, and there is no padding. Where a layer has no
 * guess, `guessed` is -1. Rows of one forward have the same `forward`.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_ROUTING_H
#define MOERT_ABI_ROUTING_H

#include <stdint.h>

#define MOERT_ROUTING_MAGIC "MOEROUT\x1a" /* 8 bytes */
#define MOERT_ROUTING_VERSION 1

typedef struct moert_routing_header_t {
  char magic[8];
  uint32_t version;
  uint32_t layers;  /* with experts */
  uint32_t experts; /* of a layer */
  uint32_t chosen;  /* per row and layer */
  uint32_t guesses; /* per row and layer; 0: the module does not guess */
  uint32_t reserved;
  uint64_t records;
  uint64_t record_bytes;
  /* XXH3-64 of "<name>;<family>;<vocabulary>;<hidden>;<decoder layers>;<experts>;
   * <experts per token>" (decimal numbers, no spaces): the same for every
   * storage of a model. */
  uint64_t model;
  char model_name[64]; /* zero-terminated, cut if longer */
  char predictor[32];  /* who guessed; empty: nobody */
} moert_routing_header_t;

typedef struct moert_routing_row_t {
  int32_t token, sequence, position;
  int32_t forward; /* number of the forward call, from 0 */
} moert_routing_row_t;

#ifdef __cplusplus
static_assert(sizeof(moert_routing_header_t) == 152, "trace layout");
static_assert(sizeof(moert_routing_row_t) == 16, "trace layout");
#endif
#endif /* MOERT_ABI_ROUTING_H */
