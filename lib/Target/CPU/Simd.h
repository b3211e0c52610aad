//===- Simd.h - integer instructions of one feature level -------*- C++ -*-===//
//
// Kernels of stored weights are written once, over vectors of 64 bytes. What
// differs between processors is here: the same integers from each.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_CPU_SIMD_H
#define MOE_LIB_TARGET_CPU_SIMD_H

#include "moe/HostCode/KernelBuilder.h"

namespace moe::cpu {

using host::KernelBuilder;
using host::RowRef;
using host::kLanes;

/// What a processor offers beyond AVX2.
struct SimdLevel {
  bool hasVnni = false; ///< avx512vnni: products of bytes, summed in fours
  bool hasBytes = false; ///< avx512bw: arithmetic on 64 bytes
  bool hasVbmi = false;  ///< avx512vbmi: look-ups in 128 bytes

  static SimdLevel get(llvm::ArrayRef<std::string> features);
};

/// Four activations of one row, ready to meet bytes of 16 weights each.
struct Activations {
  mlir::SmallVector<mlir::Value, 2> parts;
};

class Simd {
public:
  Simd(KernelBuilder &b, SimdLevel level) : b(b), level(level) {}
  using Value = mlir::Value;

  /// Loads the 4 bytes at `pointer` for every lane.
  Activations loadActivations(Value pointer);
  /// sums<16xi32> + the products of unsigned bytes <64xi8> with activations,
  /// four neighbours added up.
  Value dot(Value sums, Value bytes, const Activations &activations);
  /// Unsigned bytes <64xi8> times signed constants, even and odd, neighbours
  /// added up: <32xi16>. The caller knows that no sum exceeds 16 bits.
  Value mixPairs(Value bytes, int64_t even, int64_t odd);
  /// table[index mod size] for every byte; the size is 16 (indices below 128),
  /// 128 or 256.
  Value lookUp(mlir::ArrayRef<int64_t> table, Value indices);

  Value bytes(mlir::ArrayRef<int64_t> pattern); ///< constant <64xi8>, repeated
  Value asBytes(Value words);
  Value asWords(Value bytes);

private:
  Value call(llvm::StringRef intrinsic, mlir::Type result,
             mlir::ArrayRef<Value> arguments);
  Value half(Value vector, int64_t which);
  Value join(Value low, Value high);
  /// Applies a function of 32 bytes to both halves.
  Value byHalves(mlir::ArrayRef<Value> vectors,
                 llvm::function_ref<Value(mlir::ArrayRef<Value>)> apply);
  Value lookUp16(mlir::ArrayRef<int64_t> table, Value indices);

  KernelBuilder &b;
  SimdLevel level;
};

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_SIMD_H
