//===- FeedForward.h - what a dense network and an expert share -*- C++ -*-===//
#ifndef MOE_LIB_TARGET_CPU_KERNELS_FEEDFORWARD_H
#define MOE_LIB_TARGET_CPU_KERNELS_FEEDFORWARD_H

#include "Kernels.h"

namespace moe::cpu {

/// A matrix of elements, <NxKxT>, or one that is stored as a code.
struct MatrixRef {
  mlir::Value plain;
  StoredWeight stored;

  bool isStored() const { return bool(stored.code); }
};

/// One gated network: gate and up <IxD>, down <DxI>.
struct Network {
  MatrixRef gate, up, down;
};

/// Calls body for [first, last) in vectors of 16 and, where `size` has a rest,
/// single features.
void forOutputs(KernelBuilder &b, mlir::Value first, mlir::Value last,
                int64_t size,
                llvm::function_ref<void(mlir::Value, int64_t)> body);

/// Works on [begin, end) rows of the scratch buffers.
struct GatedPass {
  KernelBuilder &b;
  KernelLibrary &library;
  const NetworkShape &shape;
  mlir::Value input;      ///< <?xDxf32>; null if gate and up are stored
  QuantizedRows levels;   ///< of the input, if they are
  mlir::Value rowOf;      ///< <?x1xi32>: input row of each row; null: itself
  mlir::Value gated, upped;

  /// gated = act(gate x) * (up x), outputs [first, last) of the rows: first is a
  /// multiple of 16, and last too unless it is the width.
  void run(const Network &net, mlir::Value begin, mlir::Value end,
           mlir::Value first, mlir::Value last) const;

private:
  mlir::SmallVector<RowRef> inputsOf(mlir::ArrayRef<mlir::Value> rows) const;
  void pair(const Network &net, mlir::ArrayRef<mlir::Value> rows,
            mlir::Value n) const;
  void singles(const Network &net, mlir::ArrayRef<mlir::Value> rows,
               mlir::Value first, mlir::Value last) const;
  void activateRow(mlir::Value row, mlir::Value first, mlir::Value last) const;
  void runPlain(const Network &net, mlir::Value begin, mlir::Value end,
                mlir::Value first, mlir::Value last) const;
  void runStored(const Network &net, mlir::Value begin, mlir::Value end,
                 mlir::Value first, mlir::Value last) const;
};

/// result[row, n] = down[n] . gated[row] for n in [first, last). `levels` are
/// gated's, if down is stored.
void emitDown(KernelBuilder &b, KernelLibrary &library,
              const NetworkShape &shape, const Network &net, mlir::Value gated,
              const QuantizedRows &levels, mlir::Value result,
              mlir::Value begin, mlir::Value end, mlir::Value first,
              mlir::Value last);

/// Takes the arguments of a kernel one after the other.
class ArgumentReader {
public:
  explicit ArgumentReader(mlir::ValueRange arguments) : left(arguments) {}
  mlir::Value next() {
    mlir::Value value = left.front();
    left = left.drop_front();
    return value;
  }
  QuantizedRows nextRows() {
    mlir::Value levels = next(), scales = next();
    return {levels, scales, next()};
  }

private:
  mlir::ValueRange left;
};

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_KERNELS_FEEDFORWARD_H
