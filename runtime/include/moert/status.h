/*===- status.h - how the runtime says that something failed ---------------===*
 *
 * A status is NULL on success; else an object that the receiver owns. Every
 * function that can fail returns one, and out-parameters (out_x) are written
 * only on success.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_STATUS_H
#define MOERT_STATUS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MOERT_API __attribute__((visibility("default")))
#define MOERT_MUST_USE __attribute__((warn_unused_result))
#else
#define MOERT_API
#define MOERT_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Codes are frozen: never renumber. */
typedef enum moert_status_code_e {
  MOERT_OK = 0,
  MOERT_INVALID_ARGUMENT = 1,   /* the caller asked for something impossible */
  MOERT_NOT_FOUND = 2,          /* no such file, symbol or section */
  MOERT_DATA_LOSS = 3,          /* a file is damaged or not what it says */
  MOERT_INCOMPATIBLE = 4,       /* a newer format, another ABI or another CPU */
  MOERT_UNAVAILABLE = 5,        /* the device is not on this machine */
  MOERT_UNIMPLEMENTED = 6,      /* this driver or module cannot do that */
  MOERT_RESOURCE_EXHAUSTED = 7, /* out of memory or of room */
  MOERT_OUT_OF_RANGE = 8,       /* a number beyond its limit */
  MOERT_IO_ERROR = 9,           /* the operating system said no */
  MOERT_INTERNAL = 10           /* a defect of the runtime */
} moert_status_code_t;

typedef struct moert_status_storage_t *moert_status_t;

/* The code of a status; MOERT_OK for NULL. */
MOERT_API moert_status_code_t moert_status_code(moert_status_t status);
/* One line, lower case, no period; "ok" for NULL. Lives as long as the status. */
MOERT_API const char *moert_status_message(moert_status_t status);
/* Frees a status; NULL is fine. */
MOERT_API void moert_status_free(moert_status_t status);
/* Frees text and arrays that a function of this API handed out. */
MOERT_API void moert_free(void *memory);

#ifdef __cplusplus
}
#endif
#endif /* MOERT_STATUS_H */
