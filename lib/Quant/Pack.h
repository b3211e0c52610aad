//===- Pack.h - codes of rows as the bytes of tiles -------------*- C++ -*-===//
#ifndef MOE_LIB_QUANT_PACK_H
#define MOE_LIB_QUANT_PACK_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"

namespace moe {

/// Weights that have one code together: 2 for pairs, else 1.
inline int64_t getCodeWeights(CodeAttr code) {
  return code.getLayout() == CodeLayout::Pairs ? 2 : 1;
}

/// Writes a row's codes, one for each weight or pair, into its tile's bytes,
/// which start as zeros and hold whole steps.
void packRow(CodeAttr code, int64_t row, llvm::ArrayRef<uint8_t> codes,
             llvm::MutableArrayRef<char> tile);

/// Reads them back.
void unpackRow(CodeAttr code, int64_t row, llvm::ArrayRef<char> tile,
               llvm::MutableArrayRef<uint8_t> codes);

} // namespace moe

#endif // MOE_LIB_QUANT_PACK_H
