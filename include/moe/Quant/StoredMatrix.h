//===- StoredMatrix.h - reads the bytes of a coded matrix -------*- C++ -*-===//
//
// By the description alone: this is what a moe.code means.
//===----------------------------------------------------------------------===//
#ifndef MOE_QUANT_STOREDMATRIX_H
#define MOE_QUANT_STOREDMATRIX_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"

namespace moe {

class StoredMatrix {
public:
  /// `bytes` are code.getMatrixBytes(rows, columns).
  StoredMatrix(CodeAttr code, int64_t rows, int64_t columns,
               llvm::ArrayRef<char> bytes);

  float getScale(int64_t row, int64_t column) const;
  int64_t getZero(int64_t row, int64_t column) const;
  /// level - offset - zero of each weight of a row, in the stored basis.
  void decodeLevels(int64_t row, llvm::MutableArrayRef<int16_t> out) const;
  /// The weights of a row, in the stored basis.
  void decodeRow(int64_t row, llvm::MutableArrayRef<float> out) const;

private:
  CodeAttr code;
  int64_t columns;
  llvm::ArrayRef<char> codes, scales, zeros;
};

/// Levels of the two weights of a pair whose window of 16 bits is `state`: of
/// its top 7 bits alone unless the code is a trellis.
std::pair<int64_t, int64_t> getPairLevels(CodeAttr code, uint16_t state);
/// Level of a field of a code of planes.
int64_t getFieldLevel(CodeAttr code, uint8_t field);

} // namespace moe

#endif // MOE_QUANT_STOREDMATRIX_H
