//===- Rows.cpp - kernels that treat each row for itself ------------------===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

void moe::cpu::forColumns(
    KernelBuilder &b, int64_t columns,
    function_ref<void(Value column, int64_t lanes)> body) {
  int64_t whole = columns / kLanes * kLanes;
  if (whole > 0)
    b.loop(b.index(0), b.index(whole), kLanes,
           [&](Value column) { body(column, kLanes); });
  if (columns > whole)
    body(b.index(whole), columns - whole);
}

void moe::cpu::forRows(KernelBuilder &b, Value env, Value like,
                       function_ref<void(Value)> body) {
  Value rows = memref::DimOp::create(b, like, 0);
  b.parallel(env, rows,
             [&](Value begin, Value end) { b.loop(begin, end, 1, body); });
}

void moe::cpu::copyRow(KernelBuilder &b, RowRef from, RowRef to) {
  forColumns(b, columnsOf(to.buffer), [&](Value column, int64_t lanes) {
    b.store(b.load(from, column, lanes), to, column);
  });
}

Value moe::cpu::sumOverRow(
    KernelBuilder &b, int64_t columns,
    function_ref<Value(Value column, int64_t lanes)> term) {
  Value sum = b.zeros(kLanes);
  int64_t whole = columns / kLanes * kLanes;
  if (whole > 0)
    sum = b.loop(b.index(0), b.index(whole), kLanes, sum,
                 [&](Value i, ValueRange carried) -> SmallVector<Value> {
                   return {b.fadd(carried.front(), term(i, kLanes))};
                 })
              .front();
  if (columns > whole)
    sum = b.fadd(sum, b.padded(term(b.index(whole), columns - whole)));
  return b.sumLanes(sum);
}

std::pair<Value, Value> moe::cpu::findLargest(KernelBuilder &b, RowRef row) {
  Value zero = b.index(0);
  SmallVector<Value> best =
      b.loop(b.index(1), b.index(columnsOf(row.buffer)), 1,
             ValueRange{b.loadScalar(row, zero), zero},
             [&](Value i, ValueRange carried) -> SmallVector<Value> {
               Value x = b.loadScalar(row, i);
               Value greater = arith::CmpFOp::create(
                   b, arith::CmpFPredicate::OGT, x, carried[0]);
               return {arith::SelectOp::create(b, greater, x, carried[0]),
                       arith::SelectOp::create(b, greater, i, carried[1])};
             });
  return {best[0], best[1]};
}

/// result[row] = source[numbers[row]]
static void emitGather(KernelBuilder &b, Value env, Value source, Value numbers,
                       Value result) {
  forRows(b, env, result, [&](Value row) {
    copyRow(b, {source, b.loadInt(numbers, row)}, {result, row});
  });
}

void moe::cpu::emitEmbed(KernelBuilder &b, ValueRange args) {
  emitGather(b, args[0], /*source=*/args[2], /*numbers=*/args[1], args[3]);
}

void moe::cpu::emitPick(KernelBuilder &b, ValueRange args) {
  emitGather(b, args[0], /*source=*/args[1], /*numbers=*/args[2], args[3]);
}

void moe::cpu::emitAdd(KernelBuilder &b, ValueRange args) {
  Value lhs = args[1], rhs = args[2], result = args[3];
  forRows(b, args[0], result, [&](Value row) {
    forColumns(b, columnsOf(result), [&](Value column, int64_t lanes) {
      Value sum = b.fadd(b.load({lhs, row}, column, lanes),
                         b.load({rhs, row}, column, lanes));
      b.store(sum, {result, row}, column);
    });
  });
}

void moe::cpu::emitClamp(KernelBuilder &b, double limit, ValueRange args) {
  Value input = args[1], result = args[2];
  forRows(b, args[0], result, [&](Value row) {
    forColumns(b, columnsOf(result), [&](Value column, int64_t lanes) {
      Value x = b.load({input, row}, column, lanes);
      Value high = b.like(x, limit), low = b.like(x, -limit);
      Value above =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, high);
      x = arith::SelectOp::create(b, above, high, x);
      Value below = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, low);
      x = arith::SelectOp::create(b, below, low, x);
      b.store(x, {result, row}, column);
    });
  });
}

/// Adds term(x) over the features of one group.
static Value sumOver(KernelBuilder &b, RowRef row, Value first, int64_t size,
                     function_ref<Value(Value)> term) {
  return sumOverRow(b, size, [&](Value column, int64_t lanes) {
    return term(b.load(row, b.add(first, column), lanes));
  });
}

void moe::cpu::emitNorm(KernelBuilder &b, NormKind kind, double epsilon,
                        int64_t groups, ValueRange args) {
  Value input = args[1], scale = args[2], result = args[3];
  int64_t size = columnsOf(input) / groups;
  auto normGroup = [&](Value row, Value first) {
    RowRef from{input, row}, to{result, row};
    Value inverse = b.f32(1.0 / size), mean;
    if (kind == NormKind::Layer)
      mean = b.fmul(sumOver(b, from, first, size, [](Value x) { return x; }),
                    inverse);
    auto centred = [&](Value x) {
      if (!mean)
        return x;
      int64_t lanes = cast<VectorType>(x.getType()).getDimSize(0);
      return b.fsub(x, b.broadcast(mean, lanes));
    };
    Value squares = sumOver(b, from, first, size, [&](Value x) {
      Value c = centred(x);
      return b.fmul(c, c);
    });
    Value variance = b.fadd(b.fmul(squares, inverse), b.f32(epsilon));
    Value factor = b.fdiv(b.f32(1.0), math::SqrtOp::create(b, variance));
    forColumns(b, size, [&](Value column, int64_t lanes) {
      Value at = b.add(first, column);
      Value x =
          b.fmul(centred(b.load(from, at, lanes)), b.broadcast(factor, lanes));
      Value w = b.load({scale, b.index(0)}, column, lanes);
      b.store(b.fmul(x, w), to, at);
    });
  };
  forRows(b, args[0], result, [&](Value row) {
    b.loop(b.index(0), b.index(groups * size), size,
           [&](Value first) { normGroup(row, first); });
  });
}
