//===- LinearKernel.h - what the kernels of linear maps share ---*- C++ -*-===//
//
// A launch has several maps of the same rows. Blocks are numbered along x by
// panels of outputs, of one map after the other; along y by tiles of rows, or
// by experts that are ready.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_LINEARKERNEL_H
#define MOE_LIB_TARGET_GPU_KERNELS_LINEARKERNEL_H

#include "Kernels.h"

namespace moe::cuda {

/// What is known of a launch while its kernel is written.
struct LinearShape {
  mlir::Type element;
  mlir::Type bias; ///< null: there is none
  int64_t features = 0;
  mlir::SmallVector<int64_t> outputs; ///< of each map
  mlir::SmallVector<int64_t> offsets; ///< bytes from the expert's address
  int64_t alignment = 16;             ///< of each row of each matrix
  bool ofExperts = false, gathers = false;

  int64_t elementBytes() const { return element.getIntOrFloatBitWidth() / 8; }
  int64_t rowBytes() const { return features * elementBytes(); }
  /// Of each row of the input, up to 16 bytes.
  int64_t inputAlignment() const;
  /// Panels of `size` outputs of all maps.
  int64_t panels(int64_t size) const;
  std::string name() const;
};

/// A launch, on the host.
struct LinearCall {
  LinearShape shape;
  mlir::SmallVector<mlir::Value> arguments;
  mlir::Value rows; ///< of the input, or of the batch
  const Assignments *assignments;

  /// Launches a kernel of which each block takes `panel` outputs and, unless it
  /// is of experts, `rowTile` rows.
  void launch(Launcher &l, std::string name, int64_t panel, int64_t rowTile,
              int64_t threads,
              llvm::function_ref<void(class LinearWork &)> emit) const;
  /// Outputs that are worked on at the same time, about, if there is one row.
  int64_t outputsOfRow() const;
};

/// Which rows and outputs a block works for, in a kernel.
class LinearWork {
public:
  using Value = mlir::Value;

  LinearWork(ThreadBuilder &t, const LinearShape &shape) : t(t), shape(shape) {}

  /// Runs `emit` in the blocks that have work.
  void run(mlir::ValueRange arguments, int64_t panel, int64_t rowTile,
           llvm::function_ref<void(LinearWork &)> emit);
  /// Runs `body` for tiles of `count` rows of the result, given the first; the
  /// last tile may go beyond the end.
  void forRowTiles(int64_t count, llvm::function_ref<void(Value)> body);
  /// Address of the features of a row of the result, or of the last one.
  Value inputOf(Value row);
  /// Address of the weights of an output of this block, or of the last one.
  Value weightsOf(Value output);
  /// Stores a number, with the bias, if row and output are there.
  void store(Value sum, Value row, Value output);
  /// The same of two outputs side by side, the first of which is even.
  void storePair(Value first, Value second, Value row, Value output);

  /// Puts what does not change during a kernel into shared memory, where it
  /// takes no registers from sums. All threads of the block come here.
  void park();
  /// The same work, with values loaded from where they are parked, if they are.
  LinearWork unpark() const;

  ThreadBuilder &t;
  const LinearShape &shape;
  Value firstOutput; ///< of this block, in its map

private:
  mlir::SmallVector<Value *> getParked();
  void chooseMap(mlir::ValueRange maps, int64_t panel);
  void chooseExpert(mlir::ValueRange arguments);
  Value withBias(Value sum, Value output);
  Value resultAt(Value row, Value output);
  Value isThere(Value row, Value output);

  Value input, weights, bias, result, outputs, offset;
  Value expert, begin, end, rowOf, parked;
};

/// Loads `count` numbers from an address, as they are: in words of 32 bits if
/// the alignment (bytes) permits. Loads come first, so that many are on their
/// way.
mlir::SmallVector<mlir::Value> loadRaw(ThreadBuilder &t, mlir::Type element,
                                       mlir::Value address, int64_t count,
                                       int64_t alignment, bool streams = false);
/// The numbers of what loadRaw returned, as f32.
mlir::SmallVector<mlir::Value> widenRaw(ThreadBuilder &t, mlir::Type element,
                                        mlir::ArrayRef<mlir::Value> raw);

/// A tile of some rows, of which chunks of `bytes` go to shared memory.
struct ChunkShape {
  int64_t rows, bytes;
  int64_t rowBytes;  ///< of a whole row in global memory; zeros fill up chunks
  int64_t stride;    ///< between rows in shared memory
  int64_t alignment; ///< of rows in global memory
  /// Pieces of 16 bytes change places with those `exchanged` further in every
  /// other run of `run` rows.
  int64_t run = 1, exchanged = 0;
};

/// The part of one thread in copying such tiles.
class ChunkCopy {
public:
  ChunkCopy(ThreadBuilder &t, const ChunkShape &shape, mlir::Value shared,
            llvm::function_ref<mlir::Value(mlir::Value)> addressOfRow);
  /// Starts to copy chunk number `chunk` to `slot` bytes behind the tile's
  /// place.
  void start(mlir::Value chunk, mlir::Value slot);

private:
  void copy(mlir::Value to, mlir::Value from, mlir::Value left);

  ThreadBuilder &t;
  ChunkShape shape;
  int64_t width, pieces;
  mlir::SmallVector<mlir::Value> targets, sources, columns;
  mlir::SmallVector<int64_t> offsets; ///< from the targets
};

/// Runs `chunks` steps over a ring of `stages` slots of `slotBytes`, of which
/// stages - 1 are on their way. `start` begins to fill a slot; `compute` gets
/// chunk, slot (bytes) and what it returned for the chunk before.
mlir::SmallVector<mlir::Value>
runRing(ThreadBuilder &t, int64_t chunks, int64_t stages, int64_t slotBytes,
        mlir::ValueRange inits,
        llvm::function_ref<void(mlir::Value chunk, mlir::Value slot)> start,
        llvm::function_ref<mlir::SmallVector<mlir::Value>(
            mlir::Value chunk, mlir::Value slot, mlir::ValueRange carried)>
            compute);

// Each of these launches one kernel.

/// LinearExact.cpp: the CPU's order of sums; `together` rows in a pass.
void launchExactLinear(Launcher &l, const LinearCall &call, int64_t together);
/// LinearVector.cpp: a warp for two outputs; `together` rows in a pass.
void launchVectorLinear(Launcher &l, const LinearCall &call, int64_t together);
/// LinearTensor.cpp: mma.sync, with large or small tiles.
void launchTensorLinear(Launcher &l, const LinearCall &call, bool large);
bool hasTensorLinear(const LinearShape &shape);
inline constexpr int64_t kLargeTile = 128, kSmallTile = 64;

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_LINEARKERNEL_H
