//===- Confidence.cpp - how sure the logits of a row are ------------------===//
#include "RowWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

static constexpr float lowest = std::numeric_limits<float>::lowest();
/// Terms that lie in shared memory at once, twice: one warp adds some up while
/// the others compute the next.
static constexpr int64_t kTerms = 2048;

/// The natural logarithm of a normal number above 0, as the CPU backend
/// computes it: with x = m 2^e, m in [sqrt(1/2), sqrt(2)) and
/// s = (m - 1) / (m + 1), ln m = 2 (s + s^3/3 + ...).
static Value log(ThreadBuilder &t, Value x) {
  Value bits = t.bitcast(x, t.getI32Type());
  // Bits of sqrt(1/2), so that the mantissa starts there.
  Value offset = t.sub(bits, t.i32(0x3f3504f3));
  Value exponent = arith::ShRSIOp::create(t, offset, t.i32(23));
  Value mantissa = t.sub(bits, t.shl(exponent, 23));
  Value m = t.bitcast(mantissa, t.getF32Type());
  Value s = t.fdiv(t.fsub(m, t.f32(1)), t.fadd(m, t.f32(1)));
  Value square = t.fmul(s, s), sum = t.f32(2.0 / 11);
  for (double c : {2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0})
    sum = t.fma(sum, square, t.f32(c));
  return t.fma(t.toFloat(exponent), t.f32(0.693147180559945309),
               t.fmul(s, sum));
}

static Value smaller(ThreadBuilder &t, Value x, Value y) {
  return t.select(t.isGreater(y, x), x, y);
}

namespace {

/// The softmax of one row, by all threads of a block.
class Distribution {
public:
  Distribution(ThreadBuilder &t, RowSource row, int64_t columns)
      : t(t), row(row), columns(columns),
        whole(llvm::alignTo(columns, kSumLanes)) {}

  /// The largest and the next, which is equal to it if two are largest. What is
  /// not a number makes the sums none, so here it may count as anything.
  std::pair<Value, Value> findLargest() {
    auto keep = [&](ValueRange best, Value x) -> SmallVector<Value> {
      return {t.fmax(best[0], x), t.fmax(best[1], smaller(t, best[0], x))};
    };
    int64_t pack = getPack(columns);
    Value none = t.f32(lowest);
    SmallVector<Value> best =
        foldPacks(t, columns, pack, {none, none},
                  [&](Value column, Value isFirst, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    for (Value x : unpacked(t, row.load(t, column, pack)))
                      next =
                          keep(next, isFirst ? t.select(isFirst, x, none) : x);
                    return next;
                  });
    // The two largest of two pairs.
    auto merge = [&](ValueRange a, ValueRange b) -> SmallVector<Value> {
      Value second = t.fmax(t.fmax(a[1], b[1]), smaller(t, a[0], b[0]));
      return {t.fmax(a[0], b[0]), second};
    };
    for (int64_t mask = kWarp / 2; mask >= 1; mask /= 2)
      best = merge(best,
                   {t.shuffleXor(best[0], mask), t.shuffleXor(best[1], mask)});
    if (t.warpCount() == 1)
      return {best[0], best[1]};
    Value slots = t.shared(2 * t.warpCount() * sizeof(float));
    Value place = t.mul(t.warp(), 2);
    t.when(t.equal(t.lane(), t.i32(0)), [&] {
      t.store(best[0], slots, place);
      t.store(best[1], slots, t.add(place, 1));
    });
    t.barrier();
    best = {none, none};
    for (int64_t i = 0; i < t.warpCount(); ++i)
      best = merge(best, {t.load(t.getF32Type(), slots, 2 * i),
                          t.load(t.getF32Type(), slots, 2 * i + 1)});
    return {best[0], best[1]};
  }

  /// The sum of exp(x - top) and, if asked, of (x - top) exp(x - top): in the
  /// first warp, whose halves add up one each.
  std::pair<Value, Value> sum(Value top, bool isWeighted) {
    int64_t chunk = std::min(whole, kTerms);
    int64_t chunks = llvm::divideCeil(whole, chunk);
    int64_t buffers = chunks > 1 ? 2 : 1, kinds = isWeighted ? 2 : 1;
    Value terms = t.shared(buffers * kinds * chunk * sizeof(float));
    auto bufferOf = [&](Value number) {
      Value place = t.mul(t.bitAnd(number, buffers - 1), kinds * chunk);
      return t.at(terms, t.getF32Type(), place);
    };
    auto produce = [&](Value number) {
      writeTerms(bufferOf(number), t.mul(number, chunk), chunk, top, isWeighted,
                 chunks > 1 ? kWarp : 0);
    };
    auto consume = [&](Value sum, Value number) {
      return addTerms(sum, bufferOf(number), chunk, isWeighted);
    };
    Value isAdder = t.less(t.threadId(), t.i32(kWarp)), sum;
    Type f32 = t.getF32Type();
    if (chunks == 1) {
      produce(t.i32(0));
      t.barrier();
      sum = choose(
          isAdder, [&] { return consume(t.f32(0), t.i32(0)); },
          [&] { return t.f32(0); });
    } else {
      // The first warp is one chunk behind the others.
      auto step = [&](Value i, ValueRange carried) -> SmallVector<Value> {
        Value behind = t.sub(i, t.i32(1));
        Value next = choose(
            isAdder,
            [&] {
              Value isThere = t.less(t.i32(0), i);
              return choose(
                  isThere, [&] { return consume(carried.front(), behind); },
                  [&] { return carried.front(); });
            },
            [&] {
              t.when(t.less(i, t.i32(chunks)), [&] { produce(i); });
              return carried.front();
            });
        t.barrier();
        return {next};
      };
      sum =
          t.loop(t.i32(0), t.i32(chunks + 1), t.i32(1), t.f32(0), step).front();
    }
    return ofHalves(sum, isAdder, f32);
  }

private:
  Value choose(Value condition, function_ref<Value()> yes,
               function_ref<Value()> no) {
    return t
        .choose(
            condition, t.getF32Type(),
            [&]() -> SmallVector<Value> { return {yes()}; },
            [&]() -> SmallVector<Value> { return {no()}; })
        .front();
  }

  /// The terms of columns from `begin` on, by the threads from `first` on.
  void writeTerms(Value buffer, Value begin, int64_t chunk, Value top,
                  bool isWeighted, int64_t first) {
    Value thread = t.sub(t.threadId(), t.i32(first));
    t.loop(thread, t.i32(chunk), t.i32(t.threadCount() - first), [&](Value i) {
      Value column = t.add(begin, i);
      Value x = row.load(t, t.min(column, t.i32(columns - 1)), 1);
      // What fills up the last lanes is the lowest number. Zeros behind them
      // change no sum.
      if (columns % chunk)
        x = t.select(t.less(column, t.i32(columns)), x, t.f32(lowest));
      Value z = t.fsub(x, top), e = t.exp(z);
      if (whole % chunk)
        e = t.select(t.less(column, t.i32(whole)), e, t.f32(0));
      t.store(e, buffer, i);
      // What is not there, or as good as impossible, weighs nothing.
      if (isWeighted)
        t.store(t.fmul(t.fmax(z, t.f32(-87)), e), buffer, t.add(i, chunk));
    });
  }

  /// One sum of 16 lanes in each half of the warp, not yet added up.
  Value addTerms(Value sum, Value buffer, int64_t chunk, bool isWeighted) {
    Value place = t.bitAnd(t.lane(), kSumLanes - 1);
    if (isWeighted)
      place = t.add(place, t.mul(t.div(t.lane(), kSumLanes), chunk));
    int64_t steps = chunk / kSumLanes, unrolled = steps % 8 ? 1 : 8;
    return t
        .loop(t.i32(0), t.i32(steps), t.i32(unrolled), sum,
              [&](Value step, ValueRange carried) -> SmallVector<Value> {
                Value first = t.add(place, t.mul(step, kSumLanes));
                SmallVector<Value> some;
                for (int64_t i = 0; i < unrolled; ++i)
                  some.push_back(t.load(t.getF32Type(), buffer,
                                        t.add(first, i * kSumLanes)));
                Value next = carried.front();
                for (Value term : some)
                  next = t.fadd(next, term);
                return {next};
              })
        .front();
  }

  std::pair<Value, Value> ofHalves(Value sum, Value isAdder, Type f32) {
    SmallVector<Value> both = t.choose(
        isAdder, {f32, f32},
        [&]() -> SmallVector<Value> {
          Value all = t.sumSixteen(sum);
          return {t.shuffle(all, t.i32(0)), t.shuffle(all, t.i32(kSumLanes))};
        },
        [&]() -> SmallVector<Value> {
          return {sum, sum};
        });
    return {both[0], both[1]};
  }

  ThreadBuilder &t;
  RowSource row;
  int64_t columns, whole; ///< whole lanes
};

} // namespace

static Value confidenceOf(ThreadBuilder &t, Confidence kind, RowSource row,
                          int64_t columns) {
  if (columns == 1)
    return t.f32(1);
  Distribution distribution(t, row, columns);
  auto [top, second] = distribution.findLargest();
  auto [total, weighted] = distribution.sum(top, kind == Confidence::Entropy);
  switch (kind) {
  case Confidence::Top1:
    return t.fdiv(t.f32(1), total);
  case Confidence::Margin:
    return t.fdiv(t.fsub(t.f32(1), t.exp(t.fsub(second, top))), total);
  case Confidence::Entropy:
    Value entropy = t.fsub(log(t, total), t.fdiv(weighted, total));
    double most = std::log(double(columns));
    return t.fsub(t.f32(1), t.fmul(entropy, t.f32(1 / most)));
  }
  llvm_unreachable("all kinds are above");
}

void moe::cuda::launchConfidence(Launcher &l, Confidence kind, Value logits,
                                 Value result) {
  int64_t columns = columnsOf(logits);
  // One warp more than is needed for a short row: it only adds up.
  int64_t threads = getRowThreads(columns, 512);
  if (columns > kTerms)
    threads = 512;
  l.launch(("confidence_" + stringifyConfidence(kind)).str(),
           {l.host().rowsOf(logits), {}}, threads, {logits, result},
           [&](ThreadBuilder &t, ValueRange args) {
             Value row = t.blockX();
             RowSource source{args[0], rowStart(t, row, columns)};
             Value score = confidenceOf(t, kind, source, columns);
             // Rounding must not leave the interval that a threshold lies in.
             // What is not a number becomes 0, which is never sure.
             score = smaller(t, t.f32(1), score);
             Value isPositive = t.isGreater(score, t.f32(0));
             score = t.select(isPositive, score, t.f32(0));
             t.when(t.equal(t.threadId(), t.i32(0)),
                    [&] { t.store(score, args[1], row); });
           });
}
