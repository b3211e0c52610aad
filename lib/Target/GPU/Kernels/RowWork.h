//===- RowWork.h - what kernels that treat rows share -----------*- C++ -*-===//
//
// A row is the work of one block, of one warp, or of as many threads as it has
// packs of four numbers. Sums over a row have the order of the CPU backend:
// feature k is added in lane k mod 16, ascending, then the lanes as
// ThreadBuilder::sumSixteen says.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_ROWWORK_H
#define MOE_LIB_TARGET_GPU_KERNELS_ROWWORK_H

#include "Kernels.h"

namespace moe::cuda {

/// Floats of a row that a block may keep in shared memory: 96 KiB, which every
/// device that code is made for has.
inline constexpr int64_t kRowCapacity = 24576;

/// Numbers that one access of a row of so many takes at once: 4, 2 or 1.
int64_t getPack(int64_t columns);
/// Threads of a block that treats a row of so many packs.
int64_t getRowThreads(int64_t packs, int64_t most = 256);
/// Type of a pack of `element`.
mlir::Type packOf(ThreadBuilder &t, mlir::Type element, int64_t pack);
/// Elements of the buffer that a kernel's argument stands for.
mlir::Type elementOf(mlir::Value buffer);
/// A piece of a kernel's name: a number that changes the code.
std::string nameOfNumber(double value);

/// The number of the first element of a row: i64.
mlir::Value rowStart(ThreadBuilder &t, mlir::Value row, int64_t columns);
/// The scalars of a pack, and back.
llvm::SmallVector<mlir::Value> unpacked(ThreadBuilder &t, mlir::Value pack);
mlir::Value packed(ThreadBuilder &t, mlir::ValueRange scalars);
mlir::Value splat(ThreadBuilder &t, mlir::Value scalar, int64_t pack);

/// Threads of the block take numbers 0 to count - 1 in turn.
void forEach(ThreadBuilder &t, int64_t count,
             llvm::function_ref<void(mlir::Value)> body);
/// The same for the first columns of packs.
void forPacks(ThreadBuilder &t, int64_t columns, int64_t pack,
              llvm::function_ref<void(mlir::Value column)> body);
/// The same where all threads must come along: `body` gets a column that is
/// there, though maybe for the second time, and whether it is not (i1; null: it
/// never is).
llvm::SmallVector<mlir::Value>
foldPacks(ThreadBuilder &t, int64_t columns, int64_t pack,
          mlir::ValueRange inits,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(
              mlir::Value column, mlir::Value isFirst, mlir::ValueRange)>
              body);
/// Runs `body` where `condition` holds; null: everywhere.
void whenSet(ThreadBuilder &t, mlir::Value condition,
             llvm::function_ref<void()> body);

/// Numbers of a row, wherever they lie: f32.
struct RowSource {
  mlir::Value pointer;
  mlir::Value first; ///< i64; null: 0
  mlir::Value load(ThreadBuilder &t, mlir::Value column, int64_t pack) const;
};

/// The sum over `columns` features by 16 lanes: each half of a warp does it for
/// itself, and all lanes of a warp must come here. `terms` reads a column that
/// is there; what the last lanes lack is zeros. `next` adds the terms to a sum.
mlir::Value sumInOrder(
    ThreadBuilder &t, int64_t columns,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value)> terms,
    llvm::function_ref<mlir::Value(mlir::Value, mlir::ValueRange)> next);
/// The same of plain sums.
mlir::Value sumInOrder(ThreadBuilder &t, int64_t columns,
                       llvm::function_ref<mlir::Value(mlir::Value)> term);
/// The sum of f32 in shared memory one after the other, in each thread.
mlir::Value sumAscending(ThreadBuilder &t, mlir::Value shared, int64_t count);

/// A pack of the sum of a row's parts, in the order of experts: buffers of a
/// kernel, rows of `columns` features.
mlir::Value combine(ThreadBuilder &t, const Combination &parts, int64_t chosen,
                    mlir::Value row, mlir::Value column, int64_t columns,
                    int64_t pack);

/// The largest i32 (or f32, without NaN) of all threads of the block, in each
/// of them. `slots` is shared memory of a number for each warp, used once.
/// Barrier.
mlir::Value maxOfBlock(ThreadBuilder &t, mlir::Value value, mlir::Value slots);
/// The same of sums of i32.
mlir::Value sumOfBlock(ThreadBuilder &t, mlir::Value value, mlir::Value slots);
/// Integers in the order of the numbers; both zeros are one. What is not a
/// number is below all, or, if it `isFirst` (i1), above: as comparisons one
/// after the other from the first number on find it. `unordered` undoes it.
mlir::Value ordered(ThreadBuilder &t, mlir::Value number, mlir::Value isFirst);
mlir::Value unordered(ThreadBuilder &t, mlir::Value order);

/// What a thread of a launch of one pack for each thread does.
using PackBody =
    llvm::function_ref<void(ThreadBuilder &, mlir::ValueRange arguments,
                            mlir::Value row, mlir::Value column, int64_t pack)>;
/// Launches a thread for each pack of each row of `like`.
void launchPacks(Launcher &l, std::string name, mlir::Value like,
                 mlir::ArrayRef<mlir::Value> arguments, PackBody body);
/// Launches a thread for each row of `like`.
void launchRows(
    Launcher &l, std::string name, mlir::Value like,
    mlir::ArrayRef<mlir::Value> arguments,
    llvm::function_ref<void(ThreadBuilder &, mlir::ValueRange, mlir::Value row)>
        body);
/// Launches a warp for each row of `like`, four of them in a block.
inline constexpr int64_t kWarpRows = 4;
void launchWarps(
    Launcher &l, std::string name, mlir::Value like,
    mlir::ArrayRef<mlir::Value> arguments,
    llvm::function_ref<void(ThreadBuilder &, mlir::ValueRange, mlir::Value row)>
        body);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_ROWWORK_H
