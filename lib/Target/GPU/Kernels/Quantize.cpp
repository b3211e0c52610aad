//===- Quantize.cpp - rows become 8-bit levels, and back ------------------===//
#include "RowLevels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

void moe::cuda::launchQuantize(Launcher &l, int64_t rotation, Value input,
                               const QuantizedRows &rows) {
  int64_t features = columnsOf(input);
  l.launch("quantize_" + std::to_string(rotation), {l.host().rowsOf(input), {}},
           getLevelThreads(features),
           {input, rows.levels, rows.scales, rows.sums},
           [&](ThreadBuilder &t, ValueRange args) {
             Value row = t.blockX();
             Value scratch = t.shared(getLevelFloats(features) * sizeof(float));
             RowSource source{args[0], rowStart(t, row, features)};
             Rotation rotator(l, t, rotation);
             emitLevels(t, rotator, features, {args[1], args[2], args[3]}, row,
                        scratch, [&](Value column, int64_t pack) {
                          return source.load(t, column, pack);
                        });
           });
}

/// A pack of levels as numbers.
static Value levelsAt(ThreadBuilder &t, Value levels, Value at, int64_t pack) {
  Value bytes = t.load(packOf(t, t.getI8Type(), pack), levels, at);
  return arith::SIToFPOp::create(t, packOf(t, t.getF32Type(), pack), bytes);
}

/// The rotation undone in shared memory, then the signs.
static void emitUnrotated(Launcher &l, ThreadBuilder &t, int64_t rotation,
                          int64_t features, int64_t columns, ValueRange args) {
  int64_t pack = getPack(features);
  Value row = t.blockX(), result = args[2];
  Value levels = rowStart(t, row, columns), first = rowStart(t, row, features);
  Value scale = t.load(t.getF32Type(), args[1], row);
  int64_t chunk = std::min(features, kLargestRotation);
  Value scratch = t.shared(chunk * sizeof(float));
  Rotation rotator(l, t, rotation);
  for (int64_t begin = 0; begin < features; begin += chunk) {
    int64_t width = std::min(chunk, features - begin);
    if (begin > 0)
      t.barrier();
    rotator.transform(scratch, width, [&](Value column, int64_t size) {
      Value at = t.add(levels, t.wide(t.add(column, begin)));
      return t.fmul(levelsAt(t, args[0], at, size), splat(t, scale, size));
    });
    t.barrier();
    forPacks(t, width, pack, [&](Value column) {
      Value x = t.load(packOf(t, t.getF32Type(), pack), scratch, column);
      Value at = t.add(first, t.wide(t.add(column, begin)));
      t.store(rotator.withSigns(x, column, pack), result, at);
    });
  }
}

void moe::cuda::launchDequantize(Launcher &l, int64_t rotation,
                                 const QuantizedRows &rows, Value result) {
  int64_t features = columnsOf(result), columns = columnsOf(rows.levels);
  std::string name = "dequantize_" + std::to_string(rotation);
  if (rotation == 0)
    return launchPacks(
        l, name, result, {rows.levels, rows.scales, result},
        [&](ThreadBuilder &t, ValueRange args, Value row, Value column,
            int64_t pack) {
          Value at = t.add(rowStart(t, row, columns), t.wide(column));
          Value scale = t.load(t.getF32Type(), args[1], row);
          Value x = levelsAt(t, args[0], at, pack);
          t.store(t.fmul(x, splat(t, scale, pack)), args[2],
                  t.add(rowStart(t, row, features), t.wide(column)));
        });
  l.launch(name, {l.host().rowsOf(result), {}},
           getRowThreads(features / getPack(features)),
           {rows.levels, rows.scales, result},
           [&](ThreadBuilder &t, ValueRange args) {
             emitUnrotated(l, t, rotation, features, columns, args);
           });
}
