//===- StoredDecoder.h - bits of a stored matrix become levels --*- C++ -*-===//
//
// Codes come in words of 32 bits that belong to one row each; what goes out is
// four levels, those of columns 4q to 4q + 3 of the row (a quad), in the bytes
// of one word: an operand of a product of bytes.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_STOREDDECODER_H
#define MOE_LIB_TARGET_GPU_KERNELS_STOREDDECODER_H

#include "Launcher.h"

namespace moe::cuda {

/// Quads of a step.
inline constexpr int64_t quadsOfStep = CodeAttr::stepColumns / 4;
/// Codes lie in vectors with one word for each row of a tile.
inline constexpr int64_t vectorBytes = 4 * CodeAttr::tileRows;

/// One plane of a code: `bits` bits of each field, from bit `place` on, in the
/// vectors of a step from `vector` on.
struct Plane {
  int64_t bits, place, vector;
  int64_t quadsOfVector() const { return 8 / bits; }
};
llvm::SmallVector<Plane> getPlanes(CodeAttr code);

class StoredDecoder {
public:
  StoredDecoder(Launcher &launcher, ThreadBuilder &thread, CodeAttr code);

  /// Puts look-up tables into shared memory; they are there after a barrier.
  /// Returns whether there are any.
  bool fillTables();

  /// The quad whose fields lie at bit from[i] of each byte of words[i], a word
  /// for each plane.
  mlir::Value quadOfPlanes(llvm::ArrayRef<mlir::Value> words,
                           llvm::ArrayRef<int64_t> from);
  /// The quad whose pairs end before bit 16 + `inside` of 32 bits of the row's
  /// two streams; inside is 1 to 16.
  mlir::Value quadOfPairs(mlir::Value even, mlir::Value odd, int64_t inside);

  /// Low and high halves of two words: low | high << 16.
  mlir::Value joinLow(mlir::Value low, mlir::Value high);
  mlir::Value joinHigh(mlir::Value low, mlir::Value high);

private:
  using Value = mlir::Value;
  Value lookUp(Value fields);
  Value chooseByBits(Value fields);
  /// Bits `count` from bit `from` on, moved to bit 8, and the lane's place below.
  Value spreadIndex(Value bits, int64_t from);
  Value loadByte(Value index);
  Value loadSpread(Value index, int64_t copy);
  Value mix(Value stream, int64_t inside);
  void fillSpread();
  void fillBytes();

  Launcher &l;
  ThreadBuilder &b;
  CodeAttr code;
  Value bytes, spread, lanePlace;
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_STOREDDECODER_H
