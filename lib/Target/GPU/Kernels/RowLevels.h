//===- RowLevels.h - rotation and levels of a row, by one block -*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_ROWLEVELS_H
#define MOE_LIB_TARGET_GPU_KERNELS_ROWLEVELS_H

#include "RowWork.h"

namespace moe::cuda {

/// Gives a pack of columns of a row. May write, too: each thread is asked for
/// what it is asked for, maybe more than once.
using PackSource =
    llvm::function_ref<mlir::Value(mlir::Value column, int64_t pack)>;

/// Blocks of a row times the Hadamard matrix and the signs of moe.quantize.
class Rotation {
public:
  /// A block of 0 is none.
  Rotation(Launcher &l, ThreadBuilder &t, int64_t block);

  bool isThere() const { return block != 0; }
  /// Brings the signs to shared memory, for whoever must wait before they are
  /// needed. A barrier must follow. Returns how many floats they take.
  int64_t prefetchSigns();
  /// A pack times the signs of its columns.
  mlir::Value withSigns(mlir::Value x, mlir::Value column, int64_t pack);
  /// row = H source / sqrt(block) for `columns` columns; `row` is shared
  /// memory, in which the source of a pack may lie at the same place. All
  /// threads of the block must come here, and meet before they read each
  /// other's columns.
  void transform(mlir::Value row, int64_t columns, PackSource source);

private:
  /// A pack may hold more than one block.
  int64_t signCount() const { return std::max<int64_t>(block, 4); }
  void withinWarp(llvm::MutableArrayRef<mlir::Value> x);
  void acrossWarps(mlir::Value row, int64_t columns, int64_t distance,
                   int64_t radix, bool isLast);
  mlir::Value scaled(mlir::Value x);

  ThreadBuilder &t;
  int64_t block;
  mlir::Value signs;
  bool areNear = false;
};

/// Floats of shared memory that `emitLevels` asks for.
int64_t getLevelFloats(int64_t features);
/// Threads of its block.
int64_t getLevelThreads(int64_t features);

/// Rotates and quantises one row: all threads of a block. `to` are the kernel's
/// addresses, `row` is the number of the row there (i32), `scratch` shared
/// memory, in which the source of a pack may lie at its column if the whole row
/// fits.
void emitLevels(ThreadBuilder &t, Rotation &rotation, int64_t features,
                const QuantizedRows &to, mlir::Value row, mlir::Value scratch,
                PackSource source);
/// Whether a whole row fits.
bool fitsLevels(int64_t features);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_ROWLEVELS_H
