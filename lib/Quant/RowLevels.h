//===- RowLevels.h - codes of a row become levels, in order -----*- C++ -*-===//
#ifndef MOE_LIB_QUANT_ROWLEVELS_H
#define MOE_LIB_QUANT_ROWLEVELS_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"

namespace moe {

/// Decodes codes from left to right, some at a time: a trellis remembers.
class RowLevels {
public:
  explicit RowLevels(CodeAttr code);
  /// A new row starts.
  void begin();
  /// Levels of the weights of the next codes, which start at an even column;
  /// `levels` may be one short of whole pairs.
  void decode(llvm::ArrayRef<uint8_t> codes,
              llvm::MutableArrayRef<uint8_t> levels);

private:
  void decodePairs(llvm::ArrayRef<uint8_t> codes,
                   llvm::MutableArrayRef<uint8_t> levels);

  CodeAttr code;
  uint16_t states[2] = {0, 0}; ///< of the two lanes of a row
  int64_t lane = 0;
  uint8_t first[256], second[256]; ///< levels by code
};

} // namespace moe

#endif // MOE_LIB_QUANT_ROWLEVELS_H
