//===- Linear.cpp - rows times a weight matrix ----------------------------===//
#include "Kernels.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {

struct Linear {
  Value input, weight, bias, result;
  int64_t outputs, features;

  /// Rows first .. first+count-1 times outputs n .. n+width-1.
  void tile(KernelBuilder &b, Value first, int64_t count, Value n,
            int64_t width) const {
    SmallVector<RowRef> inputs, weights;
    for (int64_t i = 0; i < count; ++i)
      inputs.push_back({input, b.add(first, i)});
    for (int64_t i = 0; i < width; ++i)
      weights.push_back({weight, b.add(n, i)});
    SmallVector<Value> sums = emitDotTile(b, inputs, weights, features);
    for (int64_t i = 0; i < count; ++i)
      b.store(withBias(b, sums[i], n, width), {result, b.add(first, i)}, n);
  }

  Value withBias(KernelBuilder &b, Value sum, Value n, int64_t width) const {
    if (!bias)
      return sum;
    RowRef row{bias, b.index(0)};
    return b.fadd(sum, width == 1 ? b.loadScalar(row, n)
                                  : b.load(row, n, width));
  }
};

} // namespace

void moe::cpu::emitLinear(KernelBuilder &b, bool hasBias, ValueRange args) {
  Linear linear;
  linear.input = args[1];
  linear.weight = args[2];
  linear.bias = hasBias ? args[3] : Value();
  linear.result = args.back();
  auto weightType = cast<MemRefType>(linear.weight.getType());
  linear.outputs = weightType.getDimSize(0);
  linear.features = weightType.getDimSize(1);

  constexpr int64_t kWidth = 4;
  Value rows = memref::DimOp::create(b, linear.input, 0);
  Value panels = b.index(llvm::divideCeil(linear.outputs, kWidth));
  Value outputs = b.index(linear.outputs);
  int64_t block =
      getCacheBlock(linear.features, weightType.getElementType(), kWidth);
  b.parallel(args[0], panels, [&](Value begin, Value end) {
    Value first = b.mul(begin, kWidth);
    Value last = b.min(b.mul(end, kWidth), outputs);
    b.loop(first, last, block, [&](Value blockBegin) {
      Value blockEnd = b.min(b.add(blockBegin, block), last);
      b.tiles(b.index(0), rows, kTileRows, [&](Value row, int64_t count) {
        int64_t width = getTileWeights(count);
        Value whole = b.wholeSteps(blockBegin, blockEnd, width, linear.outputs);
        b.loop(blockBegin, whole, width,
               [&](Value n) { linear.tile(b, row, count, n, width); });
        if (whole != blockEnd)
          b.loop(whole, blockEnd, 1,
                 [&](Value n) { linear.tile(b, row, count, n, 1); });
      });
    });
  });
}
