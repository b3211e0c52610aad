//===- Verify.h - checks that several operations share ----------*- C++ -*-===//
#ifndef MOE_DIALECT_MOE_IR_VERIFY_H
#define MOE_DIALECT_MOE_IR_VERIFY_H

#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe {

/// A dimension that may be any number.
constexpr int64_t anySize = mlir::ShapedType::kDynamic;

/// A symbol that an operation names, and the part that it plays there.
struct SymbolUse {
  llvm::StringRef role;
  mlir::FlatSymbolRefAttr symbol;
};

/// The declaration that `use` names; fails when there is none or when it is of
/// another kind.
template <typename DeclarationT>
mlir::FailureOr<DeclarationT> lookUp(mlir::Operation *op,
                                     mlir::SymbolTableCollection &symbols,
                                     SymbolUse use);

/// The shape of the weight that `use` names; fails unless it is `shape`, in
/// which anySize stands for any number.
mlir::FailureOr<llvm::ArrayRef<int64_t>>
verifyWeight(mlir::Operation *op, mlir::SymbolTableCollection &symbols,
             SymbolUse use, llvm::ArrayRef<int64_t> shape);

/// Fails unless the weight is stored as a code if and only if the input that
/// meets its columns is quantised, and both are rotated alike.
mlir::LogicalResult verifyStored(mlir::Operation *op,
                                 mlir::SymbolTableCollection &symbols,
                                 SymbolUse use, mlir::RankedTensorType input);

/// Fails when the weight is stored as a code.
mlir::LogicalResult verifyPlain(mlir::Operation *op,
                                mlir::SymbolTableCollection &symbols,
                                SymbolUse use);

/// A tensor operand or result with its name.
struct Rows {
  llvm::StringRef name;
  mlir::RankedTensorType type;
};

/// Fails when two of `operands` have different static numbers of rows.
mlir::LogicalResult verifySameRows(mlir::Operation *op,
                                   llvm::ArrayRef<Rows> operands);

/// Fails unless `parts` is positive and divides the features of a row.
mlir::LogicalResult verifyParts(mlir::Operation *op, llvm::StringRef name,
                                int64_t parts, mlir::RankedTensorType rows);

/// Fails when `value` is infinite or not a number.
mlir::LogicalResult verifyFinite(mlir::Operation *op, llvm::StringRef name,
                                 const llvm::APFloat &value);

/// Whether features, columns or rows may be rotated in blocks of that size.
constexpr int64_t largestRotation = 65536;
inline bool isRotationBlock(uint64_t size) {
  return size >= 2 && size <= largestRotation && llvm::isPowerOf2_64(size);
}

/// Features of a row: the second dimension, which is always static.
inline int64_t getFeatures(mlir::RankedTensorType rows) {
  return rows.getDimSize(1);
}

} // namespace moe

#endif // MOE_DIALECT_MOE_IR_VERIFY_H
