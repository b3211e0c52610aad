//===- Products.h - matrix products of a warp -------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_PRODUCTS_H
#define MOERT_DRIVERS_EMULATOR_PRODUCTS_H

#include <cstdint>

namespace moert::emulator {

/// What one lane brings to a product, and where its share of the result goes.
struct Fragments {
  const uint32_t *a, *b, *c;
  uint32_t *d;
  const void *row;
};

// mma.sync of the fragments of 32 lanes.

/// m16n8k16 of bf16, in f32. Products of two bf16 are exact; to each element of
/// C they are added one after the other, by ascending k, each sum rounded to
/// nearest even. (Hardware adds several at once and rounds differently.)
void multiplyBf16(const Fragments *lanes);
/// m16n8k32 of s8 and s8, or u8, in s32, which wraps.
void multiplyInt8(const Fragments *lanes, bool isBSigned);

/// One 8x8 matrix of b16 of ldmatrix: what `lane` gets of the rows.
uint32_t pickFromRows(const void *const *rows, uint32_t lane,
                      bool isTransposed);

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_PRODUCTS_H
