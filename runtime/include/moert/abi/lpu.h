/*===- lpu.h - the instructions of the LPU, and when they act ---------------===*
 *
 * The treaty between who schedules (lib/Target/LPU) and who executes
 * (runtime/drivers/lpu). It says what an instruction means and when, and nothing
 * else: the two share this header, the schema lpu.fbs and the machine files.
 * docs/LPU.md says where each fact of the machine comes from.
 *
 * PLACES. x = 0 is the VXM. East of it, a hemisphere has memory slices 0 .. 43 in
 * groups that share a column, slice i at x = position.mem + i / mem.group, then the
 * SXM at position.sxm and the MXM and the links at position.mxm. West is the mirror:
 * x < 0. A stream flows one column a cycle, east (E) or west (W), and ends at the VXM
 * or at the chip's edge. Each direction has 32 streams of one byte a lane.
 *
 * TIME is skewed: superlane i does everything i cycles after superlane 0, and no
 * count below says so. "Dispatched at t" is the cycle that a queue issues in.
 *   READ      row leaves slice x on its stream, there from cycle t + read on
 *   WRITE     takes what is at x at t; can be read from t + write on
 *   GATHER    takes the map at x at t; data there from t + gather on
 *   SCATTER   takes map and data at x at t; can be read from t + gather on
 *   ALU       takes streams that were at x = 0 at t - vxm_entry, results of ALUs that
 *             were dispatched at t - alu; its own is taken by an ALU at t + alu, or
 *             is on its stream at x = 1 (E) or x = -1 (W) at t + alu
 *   SXM       takes streams at x = position.sxm at t; result there at t + latency
 *   LW        takes 16 streams at t, t + 1, ... t + n - 1: 16 columns of weights each
 *   IW        buffer to array: dispatched at t, activations from t + install on see it
 *   ABC       takes an activation at t, t + 1, ... t + n - 1
 *   ACC       dispatched with the ABC whose results it takes: result of the activation
 *             of cycle t on its stream, flowing to the VXM, at t + mxm_result
 *   SEND      takes the stream at position.mxm at t; RECV at t + c2c.hop_cycles on the
 *             other chip puts it on its stream at t + c2c.hop_cycles + 1
 * The words in these lines are keys of the machine file, section latency, where no
 * other section is named. A memory slice issues a reading (READ, GATHER) and a writing
 * instruction (WRITE, SCATTER) in one cycle, in different banks: two tracks.
 *===----------------------------------------------------------------------===*/
#ifndef MOERT_ABI_LPU_H
#define MOERT_ABI_LPU_H

#include <assert.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOERT_LPU_VERSION 1

/* Who issues. A track is one sequence of instructions: kind, hemisphere (0 west,
 * 1 east; 0 for the VXM), index. */
typedef enum {
  MOERT_LPU_MEM_READ = 0,  /* index: slice; READ, GATHER */
  MOERT_LPU_MEM_WRITE = 1, /* index: slice; WRITE, SCATTER */
  MOERT_LPU_VXM = 2,       /* index: ALU */
  MOERT_LPU_MXM_LOAD = 3,  /* index: plane of the hemisphere; LW, LWX, IW, CLEAR */
  MOERT_LPU_MXM_FEED = 4,  /* ABC */
  MOERT_LPU_MXM_DRAIN = 5, /* ACC */
  MOERT_LPU_SXM_SHIFT = 6, /* index: unit, as for all of the SXM */
  MOERT_LPU_SXM_PERMUTE = 7,
  MOERT_LPU_SXM_DISTRIBUTE = 8,
  MOERT_LPU_SXM_TRANSPOSE = 9,
  MOERT_LPU_SXM_SELECT = 10,
  MOERT_LPU_C2C = 11,      /* index: link; SEND, RECV, DESKEW */
  MOERT_LPU_ICU = 12,      /* SYNC, NOTIFY, CONFIG */
  MOERT_LPU_TRACK_KINDS = 13
} moert_lpu_track_kind_t;

/* Types of a vector: a byte plane (stream) for each byte. */
typedef enum {
  MOERT_LPU_I8 = 0,
  MOERT_LPU_I16 = 1,
  MOERT_LPU_I32 = 2,
  MOERT_LPU_F16 = 3,
  MOERT_LPU_F32 = 4,
  MOERT_LPU_I8X4 = 5, /* four bytes of which each is a number of its own */
  MOERT_LPU_TYPES = 6
} moert_lpu_type_t;

typedef enum {
  /* ICU, on every track. NOP and REPEAT take the time, not the unit. */
  MOERT_LPU_NOP = 0,    /* imm: cycles, 1 to 65535 */
  MOERT_LPU_REPEAT = 1, /* the instruction before, imm (bits 0-15: times, 1 to 65535;
                           bits 16-31: every so many cycles, 1 to 65535;
                           bits 32-47: added to its row each time, modulo 2^16),
                           once more for each time: first `every` cycles after it.
                           Behind the last of them the track goes on. Not of REPEAT,
                           nor of instructions of the ICU */
  MOERT_LPU_IFETCH = 2, /* src0: two vectors of text, at t and t + 1: from t + 2 on the
                           track has 40 words more (schema: Track.resident) */
  MOERT_LPU_SYNC = 3,   /* waits: `icu.barrier` cycles after NOTIFY all go on */
  MOERT_LPU_NOTIFY = 4,
  MOERT_LPU_CONFIG = 5, /* imm: superlanes that are powered, from 0 on */
  /* MEM. row: 0 .. banks * rows - 1, bank = row / rows. src: data, map: addresses:
   * a vector of one byte plane whose bytes 0 and 1 of each superlane are a row,
   * little endian, to which `row` is added. Each superlane has its own. */
  MOERT_LPU_READ = 8,     /* row -> dst */
  MOERT_LPU_WRITE = 9,    /* src0 -> row */
  MOERT_LPU_GATHER = 10,  /* map + row -> dst */
  MOERT_LPU_SCATTER = 11, /* src0 -> map + row */
  /* VXM: type of src0 and src1 is `type`, of the result `result`. */
  MOERT_LPU_PASS = 16,
  MOERT_LPU_NEG = 17,
  MOERT_LPU_ADD = 18, /* integers wrap (mod); with the flag they saturate (sat) */
  MOERT_LPU_SUB = 19, /* src0 - src1 */
  MOERT_LPU_MUL = 20,
  MOERT_LPU_MIN = 21, /* large from here, see machine: min, max */
  MOERT_LPU_MAX = 22,
  MOERT_LPU_AND = 23, /* bits, of any type; AND to SHR, CMP, MASK: small */
  MOERT_LPU_OR = 24,
  MOERT_LPU_XOR = 25,
  MOERT_LPU_SHL = 26, /* by the lanes of src1, modulo the width */
  MOERT_LPU_SHR = 27, /* zeros come in */
  MOERT_LPU_GT = 28,  /* all bits of the lane if true, else 0: i32, or i8x4 */
  MOERT_LPU_GE = 29,
  MOERT_LPU_EQ = 30,
  MOERT_LPU_MASK = 31,  /* src0 & src1 */
  MOERT_LPU_MASKN = 32, /* src0 & ~src1 */
  MOERT_LPU_CVT = 33,   /* large; `type` to `result`: nearest, ties to even; saturates;
                           not a number becomes 0 in an integer */
  MOERT_LPU_RELU = 34,
  MOERT_LPU_EXP2 = 35,  /* large; f32: the f32 nearest to the exact value, as far as */
  MOERT_LPU_RSQRT = 36, /* large;  double arithmetic tells; rsqrt(0) = inf */
  MOERT_LPU_TANH = 37,  /* large */
  MOERT_LPU_LATCH = 38, /* keeps src0 in the ALU until the next LATCH; no result */
  /* MXM. */
  MOERT_LPU_LW = 48,    /* src0: first of 16 streams, 0 or 16, outward; imm: n (1 to
                           20) cycles; row: first group of 16 columns. Groups that
                           nothing was loaded into since the last IW are 0 */
  MOERT_LPU_LWX = 49,   /* ours: the same from packed codes; imm bits 0-7: n,
                           8-15: streams, 16-23: moert_lpu_format_t. TRELLIS takes 7,
                           or 10 with the bits before the first lane */
  MOERT_LPU_IW = 50,    /* type: I8; F16 takes the buffers of both planes: the even
                           plane's holds low bytes, the odd one's high bytes */
  MOERT_LPU_CLEAR = 51, /* array and buffer become 0 */
  MOERT_LPU_ABC = 52,   /* src0, type I8 or F16 (on the even plane), imm: n */
  MOERT_LPU_ACC = 53,   /* dst, type (of the activation), imm: n, with the flag adds to
                           what the accumulator holds. Result i goes through
                           accumulator i (machine: mxm.accumulators) */
  /* SXM. type gives the width: a unit moves all byte planes of a vector at once. */
  MOERT_LPU_SHIFT = 64,      /* imm (signed): superlanes northward; zeros come in */
  MOERT_LPU_PERMUTE = 65,    /* lane l of the result is lane map[l]; map: I16 */
  MOERT_LPU_DISTRIBUTE = 66, /* in each superlane; imm nibble l: lane that l takes */
  MOERT_LPU_ROTATE = 67,     /* in each superlane by imm lanes */
  MOERT_LPU_TRANSPOSE = 68,  /* src0 .. src0+15 -> dst .. dst+15, in each superlane:
                                lane s of stream l is lane l of stream s */
  MOERT_LPU_SELECT = 69,     /* imm bit l: lane l of each superlane from src1 */
  /* C2C. */
  MOERT_LPU_SEND = 80,   /* src0: one byte plane */
  MOERT_LPU_RECV = 81,   /* dst */
  MOERT_LPU_DESKEW = 82
} moert_lpu_opcode_t;

/* How LWX reads what it expands. */
typedef enum {
  MOERT_LPU_FORMAT_NONE = 0,
  MOERT_LPU_FORMAT_TRELLIS = 1 /* q35: see docs/LPU.md */
} moert_lpu_format_t;

/* A place that data comes from or goes to, in one byte: 0xff none;
 * bits 0-4 first stream, bit 5 set: flows west; or bit 6 set: bits 0-3 an ALU;
 * or 0x80: the ALU's latch. The first stream of a vector of n bytes is a multiple
 * of n. */
#define MOERT_LPU_NOWHERE 0xffu
#define MOERT_LPU_WESTWARD 0x20u
#define MOERT_LPU_FROM_ALU 0x40u
#define MOERT_LPU_FROM_LATCH 0x80u

/* 16 bytes, little endian. */
typedef struct {
  uint8_t opcode;  /* moert_lpu_opcode_t; bit 7 is the flag of ADD, SUB, MUL, ACC */
  uint8_t types;   /* moert_lpu_type_t: bits 0-3 of sources, 4-7 of the result */
  uint8_t src0, src1, map, dst;
  uint16_t row;
  uint64_t imm;
} moert_lpu_instruction_t;

#define MOERT_LPU_FLAG 0x80u

/* IDENTITY. Every value has a number that says what it was computed from, not where
 * or when; the compiler works it out from the dataflow, the simulator from what
 * really flows, and both must agree at every instruction (its claim). With
 * mix as below and fold(a, b, ...) = mix(... mix(mix(0, a), b) ...):
 *   vector i of a buffer b that is there when a segment begins  fold(1, b, i)
 *   a dynamic buffer b, slice group g, as a whole       fold(2, b, g)
 *   what READ takes of a dynamic buffer                 fold(3, identity of the group,
 *                                                            row - first row of the buffer)
 *   what GATHER takes                                   fold(4, identity of the group, of the
 *                                                            map, row - first row)
 *   a group of a dynamic buffer after SCATTER or WRITE  fold(5, identity before, of the map (0),
 *                                                            of the data, row - first row)
 *   result of an ALU or of the SXM                      fold(6, opcode with flag, types, imm,
 *                                                            imm >> 32, src0, src1, map)
 *                                                       (each source's identity; 0 if none;
 *                                                       TRANSPOSE: fold over its 16 sources
 *                                                       as src0, result stream i as src1)
 *   weights in a buffer after LW                        fold(7, opcode, imm, row, what the
 *                                                            buffer held if it held something,
 *                                                            then of each cycle the 16 streams,
 *                                                            in order)
 *                                                       (LWX: as many streams as it takes)
 *   weights in an array after IW                        the buffer's; F16: fold(8, low, high)
 *   after CLEAR                                         fold(9)
 *   result of ABC                                       fold(10, array, activation, type)
 *   the same, added to an accumulator                   fold(11, what it held, the result)
 *   byte plane k > 0 of a value, taken alone by LW,     mix(the value's, k)
 *   LWX, or WRITE to a buffer of one-byte vectors
 * WRITE, READ of a buffer that is not dynamic, SEND and RECV pass an identity on. A
 * buffer is dynamic if any GATHER or SCATTER of the program touches it. The claim of an
 * instruction is fold over its sources in the order src0, src1, map (LW: what the buffer
 * holds at the end; LATCH: src0; ABC: the activations in order; ACC: the results in order;
 * READ: what it takes; GATHER: what it takes; SCATTER and WRITE: data, then map (if any),
 * then where: the number of the buffer and of its vector that `row` is of; IW: the
 * array's; NOP, SYNC, NOTIFY, CONFIG, CLEAR, DESKEW: 0). The claim of a REPEAT is the
 * fold of the claims of its repetitions. A segment's `outputs` is the fold over buffers of
 * kinds Output and State (and Temporary, in a program of several segments), in order, of the
 * identity of each vector (of a dynamic buffer: of
 * each slice group), once for each of its byte planes, when the segment has ended. */
static inline uint32_t moert_lpu_mix(uint32_t a, uint32_t b) {
  uint32_t h = (a ^ (b + 0x9e3779b9u + (a << 6) + (a >> 2))) * 0x85ebca6bu;
  h ^= h >> 15;
  h *= 0xc2b2ae35u;
  return h ^ (h >> 13);
}

#ifdef __cplusplus
static_assert(sizeof(moert_lpu_instruction_t) == 16, "the format of a word");
}
#endif
#endif /* MOERT_ABI_LPU_H */
