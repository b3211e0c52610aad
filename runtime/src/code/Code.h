//===- Code.h - what the bits of a stored matrix mean -----------*- C++ -*-===//
//
// The description that a module carries for each way in which its weights are
// stored: #moe.code of the compiler, with the same names, limits and bytes.
// Whoever has a description and the bytes has the weights, so a driver needs no
// kernel of its own for a scheme that it has never heard of.
//===----------------------------------------------------------------------===//
#ifndef MOERT_CODE_CODE_H
#define MOERT_CODE_CODE_H

#include "base/Status.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace moert {

enum class CodeLayout {
  Planes, ///< each weight has a field of `bits` bits
  Pairs   ///< two neighbouring weights share a code of 7 bits
};

/// Every weight is scale * (level - offset - zero).
struct Code {
  static constexpr uint64_t tileRows = 16, stepColumns = 64;

  std::string name;
  CodeLayout layout = CodeLayout::Planes;
  int64_t bits = 8;
  int64_t columns = 0; ///< of a scale; 0: a scale has whole rows
  int64_t weights = 1; ///< fewest of a scale that has whole rows
  int64_t offset = 0;
  bool zeros = false;   ///< each scale has a zero
  bool rotated = false; ///< rows were rotated before they were stored
  /// a and b of a trellis, whose states are the last 16 bits of a row's codes;
  /// empty: every code is for itself.
  std::vector<int64_t> window;
  /// Of each code; of pairs, the first weights' and then, if there are twice as
  /// many, the second weights'. Empty: a field is its level.
  std::vector<int64_t> levels;

  /// Bits of a weight's code alone.
  double codeBits() const { return layout == CodeLayout::Pairs ? 3.5 : bits; }
  /// Bytes of the codes of one step of one tile.
  uint64_t stepBytes() const;
  /// Scales along a row of so many columns.
  uint64_t groups(uint64_t columns) const;
  /// Rows that share a scale.
  uint64_t scaleRows(uint64_t columns) const;

  /// A matrix is codes u8 [tile][step][stepBytes], scales f16
  /// [tile][group][16 / scaleRows], zeros u8 [tile][group][16], each filled up
  /// to 64 bytes. These do not overflow below 2^46 weights.
  uint64_t codeBytes(uint64_t rows, uint64_t columns) const;
  uint64_t scaleBytes(uint64_t rows, uint64_t columns) const;
  uint64_t zeroBytes(uint64_t rows, uint64_t columns) const;
  uint64_t matrixBytes(uint64_t rows, uint64_t columns) const {
    return codeBytes(rows, columns) + scaleBytes(rows, columns) +
           zeroBytes(rows, columns);
  }
};

/// Whether a description is one: the constraints code_c1 to code_c7 of the
/// compiler's dialect. `origin` starts the message.
Status checkCode(const Code &code, const std::string &origin);

/// The weights of one row, in the basis in which they are stored: `bytes` are
/// the matrixBytes of a matrix of `rows` times `columns` weights; fills
/// out[0 .. columns).
void decodeRow(const Code &code, uint64_t rows, uint64_t columns,
               const std::byte *bytes, uint64_t row, float *out);

/// What it makes them of: weight c is scales[g] * (levels[c] - zeros[g]) with its
/// group g, c / code.columns (0 if a scale has whole rows). Levels are those less
/// the offset, [columns]; scales and zeros [code.groups(columns)].
void decodeLevels(const Code &code, uint64_t rows, uint64_t columns,
                  const std::byte *bytes, uint64_t row, int16_t *levels);
void decodeScales(const Code &code, uint64_t rows, uint64_t columns,
                  const std::byte *bytes, uint64_t row, float *scales,
                  float *zeros);

} // namespace moert

#endif // MOERT_CODE_CODE_H
