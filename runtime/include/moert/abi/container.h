/*===- container.h - the bytes at the front of a module file ---------------===*
 *
 *   [header: MOERT_CONTAINER_PAGE bytes]   this struct, rest zero
 *   [section] ...                          each starts at a multiple of the page
 *
 * All numbers are little endian. A reader refuses a greater major version, a
 * required section that it does not know, another ABI hash, a wrong checksum
 * and a file whose size is not file_size. It skips optional sections that it
 * does not know. Section ids are frozen: never renumber.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_CONTAINER_H
#define MOERT_ABI_CONTAINER_H

#include <stdint.h>

#define MOERT_CONTAINER_MAGIC "MOEMLIR\x1a" /* 8 bytes */
#define MOERT_CONTAINER_MAJOR 1
#define MOERT_CONTAINER_MINOR 0
#define MOERT_CONTAINER_PAGE 4096
#define MOERT_CONTAINER_MAX_SECTIONS 64

typedef enum moert_section_id_e {
  MOERT_SECTION_METADATA = 1,  /* FlatBuffer, schema/module.fbs; required */
  MOERT_SECTION_CODE = 2,      /* code object of the module's backend */
  MOERT_SECTION_WEIGHTS = 3,   /* parameters at the offsets that metadata says */
  MOERT_SECTION_TOKENIZER = 4, /* tokenizer.json as in the checkpoint */
  MOERT_SECTION_IR = 5,        /* optional: the moe IR, for people */
  MOERT_SECTION_TEST = 0x7ff0  /* optional, from here: only in tests */
} moert_section_id_t;

enum { MOERT_SECTION_REQUIRED = 1 }; /* flag: a reader must know this section */

typedef struct moert_container_section_t {
  uint32_t id;
  uint32_t flags;
  uint64_t offset;   /* from the start of the file; a multiple of the page */
  uint64_t size;     /* bytes, without padding */
  uint64_t checksum; /* XXH3-64 of those bytes */
} moert_container_section_t;

typedef struct moert_container_header_t {
  char magic[8];
  uint32_t major;
  uint32_t minor;
  uint64_t file_size;
  uint64_t abi_hash;        /* moert_abi_hash() of the writer */
  uint32_t section_count;
  uint32_t reserved;
  uint64_t header_checksum; /* XXH3-64 of the first page, this field as 0 */
  moert_container_section_t sections[MOERT_CONTAINER_MAX_SECTIONS];
} moert_container_header_t;

#ifdef __cplusplus
static_assert(sizeof(moert_container_section_t) == 32, "container layout");
static_assert(sizeof(moert_container_header_t) ==
                  48 + 32 * MOERT_CONTAINER_MAX_SECTIONS,
              "container layout");
#endif
#endif /* MOERT_ABI_CONTAINER_H */
