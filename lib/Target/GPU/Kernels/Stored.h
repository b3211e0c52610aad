//===- Stored.h - what kernels of stored matrices share ---------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_STORED_H
#define MOE_LIB_TARGET_GPU_KERNELS_STORED_H

#include "Kernels.h"
#include "StoredDecoder.h"

namespace moe::cuda {

inline constexpr int64_t tileRows = CodeAttr::tileRows;

/// What is known of one map of a launch when its kernel is written.
struct StoredMap {
  int64_t outputs;
  int64_t offset;  ///< of the matrix of an expert
  mlir::Type bias; ///< null: none
  int64_t tiles() const { return CodeAttr::getTiles(outputs); }
};

/// Maps of one launch: their codes and columns are the same.
struct StoredShape {
  CodeAttr code;
  int64_t columns, alignment;
  int64_t sumsOfRow; ///< numbers that come with a row of levels
  bool ofExperts;    ///< matrices and rows are those of `Assignments`
  bool hasRowOf;
  llvm::SmallVector<StoredMap> maps;

  int64_t steps() const {
    return CodeAttr::getPaddedColumns(columns) / CodeAttr::stepColumns;
  }
  int64_t stepBytes() const { return code.getStepBytes(); }
  int64_t tileBytes() const { return steps() * stepBytes(); }
  bool isPairs() const { return code.getLayout() == CodeLayout::Pairs; }
  bool isGrouped() const { return code.getColumns() != 0; }
  int64_t groups() const { return code.getGroups(columns); }
  int64_t scalesOfGroup() const {
    return tileRows / code.getScaleRows(columns);
  }
  /// Columns whose products are summed up before a float operation may come:
  /// whole steps, or halves.
  bool hasHalves() const { return code.getColumns() == sumColumns; }
  int64_t unitsOfStep() const { return hasHalves() ? 2 : 1; }
  int64_t units() const { return steps() * unitsOfStep(); }
  int64_t unitsOfGroup() const {
    return !isGrouped()  ? units()
           : hasHalves() ? 1
                         : code.getColumns() / CodeAttr::stepColumns;
  }
  int64_t sumsOfUnit() const { return hasHalves() ? 1 : 2; }
  int64_t tiles() const {
    int64_t count = 0;
    for (const StoredMap &map : maps)
      count += map.tiles();
    return count;
  }
  std::string getName(Launcher &l) const;
};

/// The arguments of a kernel.
class StoredArguments {
public:
  StoredArguments(const StoredShape &shape, mlir::ValueRange values);

  mlir::Value levels, scales, sums;
  mlir::Value count; ///< of rows
  // Of experts.
  mlir::Value addresses, first, rowOf, ready, readyCount;
  struct Map {
    mlir::Value address, bias, result;
  };
  llvm::SmallVector<Map> maps;
};

/// Where a tile lies, as threads find it by its number among those of all maps.
struct TilePlace {
  mlir::Value codes, scales, zeros; ///< of this tile
  mlir::Value result;               ///< of the map: its first row
  mlir::Value outputs;              ///< of the map (i32)
  mlir::Value tile;                 ///< within the map (i32)
  mlir::Value map;                  ///< number (i32)
};

/// What both ways of a product share: one thread finds its tiles and does the
/// float operations in their order.
class StoredThread {
public:
  StoredThread(Launcher &l, ThreadBuilder &b, const StoredShape &shape,
               mlir::ValueRange arguments)
      : l(l), b(b), shape(shape), args(shape, arguments) {}

protected:
  using Value = mlir::Value;

  /// Calls `body` with the first and the last but one of the rows that one
  /// expert's matrix meets, if the block has an expert.
  void forExpert(llvm::function_ref<void(Value begin, Value end)> body);
  /// The input's row of row `row` of the result.
  Value inputRow(Value row);
  TilePlace placeOf(Value tile);
  /// The scale of a row of a tile, for a group.
  Value loadScale(const TilePlace &place, Value group, Value row);
  /// offset + zero; null if that is 0.
  Value loadZero(const TilePlace &place, Value group, Value row);
  /// Sum of the levels of an input row in `count` units from `unit` on, or all.
  Value loadSum(Value inputRow, Value unit, int64_t count);
  /// products - zero * sum of levels, rounded.
  Value round(Value products, Value zero, Value sumOfLevels);
  /// sum * scale of the input's row, plus bias, for output `row` of a tile.
  void storeResult(Value sum, const TilePlace &place, Value row, Value rowScale,
                   Value resultRow);

  Launcher &l;
  ThreadBuilder &b;
  const StoredShape &shape;
  StoredArguments args;
  Value expert; ///< address of its matrices
};

/// Lets a kernel take all registers that so many blocks at once leave it. Left
/// alone, the assembler spills some to make room for more blocks.
void leaveRegisters(ThreadBuilder &b, int64_t blocks);

/// Rows that each block of the first kind of kernel takes together, and how many
/// rows at most are few.
inline constexpr int64_t togetherRows = 4, mostFewRows = 8;

/// Products of a vector and a matrix: how the work is split.
struct VectorPlan {
  int64_t rows;  ///< that meet the codes together
  int64_t warps; ///< of a block
  int64_t warpsOfTile;
  int64_t tilesOfBlock() const { return warps / warpsOfTile; }
  /// Turns of a warp for one tile; in each it reads eight steps.
  int64_t turns;
  /// Of a multiprocessor: few with many registers, or more with fewer.
  int64_t warpsAtOnce(const StoredShape &shape) const {
    return shape.isPairs() ? 16 : rows > 1 ? 8 : 24;
  }

  static VectorPlan get(const StoredShape &shape, int64_t rows, int64_t copies);
};
void emitVectorKernel(Launcher &l, ThreadBuilder &b, const StoredShape &shape,
                      const VectorPlan &plan, mlir::ValueRange arguments);

/// Products of matrices by tensor cores.
struct MatrixPlan {
  int64_t rows;        ///< of a block
  int64_t warps;       ///< of a block
  int64_t tilesOfWarp; ///< of 16 outputs
  int64_t tilesOfBlock() const { return warps * tilesOfWarp; }

  static MatrixPlan get(const StoredShape &shape);
};
void emitMatrixKernel(Launcher &l, ThreadBuilder &b, const StoredShape &shape,
                      const MatrixPlan &plan, mlir::ValueRange arguments);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_STORED_H
