//===- FeedForward.cpp - gated networks, dense and by expert --------------===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

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

namespace {

/// Splits `size` outputs among the workers in groups of 16.
void parallelOutputs(KernelBuilder &b, Value env, int64_t size,
                     function_ref<void(Value first, Value last)> body) {
  Value groups = b.index(llvm::divideCeil(size, kLanes));
  b.parallel(env, groups, [&](Value begin, Value end) {
    body(b.mul(begin, kLanes), b.min(b.mul(end, kLanes), b.index(size)));
  });
}

/// Calls body for [first, last) in vectors of 16 and, where `size` has a rest,
/// single features.
void forOutputs(KernelBuilder &b, Value first, Value last, int64_t size,
                function_ref<void(Value, int64_t)> body) {
  Value whole = b.wholeSteps(first, last, kLanes, size);
  b.loop(first, whole, kLanes, [&](Value n) { body(n, kLanes); });
  if (whole != last)
    b.loop(whole, last, 1, [&](Value n) { body(n, 1); });
}

/// One gated network: gate and up <IxDxT>, down <DxIxT>.
struct Network {
  Value gate, up, down;
  int64_t width, features;
  Type element;
};

/// Works on [begin, end) rows of the scratch buffers; `inputRow` says which row
/// of the input each of them comes from.
struct GatedPass {
  KernelBuilder &b;
  Value input, gated, upped;
  Activation activation;
  llvm::function_ref<Value(Value)> inputRow;

  SmallVector<RowRef> inputsOf(ArrayRef<Value> rows) const {
    SmallVector<RowRef> inputs;
    for (Value row : rows)
      inputs.push_back({input, inputRow(row)});
    return inputs;
  }

  /// Outputs n and n+1 of both matrices in one tile.
  void pair(const Network &net, ArrayRef<Value> rows, Value n) const {
    SmallVector<RowRef> weights;
    for (Value matrix : {net.gate, net.up})
      for (int64_t i = 0; i < 2; ++i)
        weights.push_back({matrix, b.add(n, i)});
    SmallVector<Value> sums =
        emitDotTile(b, inputsOf(rows), weights, net.features);
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
  void singles(const Network &net, ArrayRef<Value> rows, Value first,
               Value last) const {
    for (auto [matrix, target] : {std::pair(net.gate, gated), {net.up, upped}})
      b.loop(first, last, 1, [&](Value n) {
        SmallVector<Value> sums = emitDotTile(b, inputsOf(rows),
                                              RowRef{matrix, n}, net.features);
        for (auto [sum, row] : llvm::zip(sums, rows))
          b.store(sum, {target, row}, n);
      });
  }

  void activateRow(Value row, Value n, int64_t lanes) const {
    Value g = b.load({gated, row}, n, lanes);
    Value u = b.load({upped, row}, n, lanes);
    b.store(b.fmul(activate(b, activation, g), u), {gated, row}, n);
  }

  /// Outputs [first, last) of the rows: first is a multiple of 16, and last
  /// too unless it is the width.
  void run(const Network &net, Value begin, Value end, Value first,
           Value last) const {
    int64_t block = getCacheBlock(net.features, net.element, kLanes);
    b.loop(first, last, block, [&](Value blockBegin) {
      Value blockEnd = b.min(b.add(blockBegin, block), last);
      b.tiles(begin, end, kTileRows, [&](Value row, int64_t count) {
        SmallVector<Value> rows;
        for (int64_t i = 0; i < count; ++i)
          rows.push_back(b.add(row, i));
        Value rest = blockBegin;
        if (getTileWeights(count) > 1) {
          rest = b.wholeSteps(blockBegin, blockEnd, 2, net.width);
          b.loop(blockBegin, rest, 2, [&](Value n) { pair(net, rows, n); });
        }
        if (rest != blockEnd)
          singles(net, rows, rest, blockEnd);
        for (Value r : rows)
          forOutputs(b, blockBegin, blockEnd, net.width,
                     [&](Value n, int64_t lanes) { activateRow(r, n, lanes); });
      });
    });
  }
};

/// result[row, n] = down[n] . gated[row] for n in [first, last).
void emitDown(KernelBuilder &b, const Network &net, Value gated, Value result,
              Value begin, Value end, Value first, Value last) {
  int64_t block = getCacheBlock(net.width, net.element, kLanes);
  b.loop(first, last, block, [&](Value blockBegin) {
    Value blockEnd = b.min(b.add(blockBegin, block), last);
    b.tiles(begin, end, kTileRows, [&](Value row, int64_t count) {
      SmallVector<RowRef> inputs;
      for (int64_t i = 0; i < count; ++i)
        inputs.push_back({gated, b.add(row, i)});
      auto dots = [&](Value n, int64_t outputs) {
        SmallVector<RowRef> weights;
        for (int64_t i = 0; i < outputs; ++i)
          weights.push_back({net.down, b.add(n, i)});
        SmallVector<Value> sums = emitDotTile(b, inputs, weights, net.width);
        for (auto [i, sum] : llvm::enumerate(sums))
          b.store(sum, {result, inputs[i].row}, n);
      };
      int64_t width = getTileWeights(count);
      Value whole = b.wholeSteps(blockBegin, blockEnd, width, net.features);
      b.loop(blockBegin, whole, width, [&](Value n) { dots(n, width); });
      if (whole != blockEnd)
        b.loop(whole, blockEnd, 1, [&](Value n) { dots(n, 1); });
    });
  });
}

} // namespace

void moe::cpu::emitMlp(KernelBuilder &b, Activation activation, bool isShared,
                       ValueRange args) {
  Value env = args[0], input = args[1], result = args.back();
  Value gated = args[args.size() - 3], upped = args[args.size() - 2];
  auto gateType = cast<MemRefType>(args[2].getType());
  Network net{args[2],
              args[3],
              args[4],
              gateType.getDimSize(0),
              gateType.getDimSize(1),
              gateType.getElementType()};
  Value rows = memref::DimOp::create(b, input, 0);
  Value zero = b.index(0);
  Value share;
  if (isShared) {
    share = args[6];
    RowRef gate{args[5], zero};
    b.loop(zero, rows, 1, [&](Value row) {
      Value dot = emitDotTile(b, RowRef{input, row}, gate, net.features)[0];
      b.store(b.sigmoid(dot), {share, row}, zero);
    });
  }
  auto sameRow = [](Value row) { return row; };
  GatedPass pass{b, input, gated, upped, activation, sameRow};
  parallelOutputs(b, env, net.width, [&](Value first, Value last) {
    pass.run(net, zero, rows, first, last);
  });
  parallelOutputs(b, env, net.features, [&](Value first, Value last) {
    emitDown(b, net, gated, result, zero, rows, first, last);
    if (!isShared)
      return;
    b.loop(zero, rows, 1, [&](Value row) {
      Value factor = b.loadScalar({share, row}, zero);
      forOutputs(b, first, last, net.features, [&](Value n, int64_t lanes) {
        Value y = b.load({result, row}, n, lanes);
        b.store(b.fmul(y, b.broadcast(factor, lanes)), {result, row}, n);
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

void moe::cpu::emitSortAssignments(KernelBuilder &b, const BankShape &bank,
                                   ValueRange args) {
  Value experts = args[0], weights = args[1], first = args[2];
  Value cursor = args[3], rowOf = args[4], ofRow = args[5], sorted = args[6];
  Value zero = b.index(0), k = b.index(bank.chosen);
  Value rows = memref::DimOp::create(b, experts, 0);
  auto toInt = [&](Value i) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), i);
  };
  auto put = [&](Value value, Value buffer, ValueRange at) {
    memref::StoreOp::create(b, toInt(value), buffer, at);
  };
  auto equal = [&](Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y);
  };
  auto expertOf = [&](Value row, Value j) {
    return b.loadInt(experts, {row, j});
  };
  auto forAll = [&](function_ref<void(Value, Value)> body) {
    b.loop(zero, rows, 1, [&](Value row) {
      b.loop(zero, k, 1, [&](Value j) { body(row, j); });
    });
  };

  // first[e] = assignments to experts before e.
  b.loop(zero, b.index(bank.experts + 1), 1,
         [&](Value e) { put(zero, first, e); });
  forAll([&](Value row, Value j) {
    Value next = b.add(expertOf(row, j), 1);
    put(b.add(b.loadInt(first, next), 1), first, next);
  });
  b.loop(zero, b.index(bank.experts), 1, [&](Value e) {
    Value here = b.loadInt(first, e), next = b.add(e, 1);
    put(here, cursor, e);
    put(b.add(b.loadInt(first, next), here), first, next);
  });

  // Rows of one expert stay in order. The place of an assignment among those
  // of its row is the number of lower experts there; were an expert chosen
  // twice, the places would still be distinct.
  forAll([&](Value row, Value j) {
    Value expert = expertOf(row, j);
    Value at = b.loadInt(cursor, expert);
    put(b.add(at, 1), cursor, expert);
    put(row, rowOf, {at, zero});
    Value place =
        b.loop(zero, k, 1, zero,
               [&](Value other, ValueRange carried) -> SmallVector<Value> {
                 Value that = expertOf(row, other);
                 Value same = arith::AndIOp::create(
                     b, equal(that, expert), b.less(other, j));
                 Value before =
                     arith::OrIOp::create(b, b.less(that, expert), same);
                 Value one = arith::IndexCastUIOp::create(
                     b, b.getIndexType(), before);
                 return {b.add(carried.front(), one)};
               })
            .front();
    put(at, ofRow, {row, place});
    b.store(b.loadScalar({weights, row}, j), {sorted, row}, place);
  });
}

void moe::cpu::emitExperts(KernelBuilder &b, const BankShape &bank,
                           Activation activation, ValueRange args) {
  Value env = args[0], input = args[1], addresses = args[2], first = args[3];
  Value rowOf = args[4], ofRow = args[5], weights = args[6], gated = args[7];
  Value upped = args[8], parts = args[9], result = args[10];
  Value zero = b.index(0);
  int64_t matrixBytes = bank.width * bank.features *
                        bank.element.getIntOrFloatBitWidth() / 8;

  // An expert's three matrices lie one after the other at its address.
  auto forExperts = [&](function_ref<void(const Network &, Value, Value)> body) {
    b.loop(zero, b.index(bank.experts), 1, [&](Value e) {
      Value begin = b.loadInt(first, e), end = b.loadInt(first, b.add(e, 1));
      b.when(b.less(begin, end), [&] {
        Value slot = b.pointerAt(addresses, b.mul(e, sizeof(void *)));
        Value base = LLVM::LoadOp::create(
            b, LLVM::LLVMPointerType::get(b.getContext()), slot);
        auto matrix = [&](int64_t i, int64_t rows, int64_t columns) {
          return b.bufferAt(b.pointerAt(base, b.index(i * matrixBytes)),
                            MemRefType::get({rows, columns}, bank.element), {});
        };
        Network net{matrix(0, bank.width, bank.features),
                    matrix(1, bank.width, bank.features),
                    matrix(2, bank.features, bank.width),
                    bank.width,
                    bank.features,
                    bank.element};
        body(net, begin, end);
      });
    });
  };

  auto inputRow = [&](Value row) { return b.loadInt(rowOf, {row, zero}); };
  GatedPass pass{b, input, gated, upped, activation, inputRow};
  parallelOutputs(b, env, bank.width, [&](Value from, Value to) {
    forExperts([&](const Network &net, Value begin, Value end) {
      pass.run(net, begin, end, from, to);
    });
  });

  Value rows = memref::DimOp::create(b, input, 0);
  parallelOutputs(b, env, bank.features, [&](Value from, Value to) {
    forExperts([&](const Network &net, Value begin, Value end) {
      emitDown(b, net, gated, parts, begin, end, from, to);
    });
    b.loop(zero, rows, 1, [&](Value row) {
      forOutputs(b, from, to, bank.features, [&](Value n, int64_t lanes) {
        Value sum = b.loop(
                         zero, b.index(bank.chosen), 1, b.zeros(lanes),
                         [&](Value j, ValueRange carried) -> SmallVector<Value> {
                           Value at = b.loadInt(ofRow, {row, j});
                           Value w = b.loadScalar({weights, row}, j);
                           Value y = b.load({parts, at}, n, lanes);
                           return {b.fma(b.broadcast(w, lanes), y,
                                         carried.front())};
                         })
                        .front();
        b.store(sum, {result, row}, n);
      });
    });
  });
}
