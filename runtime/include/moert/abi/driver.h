/*===- driver.h - what a device must offer ----------------------------------===*
 *
 * A driver is one folder, runtime/drivers/<name>/, that defines
 *
 *   const moert_driver_t *moert_driver_<name>(void);
 *
 * Registration is by folder; runtime/cts is the conformance suite that every
 * driver passes. drivers/null is the template.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_DRIVER_H
#define MOERT_ABI_DRIVER_H

#include "moert/abi/module.h"
#include "moert/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOERT_DRIVER_ABI_VERSION 1

typedef struct moert_device_t moert_device_t;         /* the driver's own */
typedef struct moert_executable_t moert_executable_t; /* loaded code, the driver's own */

typedef struct moert_device_options_t {
  uint32_t size;
  int32_t threads; /* at least 1 */
  /* A caller that was built against an older header ends before these. */
  int32_t exact;     /* 1: results must have the bits of all other targets */
  int32_t prefetch;  /* moert_prefetch_t: guesses of experts, to the device */
  /* Most bytes of experts in memory of the device: MOERT_BUDGET_AUTO: what is free,
   * MOERT_BUDGET_ALL: all, or it is a failure. Of devices with memory of their own. */
  int64_t expert_bytes;
  const char *cache_policy; /* which expert leaves; NULL: the module's */
} moert_device_options_t;

/* What a module's code needs, from its metadata. */
typedef struct moert_code_t {
  const void *bytes;
  uint64_t size;
  const char *entry;  /* symbol */
  const char *triple;
  const char *const *features; /* names as LLVM spells them */
  uint64_t feature_count;
  const char *origin; /* file name, for messages */
  /* Section METADATA of the module (schema module.fbs), which has been checked:
   * shapes and codes of the parameters of forward, the model, the KV states. NULL:
   * the code is not a module's. */
  const void *metadata;
  uint64_t metadata_size;
} moert_code_t;

/* How long units of one kind were at work. */
typedef struct moert_unit_use_t {
  const char *name;          /* "mxm install" */
  uint64_t busy_cycles;      /* summed over all of them */
  uint64_t available_cycles; /* the same if they had all worked all the time */
} moert_unit_use_t;

/* What a device that counts its cycles has done since the executable was loaded. */
typedef struct moert_device_use_t {
  uint32_t size;             /* bytes of this struct as the runtime was built */
  uint32_t reserved;
  double clock_hz;
  uint64_t rows;             /* that were run */
  uint64_t cycles;           /* that they took */
  uint64_t predicted_cycles; /* that the compiler said they would take */
  const moert_unit_use_t *units; /* [unit_count]; lives until the next forward */
  uint64_t unit_count;
  /* Of a device with memory of its own; 0 on others. Runtimes that are older end
   * before these fields. */
  uint64_t memory_bytes;     /* that the executable's parameters take there */
  int64_t expert_capacity;   /* experts that fit there, if not all of them do */
  int64_t expert_hits;       /* wanted by a batch in a layer, and there */
  int64_t expert_misses;     /* wanted and not (or not wholly) there */
  int64_t prefetch_useful;   /* guessed, copied, and wanted before they left */
  int64_t prefetch_wasted;   /* guessed, copied, and not */
  uint64_t expert_bytes;     /* copied there, of experts */
} moert_device_use_t;

typedef struct moert_driver_t {
  uint32_t size;        /* sizeof(moert_driver_t) as the driver was built */
  uint32_t abi_version; /* MOERT_DRIVER_ABI_VERSION */
  const char *name;     /* "cpu" */
  /* OK when the device is here, UNAVAILABLE (with the reason) when not; any
   * other status is a failure. One line for people goes to `detail`. */
  moert_status_t (*probe)(char *detail, size_t detail_size);
  moert_status_t (*open)(const moert_device_options_t *options, moert_device_t **out_device);
  void (*close)(moert_device_t *device);
  /* OK when this machine can execute the code; INCOMPATIBLE says what it lacks. */
  moert_status_t (*check)(const moert_code_t *code);
  moert_status_t (*load)(moert_device_t *device, const moert_code_t *code,
                         moert_executable_t **out_executable);
  void (*unload)(moert_device_t *device, moert_executable_t *executable);
  /* Memory that forward can use for KV and workspace: zeroed, 64-byte aligned. It is
   * the host's unless `copy` says otherwise. */
  moert_status_t (*allocate)(moert_device_t *device, uint64_t bytes, void **out_memory);
  void (*release)(moert_device_t *device, void *memory, uint64_t bytes);
  /* Runs one batch and waits for it. All arrays of `args` but the KV states and the
   * workspace lie in memory of the host, parameters too: what lies at an address that
   * a forward named does not change while the executable is loaded. `trace` is
   * called as in the module ABI, or NULL. */
  moert_status_t (*forward)(moert_device_t *device, moert_executable_t *executable,
                            const moert_abi_forward_t *args,
                            void (*trace)(void *host, int64_t op), void *host);
  /* What the executable has done so far. NULL: the device counts nothing. */
  moert_status_t (*use)(moert_device_t *device, const moert_executable_t *executable,
                        moert_device_use_t *out_use);
  /* Rows from which on a longer batch only takes longer; 0: there are none. */
  int64_t enough_rows;
  /* Set if memory of `allocate` is the device's own, which the host cannot touch:
   * copies there (`to_device` 1) or back (0), and waits. */
  moert_status_t (*copy)(moert_device_t *device, void *to, const void *from,
                         uint64_t bytes, int32_t to_device);
} moert_driver_t;

MOERT_ABI_ASSERT(offsetof(moert_driver_t, name) == 8);

/* All drivers of this build, sorted by name; ends with NULL. */
const moert_driver_t *const *moert_drivers(void);

#ifdef __cplusplus
}
#endif
#endif /* MOERT_ABI_DRIVER_H */
