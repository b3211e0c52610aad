//===- DotTile.cpp - the inner product that all projections are made of ---===//
#include "Kernels.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

/// Multiplies `lanes` features from `column` on into the accumulators.
void accumulate(KernelBuilder &b, ArrayRef<RowRef> inputs,
                ArrayRef<RowRef> weights, Value column, int64_t lanes,
                SmallVectorImpl<Value> &sums) {
  SmallVector<Value> w;
  for (const RowRef &row : weights)
    w.push_back(b.padded(b.load(row, column, lanes)));
  for (auto [m, row] : llvm::enumerate(inputs)) {
    Value x = b.padded(b.load(row, column, lanes));
    for (size_t n = 0; n < weights.size(); ++n) {
      Value &sum = sums[m * weights.size() + n];
      sum = b.fma(x, w[n], sum);
    }
  }
}

} // namespace

SmallVector<Value> moe::cpu::emitDotTile(KernelBuilder &b,
                                         ArrayRef<RowRef> inputs,
                                         ArrayRef<RowRef> weights,
                                         int64_t features) {
  SmallVector<Value> sums(inputs.size() * weights.size(), b.zeros(kLanes));
  // Two steps per iteration: one cache line of bf16 weights.
  int64_t step = features % (2 * kLanes) == 0 ? 2 * kLanes : kLanes;
  int64_t whole = features / step * step;
  if (whole > 0)
    sums = b.loop(b.index(0), b.index(whole), step, sums,
                  [&](Value k, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    for (int64_t i = 0; i < step; i += kLanes)
                      accumulate(b, inputs, weights, b.add(k, i), kLanes, next);
                    return next;
                  });
  if (int64_t rest = features - whole)
    accumulate(b, inputs, weights, b.index(whole), rest, sums);

  SmallVector<Value> results;
  ArrayRef<Value> all(sums);
  for (size_t m = 0; m < inputs.size(); ++m) {
    ArrayRef<Value> row = all.slice(m * weights.size(), weights.size());
    if (row.size() == 4)
      results.push_back(b.sumLanesOfFour(row));
    else
      for (Value sum : row)
        results.push_back(b.sumLanes(sum));
  }
  return results;
}

int64_t moe::cpu::getCacheBlock(int64_t features, Type element,
                                int64_t multiple) {
  constexpr int64_t kBytes = 512 * 1024;
  int64_t rowBytes = features * element.getIntOrFloatBitWidth() / 8;
  return std::max(multiple, kBytes / rowBytes / multiple * multiple);
}
