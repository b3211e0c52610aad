//===- FeedForward.cpp - gated networks, dense and by expert --------------===//
#include "FeedForward.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

static Value activate(KernelBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::Silu:
    return b.fmul(x, b.sigmoid(x));
  case Activation::GeluTanh: {
    // 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3).
    Value cube = b.fmul(b.fmul(x, x), x);
    Value u = b.fmul(b.fma(cube, b.like(x, 0.044715), x),
                     b.like(x, 2 * 0.7978845608028654));
    return b.fmul(x, b.sigmoid(u));
  }
  case Activation::Relu:
    return b.fmax(x, b.like(x, 0.0));
  case Activation::Identity:
    return x;
  }
  llvm_unreachable("covered switch");
}

/// Splits `size` outputs among the workers in groups of 16.
static void parallelOutputs(KernelBuilder &b, Value env, int64_t size,
                            function_ref<void(Value first, Value last)> body) {
  Value groups = b.index(llvm::divideCeil(size, kLanes));
  b.parallel(env, groups, [&](Value begin, Value end) {
    body(b.mul(begin, kLanes), b.min(b.mul(end, kLanes), b.index(size)));
  });
}

void moe::cpu::forOutputs(KernelBuilder &b, Value first, Value last,
                          int64_t size,
                          function_ref<void(Value, int64_t)> body) {
  Value whole = b.wholeSteps(first, last, kLanes, size);
  b.loop(first, whole, kLanes, [&](Value n) { body(n, kLanes); });
  if (whole != last)
    b.loop(whole, last, 1, [&](Value n) { body(n, 1); });
}

/// The tiles that hold outputs [first, last), of result rows [begin, end).
static ProductRange tilesOf(KernelBuilder &b, Value first, Value last,
                            Value begin, Value end, Value rowOf) {
  Value lastTile = b.div(b.add(last, kLanes - 1), kLanes);
  return {b.div(first, kLanes), lastTile, begin, end, rowOf};
}

//===----------------------------------------------------------------------===//
// Gate and up
//===----------------------------------------------------------------------===//

SmallVector<RowRef> GatedPass::inputsOf(ArrayRef<Value> rows) const {
  SmallVector<RowRef> inputs;
  for (Value row : rows)
    inputs.push_back(
        {input, rowOf ? b.loadInt(rowOf, {row, b.index(0)}) : row});
  return inputs;
}

/// Outputs n and n+1 of both matrices in one tile.
void GatedPass::pair(const Network &net, ArrayRef<Value> rows, Value n) const {
  SmallVector<RowRef> weights;
  for (Value matrix : {net.gate.plain, net.up.plain})
    for (int64_t i = 0; i < 2; ++i)
      weights.push_back({matrix, b.add(n, i)});
  SmallVector<Value> sums =
      emitDotTile(b, inputsOf(rows), weights, shape.features);
  auto half = [&](Value sum, int64_t first) -> Value {
    return vector::ExtractStridedSliceOp::create(
        b, sum, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{2},
        ArrayRef<int64_t>{1});
  };
  for (auto [sum, row] : llvm::zip(sums, rows)) {
    b.store(half(sum, 0), {gated, row}, n);
    b.store(half(sum, 2), {upped, row}, n);
  }
}

/// Outputs [first, last) one by one: all of the gate, then all of up.
void GatedPass::singles(const Network &net, ArrayRef<Value> rows, Value first,
                        Value last) const {
  for (auto part : {std::pair(net.gate.plain, gated), {net.up.plain, upped}})
    b.loop(first, last, 1, [&](Value n) {
      SmallVector<Value> sums = emitDotTile(
          b, inputsOf(rows), RowRef{part.first, n}, shape.features);
      for (auto [sum, row] : llvm::zip(sums, rows))
        b.store(sum, {part.second, row}, n);
    });
}

void GatedPass::activateRow(Value row, Value first, Value last) const {
  forOutputs(b, first, last, shape.width, [&](Value n, int64_t lanes) {
    Value g = b.load({gated, row}, n, lanes);
    Value u = b.load({upped, row}, n, lanes);
    b.store(b.fmul(activate(b, shape.activation, g), u), {gated, row}, n);
  });
}

void GatedPass::runPlain(const Network &net, Value begin, Value end,
                         Value first, Value last) const {
  int64_t block = getCacheBlock(shape.features, shape.element, kLanes);
  b.loop(first, last, block, [&](Value blockBegin) {
    Value blockEnd = b.min(b.add(blockBegin, block), last);
    b.tiles(begin, end, kTileRows, [&](Value row, int64_t count) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < count; ++i)
        rows.push_back(b.add(row, i));
      Value rest = blockBegin;
      if (getTileWeights(count) > 1) {
        rest = b.wholeSteps(blockBegin, blockEnd, 2, shape.width);
        b.loop(blockBegin, rest, 2, [&](Value n) { pair(net, rows, n); });
      }
      if (rest != blockEnd)
        singles(net, rows, rest, blockEnd);
      for (Value r : rows)
        activateRow(r, blockBegin, blockEnd);
    });
  });
}

void GatedPass::runStored(const Network &net, Value begin, Value end,
                          Value first, Value last) const {
  ProductRange range = tilesOf(b, first, last, begin, end, rowOf);
  emitStoredProduct(b, library, net.gate.stored, levels, gated, range);
  emitStoredProduct(b, library, net.up.stored, levels, upped, range);
  b.loop(begin, end, 1, [&](Value row) { activateRow(row, first, last); });
}

void GatedPass::run(const Network &net, Value begin, Value end, Value first,
                    Value last) const {
  if (net.gate.isStored())
    runStored(net, begin, end, first, last);
  else
    runPlain(net, begin, end, first, last);
}

//===----------------------------------------------------------------------===//
// Down
//===----------------------------------------------------------------------===//

static void emitPlainDown(KernelBuilder &b, const NetworkShape &shape,
                          const Network &net, Value gated, Value result,
                          Value begin, Value end, Value first, Value last) {
  int64_t block = getCacheBlock(shape.width, shape.element, kLanes);
  b.loop(first, last, block, [&](Value blockBegin) {
    Value blockEnd = b.min(b.add(blockBegin, block), last);
    b.tiles(begin, end, kTileRows, [&](Value row, int64_t count) {
      SmallVector<RowRef> inputs;
      for (int64_t i = 0; i < count; ++i)
        inputs.push_back({gated, b.add(row, i)});
      auto dots = [&](Value n, int64_t outputs) {
        SmallVector<RowRef> weights;
        for (int64_t i = 0; i < outputs; ++i)
          weights.push_back({net.down.plain, b.add(n, i)});
        SmallVector<Value> sums = emitDotTile(b, inputs, weights, shape.width);
        for (auto [i, sum] : llvm::enumerate(sums))
          b.store(sum, {result, inputs[i].row}, n);
      };
      int64_t width = getTileWeights(count);
      Value whole = b.wholeSteps(blockBegin, blockEnd, width, shape.features);
      b.loop(blockBegin, whole, width, [&](Value n) { dots(n, width); });
      if (whole != blockEnd)
        b.loop(whole, blockEnd, 1, [&](Value n) { dots(n, 1); });
    });
  });
}

void moe::cpu::emitDown(KernelBuilder &b, KernelLibrary &library,
                        const NetworkShape &shape, const Network &net,
                        Value gated, const QuantizedRows &levels, Value result,
                        Value begin, Value end, Value first, Value last) {
  if (net.down.isStored())
    emitStoredProduct(b, library, net.down.stored, levels, result,
                      tilesOf(b, first, last, begin, end, {}));
  else
    emitPlainDown(b, shape, net, gated, result, begin, end, first, last);
}

//===----------------------------------------------------------------------===//
// Dense networks
//===----------------------------------------------------------------------===//

/// A matrix that is an argument of a kernel.
static MatrixRef matrixOf(CodeAttr code, Value argument, int64_t rows,
                          int64_t columns) {
  if (code)
    return {{}, {code, rows, columns, argument}};
  return {argument, {}};
}

void moe::cpu::emitMlp(KernelBuilder &b, KernelLibrary &library,
                       const NetworkShape &shape, bool isShared,
                       ValueRange args) {
  ArgumentReader reader(args);
  Value env = reader.next(), input;
  QuantizedRows inputLevels, gatedLevels;
  if (shape.gate)
    inputLevels = reader.nextRows();
  else
    input = reader.next();
  Network net;
  net.gate = matrixOf(shape.gate, reader.next(), shape.width, shape.features);
  net.up = matrixOf(shape.up, reader.next(), shape.width, shape.features);
  net.down = matrixOf(shape.down, reader.next(), shape.features, shape.width);
  Value gateInput, sharedGate, share;
  if (isShared) {
    gateInput = reader.next();
    sharedGate = reader.next();
    share = reader.next();
  }
  Value gated = reader.next(), upped = reader.next();
  if (shape.down)
    gatedLevels = reader.nextRows();
  Value result = reader.next();
  Value rows = b.rowsOf(result), zero = b.index(0);
  if (isShared)
    b.loop(zero, rows, 1, [&](Value row) {
      Value dot = emitDotTile(b, RowRef{gateInput, row},
                              RowRef{sharedGate, zero}, shape.features)[0];
      b.store(b.sigmoid(dot), {share, row}, zero);
    });
  GatedPass pass{b, library, shape, input, inputLevels, {}, gated, upped};
  parallelOutputs(b, env, shape.width, [&](Value first, Value last) {
    pass.run(net, zero, rows, first, last);
  });
  if (shape.down)
    b.parallel(env, rows, [&](Value begin, Value end) {
      emitQuantizeRows(b, library, shape.downRotation, gated, gated,
                       gatedLevels, begin, end);
    });
  parallelOutputs(b, env, shape.features, [&](Value first, Value last) {
    emitDown(b, library, shape, net, gated, gatedLevels, result, zero, rows,
             first, last);
    if (!isShared)
      return;
    b.loop(zero, rows, 1, [&](Value row) {
      Value factor = b.loadScalar({share, row}, zero);
      forOutputs(b, first, last, shape.features, [&](Value n, int64_t lanes) {
        Value y = b.load({result, row}, n, lanes);
        b.store(b.fmul(y, b.broadcast(factor, lanes)), {result, row}, n);
      });
    });
  });
}
