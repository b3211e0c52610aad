//===- ThreadBuilder.h - short words for what one thread does ---*- C++ -*-===//
//
// A kernel is written as what one thread of it does. Numbers of threads, lanes,
// rows and columns are i32; offsets into memory are i64. The order of every float
// operation is the one that is written: LLVM gets no permission to reassociate or
// to contract.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_THREADBUILDER_H
#define MOE_LIB_TARGET_GPU_THREADBUILDER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace moe::cuda {

inline constexpr int64_t kWarp = 32;
/// Lanes that partial sums are kept in on every target: feature k goes to lane
/// k mod 16, ascending, with fma.
inline constexpr int64_t kSumLanes = 16;
/// Address spaces of pointers.
inline constexpr unsigned kGlobal = 1, kShared = 3;

class ThreadBuilder : public mlir::ImplicitLocOpBuilder {
public:
  /// Writes into a kernel of `threads` threads a block.
  ThreadBuilder(mlir::Location loc, mlir::OpBuilder builder, int64_t threads)
      : ImplicitLocOpBuilder(loc, builder), threads(threads) {}
  using Value = mlir::Value;

  // Who am I: i32.
  Value threadId(); ///< in the block
  Value lane();     ///< threadId mod 32
  Value warp();     ///< threadId / 32
  Value blockX();
  Value blockY();
  Value blocksX();
  int64_t threadCount() const { return threads; }
  int64_t warpCount() const { return threads / kWarp; }

  // Constants and types.
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value i1(bool value);
  Value f32(double value);
  Value like(Value other, double value);
  mlir::Type pointer(unsigned space = kGlobal);
  mlir::VectorType vectorOf(mlir::Type element, int64_t size);

  // Integers: i32 or i64, both operands alike. Division is of unsigned numbers.
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value div(Value a, Value b);
  Value div(Value a, int64_t b);
  Value rem(Value a, Value b);
  Value rem(Value a, int64_t b);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value bitAnd(Value a, Value b);
  Value bitAnd(Value a, int64_t mask);
  Value bitOr(Value a, Value b);
  Value bitXor(Value a, Value b);
  Value shl(Value a, int64_t bits);
  Value shr(Value a, int64_t bits); ///< zeros come in
  Value wide(Value a);              ///< i32, not negative, to i64
  Value narrow(Value a);            ///< i64 to i32
  Value extend(Value a, mlir::Type type, bool isSigned);
  Value truncate(Value a, mlir::Type type);
  Value bitcast(Value a, mlir::Type type);

  // Comparisons: i1. Integers are signed.
  Value less(Value a, Value b);
  Value lessOrEqual(Value a, Value b);
  Value equal(Value a, Value b);
  Value notEqual(Value a, Value b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);
  Value isGreater(Value a, Value b); ///< of floats; false with NaN
  Value select(Value condition, Value yes, Value no);

  // Floats, scalars or vectors: the same bits as the CPU backend's.
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value fmax(Value a, Value b); ///< a > b ? a : b
  Value fabs(Value a);
  Value sqrt(Value a);
  Value roundEven(Value a);
  Value exp(Value x); ///< host::emitExp
  Value sigmoid(Value x);
  Value toFloat(Value integer); ///< signed i32 to f32
  Value toInt(Value number);    ///< f32 to i32, towards zero
  Value widen(Value number);    ///< bf16, f16 or f32 to f32

  // Memory. A pointer has an address space; `index` counts elements (i32 or i64).
  /// Address of element `index` of elements of this type.
  Value at(Value pointer, mlir::Type element, Value index);
  Value at(Value pointer, mlir::Type element, int64_t index);
  /// Loads a scalar or a vector<nxT>, aligned to its own size up to 16 bytes
  /// unless `alignment` says otherwise; the address counts elements of T.
  Value load(mlir::Type type, Value pointer, Value index, int64_t alignment = 0);
  Value load(mlir::Type type, Value pointer, int64_t index,
             int64_t alignment = 0);
  void store(Value value, Value pointer, Value index, int64_t alignment = 0);
  void store(Value value, Value pointer, int64_t index, int64_t alignment = 0);
  /// The same of memory that nobody writes while the kernel runs: may go
  /// through the read-only cache, and is not kept there if `streams`.
  Value loadConstant(mlir::Type type, Value pointer, Value index,
                     bool streams = false, int64_t alignment = 0);
  Value extract(Value vector, int64_t index);
  Value insert(Value scalar, Value vector, int64_t index);
  /// Dynamic shared memory of the block, `bytes` of it, aligned to 16 or more.
  Value shared(int64_t bytes, int64_t alignment = 16);
  int64_t sharedBytes() const { return usedShared; }
  /// old = *p; *p += value, of i32 in global or shared memory.
  Value atomicAdd(Value pointer, Value index, Value value);

  // Together. All threads of the block, or of the warp, must come here.
  void barrier();
  void syncWarp();
  Value shuffleXor(Value value, int64_t mask); ///< 32-bit values
  Value shuffle(Value value, Value lane);
  Value ballot(Value condition); ///< i32
  /// Sum of i32 over the lanes of aligned groups of `width` lanes, in each lane.
  Value sumInts(Value value, int64_t width = kWarp);
  /// Largest of f32 (or signed i32) over groups of `width` lanes, in each lane.
  Value maxOver(Value value, int64_t width = kWarp);
  /// Sum of f32 over aligned groups of 16 lanes in the order of the CPU's
  /// sumLanes: halves 8, halves 4, then pairs; in each lane.
  Value sumSixteen(Value value);

  // Copies from global to shared memory that do not wait: 4, 8 or 16 bytes each;
  // of these the first `from` (i32; null: all) are copied, the rest is zero.
  void copyAsync(Value shared, Value global, int64_t bytes, Value from = {});
  void commitCopies();
  void waitCopies(int64_t groups); ///< until at most so many are on their way

  // Products. Operands as PTX's mma.sync says, rows of A, columns of B.
  /// acc + the four products of bytes; acc and result i32.
  Value dot4(Value a, Value b, Value acc, bool aSigned, bool bSigned);
  /// D += A B of f32 and bf16, m16n8k16: a 4, b 2 registers (i32) of two bf16.
  mlir::SmallVector<Value> mmaBf16(mlir::ValueRange a, mlir::ValueRange b,
                                   mlir::ValueRange c);
  /// D += A B of i32, s8 and s8 (or u8), m16n8k32: a 4, b 2 registers of bytes.
  mlir::SmallVector<Value> mmaInt8(mlir::ValueRange a, mlir::ValueRange b,
                                   mlir::ValueRange c, bool bSigned);
  /// ldmatrix of 1, 2 or 4 matrices of 8 x 8 numbers of 16 bits: i32 each.
  mlir::SmallVector<Value> loadMatrix(Value shared, int64_t count,
                                      bool transposed = false);

  // Control. Bounds are i32.
  void loop(Value begin, Value end, Value step,
            llvm::function_ref<void(Value)> body);
  void loop(int64_t begin, Value end, int64_t step,
            llvm::function_ref<void(Value)> body);
  mlir::SmallVector<Value>
  loop(Value begin, Value end, Value step, mlir::ValueRange inits,
       llvm::function_ref<mlir::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  void when(Value condition, llvm::function_ref<void()> body);
  /// Values of one of two branches, of which only that one runs.
  mlir::SmallVector<Value>
  choose(Value condition, mlir::TypeRange types,
         llvm::function_ref<mlir::SmallVector<Value>()> yes,
         llvm::function_ref<mlir::SmallVector<Value>()> no);

private:
  int64_t threads;
  int64_t usedShared = 0;
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_THREADBUILDER_H
