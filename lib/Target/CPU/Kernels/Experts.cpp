//===- Experts.cpp - the chosen experts of each row -----------------------===//
#include "FeedForward.h"
#include "moe/HostCode/OffloadCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

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

/// Experts that are run together: all that any row chose, or those of them that
/// have arrived.
class Wave {
public:
  /// `ready` gets the experts, `ends` how many assignments those before have.
  Wave(KernelBuilder &b, int64_t experts, Value first, Value ready, Value ends)
      : b(b), experts(experts), first(first), ready(ready), ends(ends),
        zero(b.index(0)) {}

  /// Makes `ready` the experts that have assignments; returns how many.
  Value fillWithChosen() const {
    return b
        .loop(zero, b.index(experts), 1, zero,
              [&](Value e, ValueRange carried) -> SmallVector<Value> {
                Value n = carried.front();
                Value begin = b.loadInt(first, e);
                Value isChosen = b.less(begin, b.loadInt(first, b.add(e, 1)));
                // Harmless where the expert is not chosen: n does not grow.
                put(e, ready, n);
                return {b.add(n, arith::IndexCastUIOp::create(
                                     b, b.getIndexType(), isChosen))};
              })
        .front();
  }

  /// From now on this is `count` experts.
  void begin(Value newCount) {
    count = newCount;
    total = b.loop(zero, count, 1, zero,
                   [&](Value i, ValueRange carried) -> SmallVector<Value> {
                     Value before = carried.front();
                     put(before, ends, i);
                     auto [low, high] = assignmentsOf(b.loadInt(ready, i));
                     return {b.add(before, b.sub(high, low))};
                   })
                .front();
  }

  /// Splits the work evenly, whatever the router does: an assignment takes as
  /// many units as there are groups of 16 outputs, and each worker gets a run of
  /// units, experts outermost. So it reads few, long runs of weights: with one
  /// row, mostly whole experts.
  void forOutputsOfEach(Value env, int64_t outputs,
                        function_ref<void(const ExpertSlice &)> body) const {
    Value groups = b.index(llvm::divideCeil(outputs, kLanes));
    b.parallel(env, b.mul(total, groups), [&](Value low, Value high) {
      b.loop(zero, count, 1, [&](Value i) {
        Value expert = b.loadInt(ready, i), before = b.loadInt(ends, i);
        Value begin, end;
        std::tie(begin, end) = assignmentsOf(expert);
        Value size = b.sub(end, begin);
        // The first group of this expert at or after a unit.
        auto outputAt = [&](Value unit) {
          Value inside = b.sub(unit, b.mul(before, groups));
          inside = b.min(b.max(inside, zero), b.mul(size, groups));
          Value group = arith::DivUIOp::create(
              b, b.add(inside, b.sub(size, b.index(1))), size);
          return b.min(b.mul(group, kLanes), b.index(outputs));
        };
        Value from = outputAt(low), to = outputAt(high);
        b.when(b.less(from, to),
               [&] { body({expert, begin, end, from, to}); });
      });
    });
  }

  /// Splits the assignments evenly; the body gets runs of them.
  void forAssignments(Value env,
                      function_ref<void(Value begin, Value end)> body) const {
    b.parallel(env, total, [&](Value low, Value high) {
      b.loop(zero, count, 1, [&](Value i) {
        Value before = b.loadInt(ends, i);
        auto [begin, end] = assignmentsOf(b.loadInt(ready, i));
        Value size = b.sub(end, begin);
        auto inside = [&](Value at) {
          return b.min(b.max(b.sub(at, before), zero), size);
        };
        Value from = b.add(begin, inside(low)), to = b.add(begin, inside(high));
        b.when(b.less(from, to), [&] { body(from, to); });
      });
    });
  }

private:
  void put(Value value, Value buffer, Value at) const {
    Value narrow = arith::IndexCastOp::create(b, b.getI32Type(), value);
    memref::StoreOp::create(b, narrow, buffer, at);
  }
  std::pair<Value, Value> assignmentsOf(Value expert) const {
    return {b.loadInt(first, expert), b.loadInt(first, b.add(expert, 1))};
  }

  KernelBuilder &b;
  int64_t experts;
  Value first, ready, ends, zero, count, total;
};

} // namespace

namespace {

/// Where the matrices of an expert lie: one after the other.
class ExpertReader {
public:
  ExpertReader(KernelBuilder &b, const NetworkShape &shape, Value addresses)
      : b(b), shape(shape), addresses(addresses) {}

  Network get(Value expert) {
    Value slot = b.pointerAt(addresses, b.mul(expert, sizeof(void *)));
    base = LLVM::LoadOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), slot);
    offset = 0;
    Network net;
    net.gate = next(shape.gate, shape.width, shape.features);
    net.up = next(shape.up, shape.width, shape.features);
    net.down = next(shape.down, shape.features, shape.width);
    return net;
  }

private:
  MatrixRef next(CodeAttr code, int64_t rows, int64_t columns) {
    Value address = b.pointerAt(base, b.index(offset));
    if (code) {
      int64_t alignment = llvm::MinAlign(StoredWeight().alignment, offset);
      offset += code.getMatrixBytes(rows, columns);
      return {{}, {code, rows, columns, address, alignment}};
    }
    offset += rows * columns * shape.element.getIntOrFloatBitWidth() / 8;
    auto type = MemRefType::get({rows, columns}, shape.element);
    return {b.bufferAt(address, type, {}), {}};
  }

  KernelBuilder &b;
  const NetworkShape &shape;
  Value addresses, base;
  int64_t offset = 0;
};

/// result[row] = sum of the parts of its assignments, in the order of experts.
void emitCombine(KernelBuilder &b, const BankShape &bank, Value env,
                 Value ofRow, Value weights, Value parts, Value result) {
  Value zero = b.index(0), features = b.index(bank.network.features);
  auto sumOf = [&](Value row, Value n, int64_t lanes) {
    return b
        .loop(zero, b.index(bank.chosen), 1, b.zeros(lanes),
              [&](Value j, ValueRange carried) -> SmallVector<Value> {
                Value at = b.loadInt(ofRow, {row, j});
                Value w = b.loadScalar({weights, row}, j);
                Value y = b.load({parts, at}, n, lanes);
                return {b.fma(b.broadcast(w, lanes), y, carried.front())};
              })
        .front();
  };
  b.parallel(env, b.rowsOf(result), [&](Value firstRow, Value lastRow) {
    b.loop(firstRow, lastRow, 1, [&](Value row) {
      forOutputs(b, zero, features, bank.network.features,
                 [&](Value n, int64_t lanes) {
                   b.store(sumOf(row, n, lanes), {result, row}, n);
                 });
    });
  });
}

} // namespace

void moe::cpu::emitExperts(KernelBuilder &b, KernelLibrary &library,
                           const BankShape &bank, ValueRange args) {
  const NetworkShape &shape = bank.network;
  ArgumentReader reader(args);
  Value env = reader.next(), input;
  QuantizedRows inputLevels, gatedLevels;
  if (shape.gate)
    inputLevels = reader.nextRows();
  else
    input = reader.next();
  Value addresses = reader.next(), first = reader.next();
  Value rowOf = reader.next(), ofRow = reader.next(), weights = reader.next();
  Value gated = reader.next(), upped = reader.next();
  if (shape.down)
    gatedLevels = reader.nextRows();
  Value parts = reader.next(), ready = reader.next(), ends = reader.next();
  Value taker, layer;
  if (bank.comes) {
    taker = reader.next();
    layer = reader.next();
  }
  Value result = reader.next();

  ExpertReader reads(b, shape, addresses);
  GatedPass pass{b, library, shape, input, inputLevels, rowOf, gated, upped};
  Wave wave(b, bank.experts, first, ready, ends);
  auto run = [&](Value count) {
    wave.begin(count);
    wave.forOutputsOfEach(env, shape.width, [&](const ExpertSlice &s) {
      pass.run(reads.get(s.expert), s.begin, s.end, s.from, s.to);
    });
    if (shape.down)
      wave.forAssignments(env, [&](Value begin, Value end) {
        emitQuantizeRows(b, library, shape.downRotation, gated, gated,
                         gatedLevels, begin, end);
      });
    wave.forOutputsOfEach(env, shape.features, [&](const ExpertSlice &s) {
      emitDown(b, library, shape, reads.get(s.expert), gated, gatedLevels,
               parts, s.begin, s.end, s.from, s.to);
    });
  };
  if (!bank.comes) {
    run(wave.fillWithChosen());
  } else {
    // Parts are added up at the end, so the order of waves changes nothing.
    OffloadCalls::forWaves(b, taker, layer, ready,
                           [&] { return wave.fillWithChosen(); }, run);
  }
  emitCombine(b, bank, env, ofRow, weights, parts, result);
}
