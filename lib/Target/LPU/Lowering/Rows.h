//===- Rows.h - a token's features on the chip, and what is done to them --===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_ROWS_H
#define MOE_LIB_TARGET_LPU_LOWERING_ROWS_H

#include "Lowering/Emitter.h"
#include <array>
#include <vector>

namespace moe::lpu {

/// Which feature lies in which lane of which vector; -1: none, the lane is 0.
using LaneMap = std::vector<std::vector<int32_t>>;

/// Features one after the other.
LaneMap denseLanes(int64_t features, int64_t width);

/// Heads whole in their vectors, as many as fit: lane i of head h holds feature
/// (h / repeat) * size + i. Heads count from `from`.
LaneMap headLanes(int64_t heads, int64_t size, int64_t repeat, int64_t width,
                  int64_t from = 0);

/// Rows of f32 features.
struct Row {
  mlir::Value buffer;
  const LaneMap *lanes = nullptr;

  int64_t vectors() const { return lanes->size(); }
};

/// A row as 8-bit levels, made in a hemisphere when they are asked for.
struct Levels {
  Row from;
  mlir::Value divisor; ///< largest |x| of `from`, in each lane: 127 levels
  mlir::Value largest; ///< that of the row that the levels stand for
  std::array<mlir::Value, 2> at;
  /// Sums of the levels of a group of columns, and 4 times that of its odd
  /// ones, f32 in each lane; by group.
  struct Sums {
    mlir::Value all, odd;
  };
  std::vector<Sums> sums;
};

/// An address map in each hemisphere: rows to add, for GATHER and SCATTER.
using Map = std::array<mlir::Value, 2>;

/// `kind` over groups of so many lanes, result in each lane of the group. Lanes
/// beyond whole groups keep what they have. Sums may differ in their last bit
/// from lane to lane: the order of addition is rotated.
mlir::Value reduceLanes(Emitter &e, llvm::StringRef name, mlir::Value vector,
                        AluKind kind, int64_t group);

/// The sum of numbers that are not negative, in each lane the same to the last
/// bit. Lanes from `used` on hold 0.
mlir::Value sumRow(Emitter &e, llvm::StringRef name, mlir::Value vector,
                   int64_t used);

/// term(0) op term(1) op ..., term by term, in clusters of a few.
mlir::Value foldTerms(Emitter &e, const llvm::Twine &name, int64_t count,
                      AluKind kind, Side side, mlir::Type element,
                      llvm::function_ref<mlir::Value(Tree &, int64_t)> term);

/// y = x / sqrt(mean(x^2) + epsilon) * w over groups of a row.
struct Norm {
  std::string name;
  Row x;
  mlir::Value scale; ///< w, in the lanes of x
  double epsilon = 0;
  int64_t group = 0; ///< features of a group
  /// Sums of squares, in each lane of the group: one for each vector of x, or
  /// for all.
  llvm::SmallVector<mlir::Value, 2> sums;
};

Norm beginNorm(Emitter &e, llvm::StringRef name, Row x, mlir::Value scale,
               double epsilon, int64_t group, bool isWholeRow);
Row finishNorm(Emitter &e, const Norm &norm);

Levels quantize(Emitter &e, llvm::StringRef name, Row x);
/// The levels of a norm of whole rows do not depend on its root: they do not
/// wait for it.
Levels quantize(Emitter &e, const Norm &norm);
mlir::Value levelsOn(Emitter &e, Levels &levels, Side side);

/// The random Hadamard rotation of blocks, on the MXM.
Row rotate(Emitter &e, llvm::StringRef name, Row x, int64_t block);

Row add(Emitter &e, llvm::StringRef name, Row a, Row b);

/// Between -limit and limit.
Row clamp(Emitter &e, llvm::StringRef name, Row x, double limit);

/// A row as the sum of two of f16, on one side.
struct Halves {
  mlir::Value high, low;
};
Halves split(Emitter &e, llvm::StringRef name, mlir::Value row, Side side);

/// A map for number * factor + offset, of an i32 in each lane.
Map makeMap(Emitter &e, llvm::StringRef name, mlir::Value number,
            int32_t factor, int32_t offset);

/// act(gate) * up, in the lanes of both.
Row activate(Emitter &e, llvm::StringRef name, Row gate, Row up,
             llvm::StringRef activation);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_ROWS_H
