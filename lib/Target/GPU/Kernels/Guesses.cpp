//===- Guesses.cpp - scores of experts, and the guesses made of them ------===//
#include "WarpRow.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

void moe::cuda::launchDistribution(Launcher &l, Value logits, Value result) {
  int64_t count = columnsOf(logits);
  launchWarps(l, "distribution", logits, {logits, result},
              [&](ThreadBuilder &t, ValueRange args, Value row) {
                WarpRow scores(t, args[0], row, count);
                Value top = scores.getLargest();
                SmallVector<Value> terms;
                for (Value x : scores.values())
                  terms.push_back(t.exp(t.fsub(x, top)));
                Value total = scores.sumOf(terms, sharedOfWarp(t, count));
                for (Value &term : terms)
                  term = t.fdiv(term, total);
                scores.store(terms, args[1], row);
              });
}

/// The scores of a row, each times its factor, over the sum of factors if they
/// are peaks.
static void emitBlend(ThreadBuilder &t, ArrayRef<double> weights, int64_t count,
                      ValueRange args, Value row) {
  SmallVector<WarpRow> scores;
  SmallVector<Value> factors;
  Value zero = t.f32(0), total = zero;
  for (auto [i, buffer] : llvm::enumerate(args.drop_back())) {
    scores.emplace_back(t, buffer, row, count);
    factors.push_back(weights.empty() ? scores.back().getLargest()
                                      : t.f32(weights[i]));
    total = t.fadd(total, factors.back());
  }
  SmallVector<Value> sums;
  for (size_t i = 0; i < scores.front().values().size(); ++i) {
    Value sum = zero;
    for (auto [factor, score] : llvm::zip_equal(factors, scores))
      sum = t.fadd(sum, t.fmul(factor, score.values()[i]));
    if (weights.empty())
      sum = t.select(t.isGreater(total, zero), t.fdiv(sum, total), zero);
    sums.push_back(sum);
  }
  scores.front().store(sums, args.back(), row);
}

void moe::cuda::launchBlend(Launcher &l, ArrayRef<double> weights,
                            ValueRange scores, Value result) {
  std::string name = "blend" + std::to_string(scores.size());
  for (double weight : weights)
    name += "_" + nameOfNumber(weight);
  SmallVector<Value> args(scores);
  args.push_back(result);
  int64_t count = columnsOf(result);
  launchWarps(l, name, result, args,
              [&](ThreadBuilder &t, ValueRange args, Value row) {
                emitBlend(t, weights, count, args, row);
              });
}

/// `sorted`: room for the first scores of the row in shared memory.
static void emitPredict(ThreadBuilder &t, const GuessShape &shape,
                        int64_t sortedCount, WarpRow scores, Value row,
                        Value experts, Value confidence) {
  Value sorted = sharedOfWarp(t, sortedCount);
  Value first = rowStart(t, row, shape.count);
  scores.take(sortedCount, [&](Value j, Value score, Value expert) {
    t.store(score, sorted, j);
    t.when(t.less(j, t.i32(shape.count)),
           [&] { t.store(expert, experts, t.add(first, t.wide(j))); });
  });
  t.syncWarp();
  Type f32 = t.getF32Type();
  int64_t behind = std::min(shape.chosen, scores.size() - 1);
  Value edge = t.fadd(t.load(f32, sorted, shape.chosen - 1),
                      t.load(f32, sorted, behind));
  edge = t.fmul(edge, t.f32(0.5));
  forLanes(t, shape.count, [&](Value j) {
    Value distance = t.fsub(t.load(f32, sorted, j), edge);
    Value x = t.fadd(t.fmul(t.f32(shape.slope), distance), t.f32(shape.bias));
    t.store(t.sigmoid(x), confidence, t.add(first, t.wide(j)));
  });
}

void moe::cuda::launchPredict(Launcher &l, const GuessShape &shape,
                              Value scores, Value experts,
                              Value confidence) {
  int64_t count = columnsOf(scores);
  int64_t sortedCount =
      std::min(count, std::max(shape.count, shape.chosen + 1));
  std::string name = "predict_" + std::to_string(shape.chosen) + "_" +
                     nameOfNumber(shape.slope) + "_" + nameOfNumber(shape.bias);
  launchWarps(l, name, scores, {scores, experts, confidence},
              [&](ThreadBuilder &t, ValueRange args, Value row) {
                emitPredict(t, shape, sortedCount,
                            WarpRow(t, args[0], row, count), row, args[1],
                            args[2]);
              });
}
