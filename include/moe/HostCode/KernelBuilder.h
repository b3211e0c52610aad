//===- KernelBuilder.h - short words for writing kernels as IR --*- C++ -*-===//
//
// Kernels are written in scf, vector, memref and arith. The order of every
// float operation is fixed here and does not depend on how many rows run
// together, on the vector width of the machine or on the number of threads:
// LLVM gets no permission to reassociate or contract.
//===----------------------------------------------------------------------===//
#ifndef MOE_HOSTCODE_KERNELBUILDER_H
#define MOE_HOSTCODE_KERNELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace moe::host {

/// Lanes that partial sums are kept in. Part of the meaning of results, so it
/// is the same for every CPU.
inline constexpr int64_t kLanes = 16;

/// One row of a two-dimensional buffer.
struct RowRef {
  mlir::Value buffer; ///< memref<?xKxT>, T float
  mlir::Value row;    ///< index
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;

  // Constants. `like` variants splat to the type of another value.
  Value index(int64_t value);
  Value f32(double value);
  Value like(Value other, double value);
  mlir::VectorType vector(int64_t lanes);
  Value zeros(int64_t lanes);

  // Index arithmetic.
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value div(Value a, int64_t b);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value toIndex(Value integer);

  // Float arithmetic on scalars and vectors.
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value fmax(Value a, Value b);
  Value broadcast(Value scalar, int64_t lanes);
  Value select(Value condition, Value yes, Value no);
  /// Relative error below 2 units in the last place; arguments are clamped to
  /// where the result is a normal number.
  Value exp(Value x);
  Value sigmoid(Value x);

  // Memory. Loads widen to f32.
  Value load(RowRef row, Value column, int64_t lanes);
  Value loadScalar(RowRef row, Value column);
  void store(Value vectorOrScalar, RowRef row, Value column);
  Value loadInt(Value buffer, mlir::ValueRange indices); ///< as index
  Value rowsOf(Value buffer);
  /// Address of the first element of a row.
  Value addressOf(RowRef row);

  /// The lanes of a vector of 1 to 16, filled up with zeros to 16.
  Value padded(Value vector);
  /// Adds the 16 lanes in a fixed tree: halves three times, then pairs.
  Value sumLanes(Value vector);
  /// The sums of four vectors, in the same order as sumLanes, as 4 lanes.
  Value sumLanesOfFour(mlir::ArrayRef<Value> vectors);
  /// The largest lane of a vector of 16.
  Value maxLane(Value vector);

  // Control.
  void loop(Value begin, Value end, int64_t step,
            mlir::function_ref<void(Value)> body);
  mlir::SmallVector<Value>
  loop(Value begin, Value end, int64_t step, mlir::ValueRange inits,
       mlir::function_ref<mlir::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  /// Covers [begin, end) with tiles of the given sizes, largest first, the last
  /// of which must be 1.
  void tiles(Value begin, Value end, mlir::ArrayRef<int64_t> sizes,
             mlir::function_ref<void(Value, int64_t)> body);
  /// The end of the whole steps in [begin, end), `end` itself where it is known
  /// to be one: begin is a multiple of the step, end too unless it is `size`.
  Value wholeSteps(Value begin, Value end, int64_t step, int64_t size);
  void when(Value condition, mlir::function_ref<void()> body);
  /// Splits [0, count) into contiguous slices, one for each worker, that run at
  /// the same time.
  void parallel(Value env, Value count,
                mlir::function_ref<void(Value begin, Value end)> body);
  Value less(Value a, Value b);

  // Raw memory of the ABI.
  Value loadField(Value pointer, int64_t byteOffset, mlir::Type type);
  Value pointerAt(Value pointer, Value byteOffset);
  /// A row-major buffer over raw memory; one size per dynamic dimension.
  Value bufferAt(Value pointer, mlir::MemRefType type, mlir::ValueRange sizes);
  mlir::MemRefType rowsType(int64_t columns, mlir::Type element);
};

/// Features of a row of a two-dimensional buffer.
int64_t columnsOf(mlir::Value buffer);

/// A buffer over raw memory, for code that has no KernelBuilder.
mlir::Value makeBuffer(mlir::ImplicitLocOpBuilder &builder, mlir::Value pointer,
                       mlir::MemRefType type, mlir::ValueRange sizes);

} // namespace moe::host

#endif // MOE_HOSTCODE_KERNELBUILDER_H
