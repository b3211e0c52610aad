/*===- gpu.h - the treaty between code for GPUs and the runtime -------------===*
 *
 * Code for a GPU is a shared object for the host, as moert/abi/module.h says, that
 * holds two things: forward itself, which runs on the host and only says which
 * kernels run on what, and the kernels, as PTX, as a cubin where the compiler had an
 * assembler, and as host code for an emulator. The second is one table, exported as
 * MOERT_GPU_IMAGE_SYMBOL.
 *
 * Pointers that forward gets in its arguments (tokens, sequences, positions, wanted,
 * elements of parameters, elements of kv, workspace, logits, and whatever it passes to
 * the functions of `offload` and `exits`) are addresses of the device. Three arrays lie on
 * the host: the arguments themselves, `parameters` (its copy on the device is
 * moert_abi_gpu_t.parameters), and the counts of `exits`. `kv` is an array on the device. Forward
 * never looks behind an address of the device. The size of a kernel's blocks is
 * part of the kernel.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_GPU_H
#define MOERT_ABI_GPU_H

#include "moert/abi/module.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOERT_GPU_VERSION 1
#define MOERT_GPU_IMAGE_SYMBOL "moert_gpu_image_v1"

/* What forward finds in moert_abi_env_t.gpu. One thread calls. No call fails: the
 * runtime keeps the first failure and ends forward with it. */
typedef struct moert_abi_gpu_t moert_abi_gpu_t;
struct moert_abi_gpu_t {
  uint32_t size;    /* bytes of this struct as the runtime was built */
  uint32_t version; /* MOERT_GPU_VERSION */
  void *host;       /* the runtime's own */
  /* Runs kernel number `kernel` of the image behind all that was launched before, with
   * blocks_x times blocks_y blocks (none: nothing happens; y up to 65535).
   * `parameters` points to its parameters, one address for each. */
  void (*launch)(const moert_abi_gpu_t *gpu, int64_t kernel, int64_t blocks_x,
                 int64_t blocks_y, void *const *parameters);
  const void *const *parameters; /* on the device: forward's `parameters` */
  int64_t exact;      /* 1: results must have the bits of all other targets */
  int64_t processors; /* multiprocessors of the device */
  int64_t longest;    /* 1 + the greatest position of the batch */
};

/* Where an instruction of a kernel stands, for messages: its number among the
 * instructions of the kernel that the emulator is told of, in the order of the text. */
typedef int32_t moert_emulator_site_t;

/* How the emulator is told of an access. */
typedef enum {
  MOERT_EMULATOR_READ = 1,
  MOERT_EMULATOR_WRITE = 2,
  MOERT_EMULATOR_ATOMIC = 3 /* a read and a write at once */
} moert_emulator_access_t;

typedef enum {
  MOERT_EMULATOR_THREAD = 0, /* in its block; blocks have one dimension */
  MOERT_EMULATOR_THREADS = 1,
  MOERT_EMULATOR_BLOCK_X = 2,
  MOERT_EMULATOR_BLOCK_Y = 3,
  MOERT_EMULATOR_BLOCKS_X = 4,
  MOERT_EMULATOR_BLOCKS_Y = 5
} moert_emulator_special_t;

typedef enum {
  MOERT_EMULATOR_SHUFFLE_INDEX = 0,
  MOERT_EMULATOR_SHUFFLE_UP = 1,
  MOERT_EMULATOR_SHUFFLE_DOWN = 2,
  MOERT_EMULATOR_SHUFFLE_XOR = 3
} moert_emulator_shuffle_t;

/* mma.sync, A row-major, B column-major; fragments as PTX says. Registers of A, B, C
 * (and D): numbers of 32 bits. */
typedef enum {
  MOERT_EMULATOR_MMA_M16N8K16_BF16 = 0, /* 4, 2, 4: f32 += bf16 * bf16 */
  MOERT_EMULATOR_MMA_M16N8K32_S8S8 = 1, /* 4, 2, 4: s32 += s8 * s8 */
  MOERT_EMULATOR_MMA_M16N8K32_S8U8 = 2  /* 4, 2, 4: s32 += s8 * u8 */
} moert_emulator_mma_t;

/* What kernels compiled for the host call instead of instructions of the GPU. Every
 * thread of a block is a fibre of its own; functions that wait switch to another.
 * Nothing returns after a failure: the fibres end. `mask` has a bit for each lane of
 * the warp that takes part. */
typedef struct moert_emulator_t moert_emulator_t;
struct moert_emulator_t {
  uint32_t size; /* bytes of this struct as the runtime was built */
  uint32_t version; /* MOERT_GPU_VERSION */
  void *host;
  uint32_t (*special)(const moert_emulator_t *e, int32_t which);
  /* The block's dynamic shared memory; 128-byte aligned. */
  void *(*shared)(const moert_emulator_t *e);
  /* Before a plain or atomic access, of the global or the shared memory. `kind` has
   * 256 times the alignment that the access counts on added to it where that is less
   * than the greatest power of two, up to 16, that divides `bytes`. */
  void (*access)(const moert_emulator_t *e, const void *address, int64_t bytes,
                 int32_t kind, moert_emulator_site_t site);
  /* bar.sync id, threads; threads 0: all of the block. */
  void (*barrier)(const moert_emulator_t *e, int32_t id, int32_t threads,
                  moert_emulator_site_t site);
  void (*sync_warp)(const moert_emulator_t *e, uint32_t mask, moert_emulator_site_t site);
  /* shfl.sync of 32 bits; `lane` is the index, delta or lane mask, `clamp` as PTX's c. */
  uint32_t (*shuffle)(const moert_emulator_t *e, int32_t mode, uint32_t mask,
                      uint32_t value, uint32_t lane, uint32_t clamp,
                      moert_emulator_site_t site);
  /* vote.sync.ballot; others are made of it. */
  uint32_t (*ballot)(const moert_emulator_t *e, uint32_t mask, int32_t predicate,
                     moert_emulator_site_t site);
  /* All 32 lanes. */
  void (*mma)(const moert_emulator_t *e, int32_t shape, const uint32_t *a,
              const uint32_t *b, const uint32_t *c, uint32_t *d,
              moert_emulator_site_t site);
  /* ldmatrix .b16 of 1, 2 or 4 matrices: `row` is what this lane points to. */
  void (*load_matrix)(const moert_emulator_t *e, int32_t count, int32_t transposed,
                      const void *row, uint32_t *result, moert_emulator_site_t site);
  /* cp.async: of `bytes` (4, 8, 16) the first `from` are copied, the rest is zero. What
   * arrives is there after the thread has waited, and not before. */
  void (*copy_async)(const moert_emulator_t *e, void *shared, const void *global,
                     int32_t bytes, int32_t from, moert_emulator_site_t site);
  void (*commit_copies)(const moert_emulator_t *e);
  /* cp.async.wait_group: until at most `groups` of this thread are on their way. */
  void (*wait_copies)(const moert_emulator_t *e, int32_t groups);
};

/* One thread of the kernel: the emulator calls it once for each, as a fibre. */
typedef void (*moert_emulated_kernel_t)(const moert_emulator_t *e,
                                        void *const *parameters);

typedef struct moert_gpu_kernel_t {
  const char *name;      /* symbol in the PTX and the cubin */
  uint32_t threads;      /* of a block: a multiple of 32, up to 1024 */
  uint32_t shared_bytes; /* dynamic shared memory of a block */
  uint32_t parameter_count;
  uint32_t reserved;
  const uint32_t *parameter_bytes; /* [parameter_count]: 4 or 8 */
  moert_emulated_kernel_t emulated; /* NULL: not compiled for the emulator */
} moert_gpu_kernel_t;

typedef struct moert_gpu_image_t {
  uint32_t size;    /* bytes of this struct as the compiler was built */
  uint32_t version; /* MOERT_GPU_VERSION */
  uint32_t compute_capability; /* 80: what the PTX needs at least; 0: there is none */
  uint32_t ptx_version;        /* 80 for 8.0 */
  const char *ptx;             /* NULL: none; ends with a zero, which ptx_size counts */
  uint64_t ptx_size;
  const void *cubin;           /* NULL: none; for compute_capability exactly */
  uint64_t cubin_size;
  const moert_gpu_kernel_t *kernels; /* [kernel_count] */
  uint64_t kernel_count;
} moert_gpu_image_t;

MOERT_ABI_ASSERT(offsetof(struct moert_abi_gpu_t, launch) == 16);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_gpu_t, parameters) == 24);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_gpu_t, exact) == 32);
MOERT_ABI_ASSERT(offsetof(struct moert_abi_gpu_t, longest) == 48);
MOERT_ABI_ASSERT(sizeof(struct moert_abi_gpu_t) == 56);
MOERT_ABI_ASSERT(offsetof(struct moert_emulator_t, special) == 16);
MOERT_ABI_ASSERT(offsetof(struct moert_emulator_t, wait_copies) == 104);
MOERT_ABI_ASSERT(sizeof(struct moert_emulator_t) == 112);
MOERT_ABI_ASSERT(sizeof(struct moert_gpu_kernel_t) == 40);
MOERT_ABI_ASSERT(sizeof(struct moert_gpu_image_t) == 64);

#ifdef __cplusplus
}
#endif

#endif /* MOERT_ABI_GPU_H */
