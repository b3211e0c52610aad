//===- StoredLinear.cpp - quantised rows times several stored matrices ----===//
#include "StoredKernels.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

/// Adds the bias to outputs of the tiles [first, last) of all rows.
static void emitBias(KernelBuilder &b, Value bias, Value result, Value first,
                     Value last) {
  int64_t outputs = columnsOf(result);
  Value begin = b.mul(first, kLanes);
  Value end = b.min(b.mul(last, kLanes), b.index(outputs));
  Value whole = b.wholeSteps(begin, end, kLanes, outputs);
  RowRef source{bias, b.index(0)};
  b.loop(b.index(0), b.rowsOf(result), 1, [&](Value row) {
    RowRef target{result, row};
    b.loop(begin, whole, kLanes, [&](Value n) {
      Value sum = b.fadd(b.load(target, n, kLanes), b.load(source, n, kLanes));
      b.store(sum, target, n);
    });
    if (whole != end)
      b.loop(whole, end, 1, [&](Value n) {
        b.store(b.fadd(b.loadScalar(target, n), b.loadScalar(source, n)),
                target, n);
      });
  });
}

void moe::cpu::emitStoredLinears(KernelBuilder &b, KernelLibrary &library,
                                 ArrayRef<StoredLinear> linears,
                                 ValueRange args) {
  Value env = args[0];
  QuantizedRows rows{args[1], args[2], args[3]};
  args = args.drop_front(4);
  int64_t tiles = 0;
  for (const StoredLinear &linear : linears)
    tiles += CodeAttr::getTiles(linear.weight.rows);
  // One loop over the tiles of all matrices: a worker reads long runs.
  b.parallel(env, b.index(tiles), [&](Value begin, Value end) {
    int64_t before = 0;
    ValueRange left = args;
    for (const StoredLinear &linear : linears) {
      StoredWeight weight = linear.weight;
      weight.address = left[0];
      Value bias = linear.hasBias ? left[1] : Value();
      Value result = left[linear.hasBias ? 2 : 1];
      left = left.drop_front(linear.hasBias ? 3 : 2);
      int64_t own = CodeAttr::getTiles(weight.rows);
      auto tileAt = [&](Value tile) {
        Value inside = b.max(tile, b.index(before));
        return b.sub(b.min(inside, b.index(before + own)), b.index(before));
      };
      Value first = tileAt(begin), last = tileAt(end);
      b.when(b.less(first, last), [&] {
        emitStoredProduct(b, library, weight, rows, result,
                          {first, last, b.index(0), b.rowsOf(result), {}});
        if (bias)
          emitBias(b, bias, result, first, last);
      });
      before += own;
    }
  });
}
