//===- Scores.cpp - numbers that exits decide by --------------------------===//
#include "RowWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

static constexpr float lowest = std::numeric_limits<float>::lowest();

/// Brings rows to shared memory if all of them fit.
static SmallVector<RowSource> staged(ThreadBuilder &t, ValueRange rows,
                                     Value number, int64_t columns) {
  SmallVector<RowSource> sources;
  for (Value row : rows)
    sources.push_back({row, rowStart(t, number, columns)});
  if (int64_t(rows.size()) * columns > kRowCapacity)
    return sources;
  int64_t pack = getPack(columns);
  for (RowSource &source : sources) {
    Value copy = t.shared(columns * sizeof(float));
    forPacks(t, columns, pack, [&](Value column) {
      t.store(source.load(t, column, pack), copy, column);
    });
    source = {copy, {}};
  }
  t.barrier();
  return sources;
}

//===----------------------------------------------------------------------===//
// Similarity
//===----------------------------------------------------------------------===//

static void emitSimilarity(ThreadBuilder &t, int64_t columns, ValueRange args) {
  Value row = t.blockX();
  SmallVector<RowSource> rows = staged(t, args.take_front(2), row, columns);
  Value slots = t.shared(3 * sizeof(float));
  // Each of three halves of warps adds up one of x y, x x, y y.
  Value half = t.div(t.threadId(), kSumLanes);
  Value isSecond = t.equal(half, t.i32(1)), isThird = t.equal(half, t.i32(2));
  t.when(t.less(t.threadId(), t.i32(2 * kWarp)), [&] {
    Value sum = sumInOrder(
        t, columns,
        [&](Value column) -> SmallVector<Value> {
          Value x = rows[0].load(t, column, 1), y = rows[1].load(t, column, 1);
          return {t.select(isThird, y, x), t.select(isSecond, x, y)};
        },
        [&](Value sum, ValueRange xy) { return t.fma(xy[0], xy[1], sum); });
    Value leads = t.equal(t.bitAnd(t.threadId(), kSumLanes - 1), t.i32(0));
    t.when(t.both(leads, t.less(half, t.i32(3))),
           [&] { t.store(sum, slots, half); });
  });
  t.barrier();
  t.when(t.equal(t.threadId(), t.i32(0)), [&] {
    Type f32 = t.getF32Type();
    Value length =
        t.fmul(t.sqrt(t.load(f32, slots, 1)), t.sqrt(t.load(f32, slots, 2)));
    Value cosine = t.fdiv(t.load(f32, slots, int64_t(0)), length);
    Value isLong = t.isGreater(length, t.f32(0));
    t.store(t.select(isLong, cosine, t.f32(0)), args[2], row);
  });
}

void moe::cuda::launchSimilarity(Launcher &l, Value lhs, Value rhs,
                                 Value result) {
  int64_t columns = columnsOf(lhs);
  // Two warps at least.
  int64_t threads =
      std::max(2 * kWarp, getRowThreads(columns / getPack(columns)));
  l.launch("similarity", {l.host().rowsOf(lhs), {}}, threads,
           {lhs, rhs, result}, [&](ThreadBuilder &t, ValueRange args) {
             emitSimilarity(t, columns, args);
           });
}

//===----------------------------------------------------------------------===//
// The best column
//===----------------------------------------------------------------------===//

static void emitBest(ThreadBuilder &t, int64_t columns, ValueRange args) {
  Value row = t.blockX();
  RowSource source{args[0], rowStart(t, row, columns)};
  int64_t pack = getPack(columns);
  constexpr int32_t last = std::numeric_limits<int32_t>::max();
  Value least = t.i32(std::numeric_limits<int32_t>::min());
  // The largest number of a thread, and where it first was, counted from the
  // last column there can be.
  SmallVector<Value> best = foldPacks(
      t, columns, pack, {least, t.i32(0)},
      [&](Value column, Value isFirst, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (auto [i, x] :
             llvm::enumerate(unpacked(t, source.load(t, column, pack)))) {
          Value place = t.add(column, i);
          Value order = ordered(t, x, t.equal(place, t.i32(0)));
          Value isMore = t.less(next[0], order);
          if (isFirst)
            isMore = t.both(isMore, isFirst);
          next[0] = t.select(isMore, order, next[0]);
          next[1] = t.select(isMore, t.sub(t.i32(last), place), next[1]);
        }
        return next;
      });
  Value slots = t.shared(2 * t.warpCount() * sizeof(int32_t));
  Value most = maxOfBlock(t, best[0], slots);
  Value behind = t.select(t.equal(best[0], most), best[1], t.i32(0));
  behind = maxOfBlock(t, behind, t.at(slots, t.getI32Type(), t.warpCount()));
  t.when(t.equal(t.threadId(), t.i32(0)),
         [&] { t.store(t.sub(t.i32(last), behind), args[1], row); });
}

void moe::cuda::launchBest(Launcher &l, Value input, Value result) {
  int64_t columns = columnsOf(input);
  l.launch(
      "best", {l.host().rowsOf(input), {}},
      getRowThreads(columns / getPack(columns), 512), {input, result},
      [&](ThreadBuilder &t, ValueRange args) { emitBest(t, columns, args); });
}

void moe::cuda::launchStreak(Launcher &l, Value best, Value before,
                             Value streakBefore, Value result) {
  SmallVector<Value> args = {best};
  if (before)
    args.append({before, streakBefore});
  args.push_back(result);
  launchRows(l, before ? "streak" : "streak_begin", result, args,
             [&](ThreadBuilder &t, ValueRange args, Value row) {
               Value length = t.f32(1);
               if (before) {
                 Value now = t.load(t.getI32Type(), args[0], row);
                 Value then = t.load(t.getI32Type(), args[1], row);
                 Value streak = t.load(t.getF32Type(), args[2], row);
                 length = t.select(t.equal(now, then), t.fadd(streak, t.f32(1)),
                                   length);
               }
               t.store(length, args.back(), row);
             });
}

//===----------------------------------------------------------------------===//
// Whether a shortlist suffices
//===----------------------------------------------------------------------===//

namespace {

/// The largest of numbers that threads come across, and whether all were
/// finite. The CPU backend takes maxima one after the other, and what is not
/// finite makes its result not a number: then the order has no effect.
struct Maximum {
  Value most, isPoisoned; ///< the latter i32

  static Maximum none(ThreadBuilder &t) { return {t.f32(lowest), t.i32(0)}; }
  Maximum with(ThreadBuilder &t, Value x) const {
    Value zero = t.fmul(x, t.f32(0));
    Value isFinite =
        arith::CmpFOp::create(t, arith::CmpFPredicate::ORD, zero, zero);
    return {t.fmax(most, x),
            t.bitOr(isPoisoned, t.select(isFinite, t.i32(0), t.i32(1)))};
  }
  Maximum ofBlock(ThreadBuilder &t) const {
    int64_t warps = t.warpCount();
    Value slots = t.shared(2 * warps * sizeof(float));
    Value second = t.at(slots, t.getF32Type(), warps);
    return {maxOfBlock(t, most, slots), maxOfBlock(t, isPoisoned, second)};
  }
};

} // namespace

/// The largest of the first `columns` numbers of a row, by `value` of a column.
static Maximum maximumOf(ThreadBuilder &t, int64_t columns,
                         function_ref<Value(Value)> value) {
  Maximum none = Maximum::none(t);
  // A column that comes twice changes nothing.
  SmallVector<Value> found = foldPacks(
      t, columns, 1, {none.most, none.isPoisoned},
      [&](Value column, Value, ValueRange carried) {
        Maximum next = Maximum{carried[0], carried[1]}.with(t, value(column));
        return SmallVector<Value>{next.most, next.isPoisoned};
      });
  return Maximum{found[0], found[1]}.ofBlock(t);
}

/// The lengths of a row and of its difference to another, in all threads.
static std::pair<Value, Value> lengthsOf(ThreadBuilder &t, ValueRange rows,
                                         Value number, int64_t columns) {
  SmallVector<RowSource> sources = staged(t, rows, number, columns);
  Value slots = t.shared(2 * sizeof(float));
  // The two halves of the first warp add up one each.
  Value half = t.div(t.threadId(), kSumLanes);
  Value isSecond = t.equal(half, t.i32(1));
  t.when(t.less(t.threadId(), t.i32(kWarp)), [&] {
    Value sum = sumInOrder(t, columns, [&](Value column) {
      Value x = sources[0].load(t, column, 1);
      Value difference = t.fsub(x, sources[1].load(t, column, 1));
      x = t.select(isSecond, difference, x);
      return t.fmul(x, x);
    });
    Value leads = t.equal(t.bitAnd(t.threadId(), kSumLanes - 1), t.i32(0));
    t.when(leads, [&] { t.store(t.sqrt(sum), slots, half); });
  });
  t.barrier();
  Type f32 = t.getF32Type();
  return {t.load(f32, slots, int64_t(0)), t.load(f32, slots, 1)};
}

void moe::cuda::launchSurplus(Launcher &l, Value inside, Value outside,
                              Value slack, Value features, Value near,
                              Value result) {
  int64_t shortlist = columnsOf(inside), others = columnsOf(outside);
  int64_t columns = columnsOf(features);
  Type slackType = elementOf(slack);
  auto emit = [&](ThreadBuilder &t, ValueRange args) {
    Value row = t.blockX();
    RowSource in{args[0], rowStart(t, row, shortlist)};
    RowSource out{args[1], rowStart(t, row, others)};
    auto [length, distance] = lengthsOf(t, args.slice(3, 2), row, columns);
    // Squares of less vanish; what is too large is a bound, too.
    Value least = t.fmax(t.f32(0x1p-40), length), far = distance;
    Maximum best =
        maximumOf(t, shortlist, [&](Value j) { return in.load(t, j, 1); });
    Maximum rival = maximumOf(t, others, [&](Value j) {
      auto slackAt = [&](int64_t i) {
        return t.widen(t.load(slackType, args[2], t.add(t.mul(j, 2), i)));
      };
      Value ofError = t.fmul(slackAt(0), least);
      Value ofFeatures = t.fmul(slackAt(1), far);
      return t.fadd(out.load(t, j, 1), t.fadd(ofError, ofFeatures));
    });
    Value isPoisoned =
        t.notEqual(t.bitOr(best.isPoisoned, rival.isPoisoned), t.i32(0));
    Value poison = t.select(
        isPoisoned, t.f32(std::numeric_limits<float>::quiet_NaN()), t.f32(0));
    Value surplus = t.fadd(t.fsub(best.most, rival.most), poison);
    t.when(t.equal(t.threadId(), t.i32(0)),
           [&] { t.store(surplus, args[5], row); });
  };
  l.launch("surplus", {l.host().rowsOf(inside), {}},
           getRowThreads(std::max(shortlist, others)),
           {inside, outside, slack, features, near, result}, emit);
}

void moe::cuda::launchSpread(Launcher &l, StringRef name,
                             ArrayRef<int32_t> columns, Value input,
                             Value result) {
  double none = -std::numeric_limits<double>::infinity();
  launchPacks(l, "fill_impossible", result, {result},
              [&](ThreadBuilder &t, ValueRange args, Value row, Value column,
                  int64_t pack) {
                Value at =
                    t.add(rowStart(t, row, columnsOf(result)), t.wide(column));
                t.store(splat(t, t.f32(none), pack), args[0], at);
              });
  // One number for each thread: places have no order.
  int64_t count = columns.size(), threads = getRowThreads(count);
  int64_t blocks = llvm::divideCeil(count, threads);
  l.launch(name.str(), {l.host().rowsOf(input), l.host().index(blocks)},
           threads, {input, result}, [&](ThreadBuilder &t, ValueRange args) {
             Value i = t.add(t.mul(t.blockY(), threads), t.threadId());
             t.when(t.less(i, t.i32(count)), [&] {
               Value table = l.getTable(t, (name + "_columns").str(),
                                        t.getI32TensorAttr(columns));
               Value column = t.loadConstant(t.getI32Type(), table, i);
               RowSource from{args[0], rowStart(t, t.blockX(), count)};
               Value to = rowStart(t, t.blockX(), columnsOf(result));
               t.store(from.load(t, i, 1), args[1], t.add(to, t.wide(column)));
             });
           });
}

void moe::cuda::launchLogistic(Launcher &l, ArrayRef<double> weights,
                               double bias, ValueRange features, Value result) {
  std::string name = "logistic";
  for (double weight : weights)
    name += "_" + nameOfNumber(weight);
  SmallVector<Value> args(features);
  args.push_back(result);
  launchRows(l, name + "_bias" + nameOfNumber(bias), result, args,
             [&](ThreadBuilder &t, ValueRange args, Value row) {
               Value sum = t.f32(0);
               for (auto [weight, feature] :
                    llvm::zip_equal(weights, args.drop_back())) {
                 Value x = t.load(t.getF32Type(), feature, row);
                 sum = t.fadd(sum, t.fmul(t.f32(weight), x));
               }
               t.store(t.sigmoid(t.fadd(t.f32(bias), sum)), args.back(), row);
             });
}
