//===- WeightUses.h - which weights may be stored as codes ------*- C++ -*-===//
#ifndef MOE_QUANT_TRANSFORMS_WEIGHTUSES_H
#define MOE_QUANT_TRANSFORMS_WEIGHTUSES_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace moe {

/// Weights that may be stored as codes, by what they do.
enum class WeightClass { Experts, Mlp, Attention, Head };

/// Names of all classes, in order.
llvm::ArrayRef<llvm::StringLiteral> getWeightClasses();

/// An attribute of an operation that names a weight.
struct WeightUse {
  mlir::Operation *op;
  llvm::StringRef attribute; ///< "weight", or "gate", "up" and "down"
  WeightOp weight;
  WeightClass weightClass;
};

/// Every use of a weight that may be stored as a code, in the order of the
/// operations; gate, up and down follow one another. Operations whose input is
/// quantised already are left out, and so are routers.
std::vector<WeightUse> findWeightUses(ModelOp model);

} // namespace moe

#endif // MOE_QUANT_TRANSFORMS_WEIGHTUSES_H
