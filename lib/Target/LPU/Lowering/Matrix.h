//===- Matrix.h - weights on the chip, and products with them -------------===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_MATRIX_H
#define MOE_LIB_TARGET_LPU_LOWERING_MATRIX_H

#include "Lowering/Rows.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include <memory>

namespace moe::lpu {

/// Where the bytes of a weight come from: one parameter, or one for each
/// expert.
struct Source {
  WeightOp weight;
  int64_t parameter = 0; ///< of expert 0
  int64_t matrix = 0;    ///< in the parameter
  int64_t experts = 1;   ///< one after the other
};

/// What a tile is in memory.
enum class TileForm {
  Levels,  ///< int8, as installed
  Packed,  ///< 3.5 bits, expanded by LWX where they are installed
  Nibbles, ///< 4 bits, unpacked by the VXM into a tile of memory
};

/// A matrix stored as a code, in tiles of machine width: tile (v, w) has the
/// columns that make vector v of the result from vector w of the input. Experts
/// follow one another; each has `page` rows in each slice for weights, and
/// `numbersPage` for scales.
struct Matrix {
  std::string name;
  TileForm form = TileForm::Levels;
  mlir::Value tiles, scales;
  mlir::Value zeros; ///< of nibbles; levels have theirs subtracted
  int64_t inputs = 0, outputs = 0; ///< vectors
  int64_t groups = 1;              ///< of columns, in all
  int64_t groupColumns = 0;        ///< 0: whole rows
  int64_t page = 0, numbersPage = 0;
  int64_t tileVectors = 0; ///< vectors of memory that a tile takes
  const LaneMap *in = nullptr, *out = nullptr;
  /// A wide matrix is one for each vector of the result instead, in either
  /// hemisphere by turns.
  std::vector<Matrix> parts;
  std::shared_ptr<LaneMap> partOut; ///< of a part

  int64_t tileOf(int64_t v, int64_t w) const { return v * inputs + w; }
};

Matrix makeMatrix(Emitter &e, const Source &source, const LaneMap &in,
                  const LaneMap &out, Side side);

/// Pages of an expert.
struct Pages {
  Map tiles, numbers;
};
Pages findPages(Emitter &e, const Matrix &matrix, mlir::Value expert);

/// levels times the matrix, or that of the expert whose pages are given; times
/// `factor` in each lane, if there is one, besides the levels' scale.
Row multiply(Emitter &e, const Matrix &matrix, Levels &levels, Side resultSide,
             const Pages *pages = nullptr, mlir::Value factor = {});

/// An f32 row times a weight that is no code, in halves.
Row multiplyHalves(Emitter &e, const Source &source, Row x, const LaneMap &out,
                   Side resultSide);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_MATRIX_H
