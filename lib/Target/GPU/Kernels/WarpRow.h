//===- WarpRow.h - a short row in the registers of one warp -----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_WARPROW_H
#define MOE_LIB_TARGET_GPU_KERNELS_WARPROW_H

#include "RowWork.h"

namespace moe::cuda {

/// One number for each expert: lane l has those at l, l + 32, ... All lanes of
/// the warp call each function.
class WarpRow {
public:
  /// `row` is the number of a row of `buffer`, f32 with `count` columns.
  WarpRow(ThreadBuilder &t, mlir::Value buffer, mlir::Value row, int64_t count);

  int64_t size() const { return count; }
  mlir::ValueRange values() const { return numbers; }
  /// Runs `body` for this lane's columns, with their number of `values`.
  void forColumns(llvm::function_ref<void(mlir::Value column, size_t i)> body);
  /// The last of `most > x ? most : x` over the columns in order.
  mlir::Value getLargest();
  /// Sum of these numbers in the order of columns; shared memory gets them.
  mlir::Value sumOf(mlir::ValueRange terms, mlir::Value shared);
  /// Stores numbers as a row of a buffer with as many columns.
  void store(mlir::ValueRange numbers, mlir::Value buffer, mlir::Value row);

  /// Takes the largest number `times` times, the first of equal ones, and puts
  /// -infinity in its place, as the CPU backend does: also the same where some
  /// are not numbers. For each time (i32), one lane runs `body` with the number
  /// and its column (i32).
  using TakeBody = llvm::function_ref<void(mlir::Value time, mlir::Value number,
                                           mlir::Value column)>;
  void take(int64_t times, TakeBody body);

private:
  mlir::Value columnOf(size_t i);
  llvm::SmallVector<mlir::Value> getOrders();
  void takeInTurn(int64_t times, mlir::ValueRange orders, mlir::Value taken,
                  TakeBody body);
  void takeByRank(int64_t times, mlir::ValueRange orders, mlir::Value taken,
                  TakeBody body);
  llvm::SmallVector<mlir::Value> getRanks(mlir::ValueRange orders);

  ThreadBuilder &t;
  int64_t count;
  llvm::SmallVector<mlir::Value> numbers;
};

/// Shared memory of each warp of a block: `floats` for each.
mlir::Value sharedOfWarp(ThreadBuilder &t, int64_t floats);
/// Runs `body` for the lane's numbers of 0 to count - 1.
void forLanes(ThreadBuilder &t, int64_t count,
              llvm::function_ref<void(mlir::Value)> body);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_WARPROW_H
