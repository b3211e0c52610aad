//===- Predict.cpp - scores of experts, and the guesses made of them ------===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

/// The last of `init` and `next(carried, e)` for e in [begin, end).
static Value fold(KernelBuilder &b, int64_t begin, int64_t end, Value init,
                  function_ref<Value(Value, Value)> next) {
  return b
      .loop(b.index(begin), b.index(end), 1, init,
            [&](Value e, ValueRange carried) -> SmallVector<Value> {
              return {next(carried.front(), e)};
            })
      .front();
}

static Value largestOf(KernelBuilder &b, Value buffer, Value row) {
  return fold(b, 1, columnsOf(buffer), b.loadScalar({buffer, row}, b.index(0)),
              [&](Value most, Value e) {
                return b.fmax(most, b.loadScalar({buffer, row}, e));
              });
}

void moe::cpu::emitDistribution(KernelBuilder &b, ValueRange args) {
  Value logits = args[1], result = args[2];
  int64_t experts = columnsOf(logits);
  forRows(b, args[0], logits, [&](Value row) {
    Value top = largestOf(b, logits, row);
    Value total = fold(b, 0, experts, b.f32(0), [&](Value sum, Value e) {
      Value term = b.exp(b.fsub(b.loadScalar({logits, row}, e), top));
      b.store(term, {result, row}, e);
      return b.fadd(sum, term);
    });
    b.loop(b.index(0), b.index(experts), 1, [&](Value e) {
      Value term = b.loadScalar({result, row}, e);
      b.store(b.fdiv(term, total), {result, row}, e);
    });
  });
}

void moe::cpu::emitBlend(KernelBuilder &b, ArrayRef<double> weights,
                         ValueRange args) {
  ValueRange scores = args.slice(1, args.size() - 2);
  Value result = args.back(), zero = b.f32(0);
  forRows(b, args[0], result, [&](Value row) {
    SmallVector<Value> factors;
    Value total = zero;
    for (auto [i, score] : llvm::enumerate(scores)) {
      factors.push_back(weights.empty() ? largestOf(b, score, row)
                                        : b.f32(weights[i]));
      total = b.fadd(total, factors.back());
    }
    b.loop(b.index(0), b.index(columnsOf(result)), 1, [&](Value e) {
      Value sum = zero;
      for (auto [factor, score] : llvm::zip_equal(factors, scores))
        sum = b.fadd(sum, b.fmul(factor, b.loadScalar({score, row}, e)));
      if (weights.empty()) {
        Value isPositive = arith::CmpFOp::create(
            b, arith::CmpFPredicate::OGT, total, zero);
        sum = b.select(isPositive, b.fdiv(sum, total), zero);
      }
      b.store(sum, {result, row}, e);
    });
  });
}

namespace {

/// One row of scores.
struct Guesser {
  KernelBuilder &b;
  const GuessShape &shape;
  Value left, sorted, experts, row; ///< `left`: scores not taken yet

  /// The largest scores in order, equal ones by ascending expert.
  void sort() const {
    Value zero = b.index(0);
    b.loop(zero, b.index(columnsOf(sorted)), 1, [&](Value j) {
      auto [score, index] = findLargest(b, {left, row});
      Value best = index;
      b.store(score, {sorted, row}, j);
      b.when(b.less(j, b.index(shape.count)), [&] {
        Value expert = arith::IndexCastOp::create(b, b.getI32Type(), best);
        memref::StoreOp::create(b, expert, experts, ValueRange{row, j});
      });
      Value lowest = arith::ConstantOp::create(
          b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
      b.store(lowest, {left, row}, best);
    });
  }

  void rate(Value confidence) const {
    auto sortedAt = [&](int64_t j) {
      return b.loadScalar({sorted, row}, b.index(j));
    };
    int64_t behind = std::min(shape.chosen, columnsOf(left) - 1);
    Value edge = b.fadd(sortedAt(shape.chosen - 1), sortedAt(behind));
    edge = b.fmul(edge, b.f32(0.5));
    b.loop(b.index(0), b.index(shape.count), 1, [&](Value j) {
      Value distance = b.fsub(b.loadScalar({sorted, row}, j), edge);
      Value x = b.fadd(b.fmul(b.f32(shape.slope), distance), b.f32(shape.bias));
      b.store(b.sigmoid(x), {confidence, row}, j);
    });
  }
};

} // namespace

void moe::cpu::emitPredict(KernelBuilder &b, const GuessShape &shape,
                           ValueRange args) {
  Value scores = args[1], left = args[2], sorted = args[3];
  forRows(b, args[0], scores, [&](Value row) {
    b.loop(b.index(0), b.index(columnsOf(scores)), 1, [&](Value e) {
      b.store(b.loadScalar({scores, row}, e), {left, row}, e);
    });
    Guesser guesser{b, shape, left, sorted, args[4], row};
    guesser.sort();
    guesser.rate(args[5]);
  });
}
