//===- Products.cpp - matrix products of a warp ---------------------------===//
//
// Where the elements of fragments lie is section 9.7.14 of the PTX ISA: lane l
// is number l mod 4 of the group l / 4.
//===----------------------------------------------------------------------===//
#include "Products.h"

#include <cstddef>
#include <cstring>
#include <utility>

using namespace moert::emulator;

static constexpr uint32_t lanesOfWarp = 32, rowsOfD = 16, columnsOfD = 8;

static float bf16ToFloat(uint32_t bits) {
  uint32_t wide = bits << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// The four elements of C and D that a lane has: (row, column) and the one
/// right of it, and both again eight rows below.
template <typename T>
static void readSums(const Fragments *lanes, T (&sums)[rowsOfD][columnsOfD]) {
  for (uint32_t l = 0; l < lanesOfWarp; ++l) {
    uint32_t row = l / 4, column = l % 4 * 2;
    std::memcpy(&sums[row][column], lanes[l].c, 8);
    std::memcpy(&sums[row + 8][column], lanes[l].c + 2, 8);
  }
}

template <typename T>
static void writeSums(const Fragments *lanes,
                      const T (&sums)[rowsOfD][columnsOfD]) {
  for (uint32_t l = 0; l < lanesOfWarp; ++l) {
    uint32_t row = l / 4, column = l % 4 * 2;
    std::memcpy(lanes[l].d, &sums[row][column], 8);
    std::memcpy(lanes[l].d + 2, &sums[row + 8][column], 8);
  }
}

void moert::emulator::multiplyBf16(const Fragments *lanes) {
  constexpr uint32_t depth = 16;
  float a[rowsOfD][depth], b[depth][columnsOfD], sums[rowsOfD][columnsOfD];
  for (uint32_t l = 0; l < lanesOfWarp; ++l) {
    uint32_t group = l / 4, first = l % 4 * 2;
    for (uint32_t i = 0; i < 4; ++i) {
      uint32_t row = group + i % 2 * 8, k = first + i / 2 * 8;
      a[row][k] = bf16ToFloat(lanes[l].a[i] & 0xffff);
      a[row][k + 1] = bf16ToFloat(lanes[l].a[i] >> 16);
    }
    for (uint32_t i = 0; i < 2; ++i) {
      b[first + i * 8][group] = bf16ToFloat(lanes[l].b[i] & 0xffff);
      b[first + i * 8 + 1][group] = bf16ToFloat(lanes[l].b[i] >> 16);
    }
  }
  readSums(lanes, sums);
  for (uint32_t row = 0; row < rowsOfD; ++row)
    for (uint32_t k = 0; k < depth; ++k)
      for (uint32_t column = 0; column < columnsOfD; ++column)
        sums[row][column] += a[row][k] * b[k][column];
  writeSums(lanes, sums);
}

/// Bytes to numbers of 16 bits, whose products two instructions add up.
template <typename Byte, size_t rows, size_t depth>
static void widen(const Byte (&from)[rows][depth], int16_t (&to)[rows][depth]) {
  for (size_t row = 0; row < rows; ++row)
    for (size_t k = 0; k < depth; ++k)
      to[row][k] = from[row][k];
}

template <typename Byte> static void multiplyBytes(const Fragments *lanes) {
  constexpr uint32_t depth = 32;
  int8_t aBytes[rowsOfD][depth];
  Byte bBytes[columnsOfD][depth];
  for (uint32_t l = 0; l < lanesOfWarp; ++l) {
    uint32_t group = l / 4, first = l % 4 * 4;
    for (uint32_t i = 0; i < 4; ++i)
      std::memcpy(&aBytes[group + i % 2 * 8][first + i / 2 * 16],
                  &lanes[l].a[i], 4);
    for (uint32_t i = 0; i < 2; ++i)
      std::memcpy(&bBytes[group][first + i * 16], &lanes[l].b[i], 4);
  }
  int16_t a[rowsOfD][depth], b[columnsOfD][depth];
  widen(aBytes, a);
  widen(bBytes, b);
  uint32_t sums[rowsOfD][columnsOfD];
  readSums(lanes, sums);
  for (uint32_t row = 0; row < rowsOfD; ++row)
    for (uint32_t column = 0; column < columnsOfD; ++column) {
      int32_t sum = 0; // of 32 products below 2^16 each
      for (uint32_t k = 0; k < depth; ++k)
        sum += a[row][k] * b[column][k];
      sums[row][column] += static_cast<uint32_t>(sum);
    }
  writeSums(lanes, sums);
}

void moert::emulator::multiplyInt8(const Fragments *lanes, bool isBSigned) {
  if (isBSigned)
    multiplyBytes<int8_t>(lanes);
  else
    multiplyBytes<uint8_t>(lanes);
}

uint32_t moert::emulator::pickFromRows(const void *const *rows, uint32_t lane,
                                       bool isTransposed) {
  uint16_t pair[2];
  for (uint32_t i = 0; i < 2; ++i) {
    uint32_t row = lane / 4, column = lane % 4 * 2 + i;
    if (isTransposed)
      std::swap(row, column);
    std::memcpy(&pair[i], static_cast<const char *>(rows[row]) + 2 * column, 2);
  }
  return pair[0] | uint32_t(pair[1]) << 16;
}
