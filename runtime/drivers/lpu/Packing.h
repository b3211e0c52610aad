//===- Packing.h - stored weights as the machine unpacks them ---*- C++ -*-===//
//
// Buffers of a program that hold codes, not numbers: fields Packed and History
// for LWX (Simulator/Expander.h has the bits), and Nibbles for the VXM. Rows
// are outputs and come in groups; columns are lanes. -1 is a row or column of
// nothing.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_PACKING_H
#define MOERT_DRIVERS_LPU_PACKING_H

#include "base/Status.h"
#include "code/Code.h"
#include "lpu_generated.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace moert::lpu {

/// One matrix and where its bytes are; `name` is for messages.
struct StoredMatrix {
  const Code &code;
  uint64_t rows = 0, columns = 0;
  const std::byte *bytes = nullptr; ///< code.matrixBytes(rows, columns) of them
  std::string name;
};

/// Rows that share vectors, and vectors that a group of them has.
inline constexpr uint64_t packedRows = 16, packedVectors = 7,
                          historyVectors = 3, nibbleRows = 8;

/// Vectors that a load of so many rows fills.
inline uint64_t vectorsOfLoad(Field field, uint64_t rows) {
  switch (field) {
  case Field::Packed:
    return rows / packedRows * packedVectors;
  case Field::History:
    return rows / packedRows * historyVectors;
  case Field::Nibbles:
    return rows / nibbleRows;
  default:
    return rows;
  }
}

/// Codes of a trellis: for each 16 rows 7 vectors of columns.size() bytes.
/// Columns are c, c + 1, ... with c a multiple of 4, then only -1; those lanes
/// and lanes of columns that the matrix lacks have weights that mean nothing,
/// so their activations must be 0. If c is not 0, eight lanes are wrong without
/// a history.
Status packTrellis(const StoredMatrix &matrix, std::span<const int32_t> rows,
                   std::span<const int32_t> columns, std::span<std::byte> out);

/// What the trellis needs of the columns before c: for each 16 rows 3 vectors,
/// of which superlane 0 counts.
Status packHistory(const StoredMatrix &matrix, std::span<const int32_t> rows,
                   std::span<const int32_t> columns, std::span<std::byte> out);

/// Codes of 4 and 3 bits, a nibble each: for each 8 rows one vector of type
/// i8x4, whose byte i has row i in its lower and row 4 + i in its upper half. A
/// level is 8 * nibble, and 4 more in odd columns; a nibble of nothing is 0.
Status packNibbles(const StoredMatrix &matrix, std::span<const int32_t> rows,
                   std::span<const int32_t> columns, std::span<std::byte> out);

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_PACKING_H
