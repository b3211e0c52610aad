//===- QuantScheme.h - how weights become fewer bits ------------*- C++ -*-===//
#ifndef MOE_QUANT_QUANTSCHEME_H
#define MOE_QUANT_QUANTSCHEME_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace moe {

/// An encoding of weight matrices, row by row. A member is a folder in
/// lib/Quant. `none`, which keeps the checkpoint's element type, is the
/// template.
class QuantScheme {
public:
  virtual ~QuantScheme() = default;
  virtual llvm::StringRef getName() const = 0;
  /// Bits that one weight of this matrix takes, everything counted.
  virtual double getBitsPerWeight(mlir::RankedTensorType type) const = 0;
  /// Bound of |w - decode(encode(w))| / max|row| that encode guarantees.
  virtual double getErrorBound(mlir::RankedTensorType type) const = 0;
  /// Bytes of one row of type.getDimSize(1) weights.
  virtual uint64_t getRowBytes(mlir::RankedTensorType type) const = 0;
  virtual llvm::Error encodeRow(mlir::RankedTensorType type,
                                llvm::ArrayRef<float> row,
                                llvm::MutableArrayRef<char> out) const = 0;
  virtual llvm::Error decodeRow(mlir::RankedTensorType type,
                                llvm::ArrayRef<char> bytes,
                                llvm::MutableArrayRef<float> out) const = 0;
};

} // namespace moe

#endif // MOE_QUANT_QUANTSCHEME_H
