//===- Linear.cpp - rows times a weight matrix ----------------------------===//
#include "Kernels.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

/// Outputs that belong together when work is split.
constexpr int64_t kPanel = 4;

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

/// Outputs [first, last) for all rows; first is a multiple of 4, last too unless
/// it is the number of outputs.
static void emitOutputs(KernelBuilder &b, const Linear &linear, Value first,
                        Value last) {
  Type element = cast<MemRefType>(linear.weight.getType()).getElementType();
  int64_t block = getCacheBlock(linear.features, element, kPanel);
  Value rows = memref::DimOp::create(b, linear.input, 0);
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
}

void moe::cpu::emitLinears(KernelBuilder &b, ArrayRef<bool> hasBias,
                           ValueRange args) {
  Value env = args[0], input = args[1];
  args = args.drop_front(2);
  SmallVector<Linear> linears;
  int64_t panels = 0;
  for (bool biased : hasBias) {
    auto type = cast<MemRefType>(args.front().getType());
    linears.push_back({input, args[0], biased ? args[1] : Value(),
                       args[biased ? 2 : 1], type.getDimSize(0),
                       type.getDimSize(1)});
    panels += llvm::divideCeil(linears.back().outputs, kPanel);
    args = args.drop_front(biased ? 3 : 2);
  }
  // One loop over the panels of all matrices: a worker reads long runs.
  b.parallel(env, b.index(panels), [&](Value begin, Value end) {
    int64_t before = 0;
    for (const Linear &linear : linears) {
      int64_t own = llvm::divideCeil(linear.outputs, kPanel);
      auto outputAt = [&](Value panel) {
        Value inside = b.sub(panel, b.index(before));
        inside = b.min(b.max(inside, b.index(0)), b.index(own));
        return b.min(b.mul(inside, kPanel), b.index(linear.outputs));
      };
      emitOutputs(b, linear, outputAt(begin), outputAt(end));
      before += own;
    }
  });
}
