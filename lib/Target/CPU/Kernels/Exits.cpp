//===- Exits.cpp - how sure rows are, and rows put back in their places ---===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

static constexpr float lowest = std::numeric_limits<float>::lowest();

//===----------------------------------------------------------------------===//
// Rows in other places
//===----------------------------------------------------------------------===//

void moe::cpu::emitPlace(KernelBuilder &b, ValueRange args) {
  Value input = args[1], numbers = args[2], into = args[3];
  forRows(b, args[0], input, [&](Value row) {
    copyRow(b, {input, row}, {into, b.loadInt(numbers, row)});
  });
}

void moe::cpu::emitCopyRows(KernelBuilder &b, ValueRange args) {
  Value input = args[1], result = args[2];
  forRows(b, args[0], input,
          [&](Value row) { copyRow(b, {input, row}, {result, row}); });
}

void moe::cpu::emitZeros(KernelBuilder &b, ValueRange args) {
  Value result = args[1];
  forRows(b, args[0], result, [&](Value row) {
    forColumns(b, columnsOf(result), [&](Value column, int64_t lanes) {
      b.store(b.zeros(lanes), {result, row}, column);
    });
  });
}

void moe::cpu::emitPickNumbers(KernelBuilder &b, ValueRange args) {
  Value input = args[0], rows = args[1], result = args[2];
  b.loop(b.index(0), b.rowsOf(rows), 1, [&](Value i) {
    Value number =
        memref::LoadOp::create(b, input, ValueRange{b.loadInt(rows, i)});
    memref::StoreOp::create(b, number, result, ValueRange{i});
  });
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// The natural logarithm of a normal number above 0: with x = m 2^e, m in
/// [sqrt(1/2), sqrt(2)) and s = (m - 1) / (m + 1), ln m = 2 (s + s^3/3 + ...).
static Value log(KernelBuilder &b, Value x) {
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  // Bits of sqrt(1/2), so that the mantissa starts there.
  Value offset = arith::SubIOp::create(b, bits, constant(0x3f3504f3));
  Value exponent = arith::ShRSIOp::create(b, offset, constant(23));
  Value mantissa = arith::SubIOp::create(
      b, bits, arith::ShLIOp::create(b, exponent, constant(23)));
  Value m = arith::BitcastOp::create(b, b.getF32Type(), mantissa);
  Value s = b.fdiv(b.fsub(m, b.f32(1)), b.fadd(m, b.f32(1)));
  Value square = b.fmul(s, s), sum = b.f32(2.0 / 11);
  for (double c : {2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0})
    sum = b.fma(sum, square, b.f32(c));
  Value e = arith::SIToFPOp::create(b, b.getF32Type(), exponent);
  return b.fma(e, b.f32(0.693147180559945309), b.fmul(s, sum));
}

static Value smaller(KernelBuilder &b, Value x, Value y) {
  Value isLess = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, y);
  return b.select(isLess, x, y);
}

namespace {

/// The two largest logits of a row, and sums over its softmax.
struct Distribution {
  KernelBuilder &b;
  RowRef row;
  int64_t columns;

  /// Folds `next(carried, x)` over whole vectors, then over what is left, in
  /// which `filling` takes the lanes that are not there.
  SmallVector<Value>
  fold(ValueRange inits, float filling,
       function_ref<SmallVector<Value>(ValueRange, Value)> next) const {
    int64_t whole = columns / kLanes * kLanes;
    SmallVector<Value> carried(inits);
    if (whole > 0)
      carried = b.loop(b.index(0), b.index(whole), kLanes, inits,
                       [&](Value i, ValueRange values) {
                         return next(values, b.load(row, i, kLanes));
                       });
    if (columns > whole)
      carried = next(carried, tail(whole, filling));
    return carried;
  }

  /// The largest and the next, which is equal to it if two are largest.
  std::pair<Value, Value> findLargest() const {
    Value none = b.like(b.zeros(kLanes), lowest);
    auto keep = [&](ValueRange best, Value x) -> SmallVector<Value> {
      return {b.fmax(best[0], x),
              b.fmax(best[1], smaller(b, best[0], x))};
    };
    SmallVector<Value> lanes = fold({none, none}, lowest, keep);
    SmallVector<Value> best = {b.f32(lowest), b.f32(lowest)};
    for (int64_t lane = 0; lane < kLanes; ++lane)
      for (Value vector : lanes)
        best = keep(best, vector::ExtractOp::create(b, vector, lane));
    return {best[0], best[1]};
  }

  /// The sum of exp(x - top) and, if asked, of (x - top) exp(x - top).
  std::pair<Value, Value> sum(Value top, bool isWeighted) const {
    Value zeros = b.zeros(kLanes), tops = b.broadcast(top, kLanes);
    SmallVector<Value> sums =
        fold({zeros, zeros}, lowest,
             [&](ValueRange carried, Value x) -> SmallVector<Value> {
               Value z = b.fsub(x, tops), e = b.exp(z);
               if (!isWeighted)
                 return {b.fadd(carried[0], e), carried[1]};
               // What is not there, or as good as impossible, weighs nothing.
               Value near = b.fmax(z, b.like(z, -87.0));
               return {b.fadd(carried[0], e),
                       b.fadd(carried[1], b.fmul(near, e))};
             });
    return {b.sumLanes(sums[0]), b.sumLanes(sums[1])};
  }

private:
  Value tail(int64_t first, float filling) const {
    Value x = b.load(row, b.index(first), columns - first);
    if (columns - first == kLanes)
      return x;
    return vector::InsertStridedSliceOp::create(
        b, x, b.like(b.zeros(kLanes), filling), ArrayRef<int64_t>{0},
        ArrayRef<int64_t>{1});
  }
};

} // namespace

static Value confidenceOf(KernelBuilder &b, Confidence kind,
                          const Distribution &distribution) {
  if (distribution.columns == 1)
    return b.f32(1);
  auto [top, second] = distribution.findLargest();
  auto [total, weighted] =
      distribution.sum(top, kind == Confidence::Entropy);
  switch (kind) {
  case Confidence::Top1:
    return b.fdiv(b.f32(1), total);
  case Confidence::Margin:
    return b.fdiv(b.fsub(b.f32(1), b.exp(b.fsub(second, top))), total);
  case Confidence::Entropy:
    Value entropy = b.fsub(log(b, total), b.fdiv(weighted, total));
    double most = std::log(double(distribution.columns));
    return b.fsub(b.f32(1), b.fmul(entropy, b.f32(1 / most)));
  }
  llvm_unreachable("all kinds are above");
}

void moe::cpu::emitConfidence(KernelBuilder &b, Confidence kind,
                              ValueRange args) {
  Value logits = args[1], result = args[2];
  forRows(b, args[0], logits, [&](Value row) {
    Value score =
        confidenceOf(b, kind, {b, {logits, row}, columnsOf(logits)});
    // Rounding must not leave the interval that a threshold lies in. What is not
    // a number becomes 0, which is never sure.
    score = smaller(b, b.f32(1), score);
    Value isPositive =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, score, b.f32(0));
    score = b.select(isPositive, score, b.f32(0));
    b.store(score, {result, row}, b.index(0));
  });
}

void moe::cpu::emitSimilarity(KernelBuilder &b, ValueRange args) {
  Value lhs = args[1], rhs = args[2], result = args[3];
  int64_t columns = columnsOf(lhs), whole = columns / kLanes * kLanes;
  forRows(b, args[0], lhs, [&](Value row) {
    auto add = [&](ValueRange sums, Value x, Value y) -> SmallVector<Value> {
      return {b.fma(x, y, sums[0]), b.fma(x, x, sums[1]),
              b.fma(y, y, sums[2])};
    };
    Value zeros = b.zeros(kLanes);
    SmallVector<Value> sums = {zeros, zeros, zeros};
    if (whole > 0)
      sums = b.loop(b.index(0), b.index(whole), kLanes, sums,
                    [&](Value i, ValueRange carried) {
                      return add(carried, b.load({lhs, row}, i, kLanes),
                                 b.load({rhs, row}, i, kLanes));
                    });
    if (columns > whole) {
      auto rest = [&](Value buffer) {
        return b.padded(
            b.load({buffer, row}, b.index(whole), columns - whole));
      };
      sums = add(sums, rest(lhs), rest(rhs));
    }
    Value length = b.fmul(math::SqrtOp::create(b, b.sumLanes(sums[1])),
                          math::SqrtOp::create(b, b.sumLanes(sums[2])));
    Value isLong = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, length,
                                         b.f32(0));
    Value cosine = b.fdiv(b.sumLanes(sums[0]), length);
    b.store(b.select(isLong, cosine, b.f32(0)), {result, row}, b.index(0));
  });
}

void moe::cpu::emitBest(KernelBuilder &b, ValueRange args) {
  Value input = args[1], result = args[2];
  forRows(b, args[0], input, [&](Value row) {
    Value column = findLargest(b, {input, row}).second;
    Value number = arith::IndexCastOp::create(b, b.getI32Type(), column);
    memref::StoreOp::create(b, number, result, ValueRange{row});
  });
}

void moe::cpu::emitStreak(KernelBuilder &b, ValueRange args) {
  Value best = args[0], result = args.back(), zero = b.index(0);
  b.loop(zero, b.rowsOf(best), 1, [&](Value row) {
    Value length = b.f32(1);
    if (args.size() == 4) {
      Value now = memref::LoadOp::create(b, best, ValueRange{row});
      Value before = memref::LoadOp::create(b, args[1], ValueRange{row});
      Value agrees =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, now, before);
      Value longer = b.fadd(b.loadScalar({args[2], row}, zero), b.f32(1));
      length = b.select(agrees, longer, length);
    }
    b.store(length, {result, row}, zero);
  });
}

//===----------------------------------------------------------------------===//
// Whether a shortlist suffices
//===----------------------------------------------------------------------===//

/// The length of a row, or of the difference to another.
static Value lengthOf(KernelBuilder &b, Value buffer, Value row,
                      Value other = {}) {
  auto square = [&](Value column, int64_t lanes) {
    Value x = b.load({buffer, row}, column, lanes);
    if (other)
      x = b.fsub(x, b.load({other, row}, column, lanes));
    return b.fmul(x, x);
  };
  return math::SqrtOp::create(b, sumOverRow(b, columnsOf(buffer), square));
}

void moe::cpu::emitSurplus(KernelBuilder &b, ValueRange args) {
  Value inside = args[1], outside = args[2], slack = args[3];
  Value features = args[4], near = args[5], result = args[6];
  forRows(b, args[0], inside, [&](Value row) {
    Distribution shortlist{b, {inside, row}, columnsOf(inside)};
    Value best = shortlist.findLargest().first;
    // Not a number if a number is not finite, which no maximum tells.
    Value zeros = b.zeros(kLanes);
    Value poison = b.sumLanes(
        shortlist
            .fold(zeros, /*filling=*/0,
                  [&](ValueRange carried, Value x) -> SmallVector<Value> {
                    return {b.fma(x, zeros, carried.front())};
                  })
            .front());
    // Squares of less vanish; what is too large is a bound, too.
    Value length = b.fmax(b.f32(0x1p-40), lengthOf(b, features, row));
    Value distance = lengthOf(b, features, row, near);
    auto bound = [&](Value j) {
      Value ofError =
          b.fmul(b.loadScalar({slack, j}, b.index(0)), length);
      Value ofFeatures =
          b.fmul(b.loadScalar({slack, j}, b.index(1)), distance);
      return b.fadd(b.loadScalar({outside, row}, j),
                    b.fadd(ofError, ofFeatures));
    };
    auto fold = [&](Value &most, Value &poison, Value bound) {
      most = b.fmax(most, bound);
      poison = b.fma(bound, b.f32(0), poison);
    };
    // Four at a time: each maximum waits for the one before it.
    int64_t count = columnsOf(outside), whole = count / 4 * 4;
    SmallVector<Value> most(4, b.f32(lowest));
    most.append(4, b.f32(0));
    most = b.loop(b.index(0), b.index(whole), 4, most,
                  [&](Value j, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    for (int64_t i = 0; i < 4; ++i)
                      fold(next[i], next[4 + i], bound(b.add(j, i)));
                    return next;
                  });
    for (int64_t j = whole; j < count; ++j)
      fold(most[0], most[4], bound(b.index(j)));
    Value rival = b.fmax(b.fmax(most[0], most[1]), b.fmax(most[2], most[3]));
    for (Value other : ArrayRef(most).take_back(4))
      poison = b.fadd(poison, other);
    b.store(b.fadd(b.fsub(best, rival), poison), {result, row}, b.index(0));
  });
}

void moe::cpu::emitSpread(KernelBuilder &b, KernelLibrary &library,
                          StringRef name, ArrayRef<int32_t> columns,
                          ValueRange args) {
  Value input = args[1], result = args[2];
  forRows(b, args[0], input, [&](Value row) {
    forColumns(b, columnsOf(result), [&](Value column, int64_t lanes) {
      Value none =
          b.like(b.zeros(lanes), -std::numeric_limits<double>::infinity());
      b.store(none, {result, row}, column);
    });
    Value places = library.getTable(b, name, columns);
    b.loop(b.index(0), b.index(columns.size()), 1, [&](Value i) {
      b.store(b.loadScalar({input, row}, i), {result, row},
              b.loadInt(places, i));
    });
  });
}

void moe::cpu::emitLogistic(KernelBuilder &b, ArrayRef<double> weights,
                            double bias, ValueRange args) {
  Value result = args.back(), zero = b.index(0);
  b.loop(zero, b.rowsOf(result), 1, [&](Value row) {
    Value sum = b.f32(0);
    for (auto [weight, feature] : llvm::zip_equal(weights, args.drop_back()))
      sum = b.fadd(sum, b.fmul(b.f32(weight),
                               b.loadScalar({feature, row}, zero)));
    b.store(b.sigmoid(b.fadd(b.f32(bias), sum)), {result, row}, zero);
  });
}
