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

namespace {

/// Sorts the assignments of rows to experts, as the kernel's arguments name them.
struct AssignmentSorter {
  KernelBuilder &b;
  Value experts, weights, first, cursor, rowOf, ofRow, sorted;
  Value zero, chosen, rows;

  void put(Value value, Value buffer, ValueRange at) const {
    Value narrow = arith::IndexCastOp::create(b, b.getI32Type(), value);
    memref::StoreOp::create(b, narrow, buffer, at);
  }
  Value expertOf(Value row, Value j) const {
    return b.loadInt(experts, {row, j});
  }
  void forAll(function_ref<void(Value row, Value j)> body) const {
    b.loop(zero, rows, 1, [&](Value row) {
      b.loop(zero, chosen, 1, [&](Value j) { body(row, j); });
    });
  }

  /// first[e] = cursor[e] = number of assignments to experts before e.
  void count(int64_t bank) const {
    b.loop(zero, b.index(bank + 1), 1, [&](Value e) { put(zero, first, e); });
    forAll([&](Value row, Value j) {
      Value next = b.add(expertOf(row, j), 1);
      put(b.add(b.loadInt(first, next), 1), first, next);
    });
    b.loop(zero, b.index(bank), 1, [&](Value e) {
      Value here = b.loadInt(first, e), next = b.add(e, 1);
      put(here, cursor, e);
      put(b.add(b.loadInt(first, next), here), first, next);
    });
  }

  /// The number of assignments of the row that come before its j-th one: those
  /// to lower experts. Were an expert chosen twice, places would still differ.
  Value placeOf(Value row, Value j, Value expert) const {
    auto isBefore = [&](Value other) -> Value {
      Value that = expertOf(row, other);
      Value isSame =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, that, expert);
      isSame = arith::AndIOp::create(b, isSame, b.less(other, j));
      return arith::OrIOp::create(b, b.less(that, expert), isSame);
    };
    return b
        .loop(zero, chosen, 1, zero,
              [&](Value other, ValueRange carried) -> SmallVector<Value> {
                Value one = arith::IndexCastUIOp::create(b, b.getIndexType(),
                                                         isBefore(other));
                return {b.add(carried.front(), one)};
              })
        .front();
  }

  /// Rows of one expert stay in order.
  void place() const {
    forAll([&](Value row, Value j) {
      Value expert = expertOf(row, j);
      Value at = b.loadInt(cursor, expert);
      put(b.add(at, 1), cursor, expert);
      put(row, rowOf, {at, zero});
      Value place = placeOf(row, j, expert);
      put(at, ofRow, {row, place});
      b.store(b.loadScalar({weights, row}, j), {sorted, row}, place);
    });
  }
};

} // namespace

void moe::cpu::emitSortAssignments(KernelBuilder &b, const BankShape &bank,
                                   ValueRange args) {
  Value rows = memref::DimOp::create(b, args[0], 0);
  AssignmentSorter sorter{b,       args[0], args[1],    args[2],
                          args[3], args[4], args[5],    args[6],
                          b.index(0), b.index(bank.chosen), rows};
  sorter.count(bank.experts);
  sorter.place();
}

namespace {

/// What one worker does for one expert: assignments [begin, end) times outputs
/// [from, to).
struct ExpertSlice {
  Value expert, begin, end, from, to;
};

/// Splits the work of all chosen experts evenly, whatever the router does: an
/// assignment takes as many units as there are groups of 16 outputs, and each
/// worker gets a run of units, experts outermost. So it reads few, long runs of
/// weights: with one row, mostly whole experts.
void parallelExperts(KernelBuilder &b, Value env, Value first, int64_t experts,
                     int64_t outputs,
                     function_ref<void(const ExpertSlice &)> body) {
  Value groups = b.index(llvm::divideCeil(outputs, kLanes)), zero = b.index(0);
  Value units = b.mul(b.loadInt(first, b.index(experts)), groups);
  b.parallel(env, units, [&](Value low, Value high) {
    b.loop(zero, b.index(experts), 1, [&](Value e) {
      Value begin = b.loadInt(first, e), end = b.loadInt(first, b.add(e, 1));
      b.when(b.less(begin, end), [&] {
        Value count = b.sub(end, begin);
        // The first group of this expert at or after a unit.
        auto outputAt = [&](Value unit) {
          Value inside = b.sub(unit, b.mul(begin, groups));
          inside = b.min(b.max(inside, zero), b.mul(count, groups));
          Value group = arith::DivUIOp::create(
              b, b.add(inside, b.sub(count, b.index(1))), count);
          return b.min(b.mul(group, kLanes), b.index(outputs));
        };
        Value from = outputAt(low), to = outputAt(high);
        b.when(b.less(from, to), [&] { body({e, begin, end, from, to}); });
      });
    });
  });
}

} // namespace

void moe::cpu::emitExperts(KernelBuilder &b, const BankShape &bank,
                           Activation activation, ValueRange args) {
  Value env = args[0], input = args[1], addresses = args[2], first = args[3];
  Value rowOf = args[4], ofRow = args[5], weights = args[6], gated = args[7];
  Value upped = args[8], parts = args[9], result = args[10];
  Value zero = b.index(0);
  int64_t matrixBytes = bank.width * bank.features *
                        bank.element.getIntOrFloatBitWidth() / 8;

  // An expert's three matrices lie one after the other at its address.
  auto networkOf = [&](Value e) {
    Value slot = b.pointerAt(addresses, b.mul(e, sizeof(void *)));
    Value base = LLVM::LoadOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), slot);
    auto matrix = [&](int64_t i, int64_t rows, int64_t columns) {
      return b.bufferAt(b.pointerAt(base, b.index(i * matrixBytes)),
                        MemRefType::get({rows, columns}, bank.element), {});
    };
    return Network{matrix(0, bank.width, bank.features),
                   matrix(1, bank.width, bank.features),
                   matrix(2, bank.features, bank.width),
                   bank.width,
                   bank.features,
                   bank.element};
  };

  auto inputRow = [&](Value row) { return b.loadInt(rowOf, {row, zero}); };
  GatedPass pass{b, input, gated, upped, activation, inputRow};
  parallelExperts(b, env, first, bank.experts, bank.width,
                  [&](const ExpertSlice &s) {
                    pass.run(networkOf(s.expert), s.begin, s.end, s.from, s.to);
                  });
  parallelExperts(b, env, first, bank.experts, bank.features,
                  [&](const ExpertSlice &s) {
                    emitDown(b, networkOf(s.expert), gated, parts, s.begin,
                             s.end, s.from, s.to);
                  });

  Value rows = memref::DimOp::create(b, input, 0);
  Value features = b.index(bank.features);
  b.parallel(env, rows, [&](Value firstRow, Value lastRow) {
    b.loop(firstRow, lastRow, 1, [&](Value row) {
      forOutputs(b, zero, features, bank.features, [&](Value n, int64_t lanes) {
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
