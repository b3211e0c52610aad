//===- StoredKernels.h - kernels of weights that are codes ------*- C++ -*-===//
//
// A stored matrix lies in tiles of 16 rows, so the 16 lanes of a vector are 16
// outputs, every step of the decoder yields the bytes of four columns in turn,
// and nothing is summed across lanes.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_CPU_STOREDKERNELS_H
#define MOE_LIB_TARGET_CPU_STOREDKERNELS_H

#include "KernelLibrary.h"
#include "moe/HostCode/ModelLowering.h"

namespace moe::cpu {

using host::QuantizedRows;
using host::sumColumns;

/// A stored matrix: N rows, K columns.
struct StoredWeight {
  CodeAttr code;
  int64_t rows = 0, columns = 0;
  mlir::Value address; ///< pointer
  /// What the address is a multiple of: matrices of one expert follow one
  /// another, and those that are no codes may have any size.
  int64_t alignment = 64;

  uint64_t getBytes() const { return code.getMatrixBytes(rows, columns); }
};

/// Rows [begin, end) of the input <?xKxf32>; `work` (which may be the input) is
/// overwritten if there is a rotation.
void emitQuantizeRows(KernelBuilder &b, KernelLibrary &library,
                      int64_t rotation, mlir::Value input, mlir::Value work,
                      const QuantizedRows &rows, mlir::Value begin,
                      mlir::Value end);
/// env, input, work <?xKxf32>, levels, scales, sums
void emitQuantize(KernelBuilder &b, KernelLibrary &library, int64_t rotation,
                  mlir::ValueRange arguments);
/// env, levels, scales, sums, result <?xKxf32>
void emitDequantize(KernelBuilder &b, KernelLibrary &library, int64_t rotation,
                    mlir::ValueRange arguments);

/// What one call of a product works on.
struct ProductRange {
  mlir::Value firstTile, lastTile; ///< of 16 outputs
  mlir::Value firstRow, lastRow;   ///< of the result
  mlir::Value rowOf; ///< <?x1xi32>: input row of each result row; null: itself
};

/// result <?xNxf32> [row, n] = scale[row] * sum_k levels[row, k] weight[n, k].
void emitStoredProduct(KernelBuilder &b, KernelLibrary &library,
                       const StoredWeight &weight, const QuantizedRows &rows,
                       mlir::Value result, const ProductRange &range);

/// One of several linear maps of the same rows; the address is an argument.
struct StoredLinear {
  StoredWeight weight;
  bool hasBias = false;
};
/// env, levels, scales, sums, then for each map: address, [bias <1xNxT>,]
/// result <?xNxf32>
void emitStoredLinears(KernelBuilder &b, KernelLibrary &library,
                       mlir::ArrayRef<StoredLinear> linears,
                       mlir::ValueRange arguments);

/// Writes the decoding of one step of 64 columns of one tile.
class StepDecoder {
public:
  /// Codes start at a multiple of `alignment` bytes.
  StepDecoder(KernelBuilder &b, Simd &simd, CodeAttr code, int64_t alignment)
      : b(b), simd(simd), code(code), alignment(alignment) {}
  /// Words that a step takes over from the one before: what `decode` returns
  /// last, zeros at the start of a tile; none unless the codes are pairs.
  mlir::SmallVector<mlir::Value> getStart();
  /// Calls `use` for each quad of columns in order, 0 to 15, with the unsigned
  /// levels <64xi8> of 16 rows; returns what the next step takes over.
  mlir::SmallVector<mlir::Value>
  decode(mlir::Value pointer, mlir::ValueRange before,
         llvm::function_ref<void(int64_t quad, mlir::Value levels)> use);

private:
  mlir::Value load(mlir::Value pointer, int64_t vector);
  void decodePlanes(mlir::Value pointer,
                    llvm::function_ref<void(int64_t, mlir::Value)> use);
  mlir::Value pairLevels(mlir::Value state);

  KernelBuilder &b;
  Simd &simd;
  CodeAttr code;
  int64_t alignment;
};

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_STOREDKERNELS_H
