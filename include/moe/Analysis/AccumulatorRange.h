//===- AccumulatorRange.h - how far integer sums reach ----------*- C++ -*-===//
//
// Products with stored weights are summed in int32. That the sums are exact is
// proved here from the code and the shape alone, for any weights and inputs.
//===----------------------------------------------------------------------===//
#ifndef MOE_ANALYSIS_ACCUMULATORRANGE_H
#define MOE_ANALYSIS_ACCUMULATORRANGE_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace moe {

/// Largest magnitudes in sum_k activation[k] * (level[k] - offset - zero) over
/// the columns of one scale. Sums of some of the terms, in any order, reach no
/// further.
struct AccumulatorRange {
  /// Of an activation. moe.quantize gives [-127, 127]; that the proof takes
  /// every int8 makes it hold for levels from anywhere.
  static constexpr uint64_t activation = 128;
  static constexpr uint64_t limit = INT32_MAX;

  uint64_t columns = 0; ///< terms of a sum; filled-up columns meet zeros
  uint64_t level = 0;   ///< of a level, which is never negative
  uint64_t weight = 0;  ///< of level - offset - zero
  uint64_t zero = 0;    ///< of offset + zero

  /// Of rows with that many columns under that code.
  AccumulatorRange(CodeAttr code, int64_t rowColumns);

  /// Of the sum that moe.linear states.
  uint64_t getSum() const { return multiply(weight); }
  /// Of the sum of activation * level, which dot products of unsigned with
  /// signed bytes form.
  uint64_t getProducts() const { return multiply(level); }
  /// Of (offset + zero) * sum of activations, the difference of the two.
  uint64_t getCorrection() const { return multiply(zero); }
  /// Of all of them.
  uint64_t getReach() const {
    return std::max({getSum(), getProducts(), getCorrection()});
  }
  bool fitsInt32() const { return getReach() <= limit; }
  /// Bits of the narrowest signed integer that holds all of them.
  int64_t getBits() const;
  /// Whether f32(sum) is never rounded; otherwise it is, once, to nearest even.
  bool isExactInFloat() const { return getSum() <= (uint64_t(1) << 24); }
  /// Whether activation * level of two neighbours fits int16: only then may a
  /// kernel add pairs with saturating instructions such as vpmaddubsw.
  bool fitsInt16Pairs() const { return 2 * activation * level <= INT16_MAX; }

private:
  uint64_t multiply(uint64_t factor) const;
};

/// Calls `visit` for every stored weight that an operation of the model
/// multiplies, in the order of the operations.
void visitStoredProducts(
    ModelOp model, llvm::function_ref<void(mlir::Operation *, WeightOp)> visit);

/// Fails, with a diagnostic for each, if sums of a product may leave int32.
/// Kernels rely on it: their sums neither saturate nor wrap.
mlir::LogicalResult verifyAccumulators(ModelOp model);

} // namespace moe

#endif // MOE_ANALYSIS_ACCUMULATORRANGE_H
