//===- SortAssignments.cpp - assignments by expert, then by row -----------===//
#include "RowWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

namespace {

/// One block sorts. Assignments of few rows fit a warp: each warp compares all
/// with all, and nobody waits. Else the block counts the assignments of each
/// expert, adds up the counts, and then places as many assignments at a time as
/// it has threads. Of these, a thread finds the place among those of its warp
/// by itself, the place of the warp among warps by what each warp counted.
class Sorter {
public:
  Sorter(ThreadBuilder &t, int64_t experts, int64_t chosen, ValueRange args)
      : t(t), experts(experts), chosen(chosen), choices(args[0]),
        weights(args[1]), first(args[2]), rowOf(args[3]), ofRow(args[4]),
        sorted(args[5]), ready(args[6]), readyCount(args[7]),
        count(t.mul(args[8], chosen)) {
    i32 = t.getI32Type();
    cursors = t.shared(experts * sizeof(int32_t));
    counts = t.shared(t.warpCount() * experts * sizeof(int32_t));
    totals = t.shared(2 * t.warpCount() * sizeof(int32_t));
  }

  void run() {
    t.when(t.lessOrEqual(count, t.i32(kWarp)), [&] { sortFew(); });
    t.when(t.less(t.i32(kWarp), count), [&] {
      countAll();
      t.barrier();
      addUp();
      t.barrier();
      t.loop(t.i32(0), count, t.i32(t.threadCount()),
             [&](Value begin) { place(begin); });
    });
  }

private:
  Value oneIf(Value condition) { return t.extend(condition, i32, false); }

  //===--- Few assignments ------------------------------------------------===//

  /// Runs `body` with each assignment's number and expert, as this warp has
  /// them in its lanes; what is behind the last one has no expert.
  SmallVector<Value>
  forFew(Value expert, ValueRange inits,
         function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
    constexpr int64_t step = 8;
    return t.loop(t.i32(0), count, t.i32(step), inits,
                  [&](Value first, ValueRange carried) {
                    SmallVector<Value> others, next(carried);
                    for (int64_t i = 0; i < step; ++i)
                      others.push_back(t.shuffle(expert, t.add(first, i)));
                    for (int64_t i = 0; i < step; ++i)
                      next = body(t.add(first, i), others[i], next);
                    return next;
                  });
  }

  void sortFew() {
    Value lane = t.lane(), isThere = t.less(lane, count);
    Value none = t.i32(std::numeric_limits<int32_t>::max());
    Value number = t.select(isThere, lane, t.i32(0));
    // There may be no rows at all.
    Value expert = t.choose(
                        isThere, i32,
                        [&]() -> SmallVector<Value> {
                          return {t.load(i32, choices, number)};
                        },
                        [&]() -> SmallVector<Value> { return {none}; })
                       .front();
    writeFirsts(expert);
    t.when(t.less(t.threadId(), t.i32(kWarp)),
           [&] { placeFew(isThere, number, expert); });
  }

  /// Each thread looks at some experts and the end.
  void writeFirsts(Value expert) {
    auto countBelow = [&](Value bound, Value isBound, ValueRange) {
      Value before =
          forFew(expert, t.i32(0), [&](Value, Value other, ValueRange carried) {
            Value isBelow = oneIf(t.less(other, bound));
            return SmallVector<Value>{t.add(carried.front(), isBelow)};
          }).front();
      whenSet(t, isBound, [&] { t.store(before, first, bound); });
      return SmallVector<Value>();
    };
    foldPacks(t, experts + 1, 1, {}, countBelow);
  }

  void placeFew(Value isThere, Value number, Value expert) {
    Value row = t.div(number, chosen), start = t.mul(row, chosen);
    Value end = t.add(start, chosen), lane = t.lane();
    // Places among all and among those of the row, and whether this is the
    // first of its expert.
    SmallVector<Value> places = forFew(
        expert, {t.i32(0), t.i32(0), t.i32(1)},
        [&](Value i, Value other, ValueRange carried) {
          Value isEarlier = t.both(t.equal(other, expert), t.less(i, lane));
          Value isBefore = t.either(t.less(other, expert), isEarlier);
          Value isOfRow = t.both(t.lessOrEqual(start, i), t.less(i, end));
          return SmallVector<Value>{
              t.add(carried[0], oneIf(isBefore)),
              t.add(carried[1], oneIf(t.both(isBefore, isOfRow))),
              t.select(isEarlier, t.i32(0), carried[2])};
        });
    Value isFirst = t.select(isThere, places[2], t.i32(0));
    Value firsts = t.ballot(t.notEqual(isFirst, t.i32(0)));
    Value busy =
        forFew(expert, t.i32(0), [&](Value i, Value other, ValueRange carried) {
          Value bit = arith::ShRUIOp::create(t, firsts, i);
          bit = t.bitAnd(bit, 1);
          Value isBelow = t.less(other, expert);
          Value counts = t.select(isBelow, bit, t.i32(0));
          return SmallVector<Value>{t.add(carried.front(), counts)};
        }).front();
    Value busyCount = t.sumInts(isFirst);
    t.when(isThere, [&] {
      Value to = t.add(start, places[1]);
      t.store(row, rowOf, places[0]);
      t.store(places[0], ofRow, to);
      t.store(t.load(t.getF32Type(), weights, number), sorted, to);
      t.when(t.notEqual(isFirst, t.i32(0)),
             [&] { t.store(expert, ready, busy); });
    });
    t.when(t.equal(lane, t.i32(0)),
           [&] { t.store(busyCount, readyCount, int64_t(0)); });
  }

  //===--- Any number of assignments --------------------------------------===//

  void countAll() {
    forEach(t, experts, [&](Value e) { t.store(t.i32(0), cursors, e); });
    t.barrier();
    t.loop(t.threadId(), count, t.i32(t.threadCount()), [&](Value i) {
      t.atomicAdd(cursors, t.load(i32, choices, i), t.i32(1));
    });
  }

  /// Sums over the lanes up to this one.
  Value sumUpTo(Value value) {
    Value lane = t.lane();
    for (int64_t distance = 1; distance < kWarp; distance *= 2) {
      Value from = t.sub(lane, t.i32(distance));
      Value isThere = t.lessOrEqual(t.i32(0), from);
      Value other = t.shuffle(value, t.select(isThere, from, lane));
      value = t.add(value, t.select(isThere, other, t.i32(0)));
    }
    return value;
  }

  /// Counts become first assignments: of all experts before.
  void addUp() {
    Value assignments = t.i32(0), busy = t.i32(0), last = t.i32(kWarp - 1);
    int64_t warps = t.warpCount();
    for (int64_t base = 0; base < experts; base += t.threadCount()) {
      if (base > 0)
        t.barrier();
      Value expert = t.add(t.threadId(), base);
      Value isThere = t.less(expert, t.i32(experts));
      Value here = t.min(expert, t.i32(experts - 1));
      Value own = t.select(isThere, t.load(i32, cursors, here), t.i32(0));
      Value isBusy = t.less(t.i32(0), own);
      Value one = oneIf(isBusy);
      Value upTo = sumUpTo(own), busyUpTo = sumUpTo(one);
      t.when(t.equal(t.lane(), last), [&] {
        t.store(upTo, totals, t.warp());
        t.store(busyUpTo, totals, t.add(t.warp(), warps));
      });
      t.barrier();
      Value before = t.sub(upTo, own), busyBefore = t.sub(busyUpTo, one);
      before = t.add(before, assignments);
      busyBefore = t.add(busyBefore, busy);
      for (int64_t w = 0; w < warps; ++w) {
        Value isBefore = t.less(t.i32(w), t.warp());
        Value ofWarp = t.load(i32, totals, w);
        Value busyOfWarp = t.load(i32, totals, w + warps);
        before = t.add(before, t.select(isBefore, ofWarp, t.i32(0)));
        busyBefore =
            t.add(busyBefore, t.select(isBefore, busyOfWarp, t.i32(0)));
        assignments = t.add(assignments, ofWarp);
        busy = t.add(busy, busyOfWarp);
      }
      t.when(isThere, [&] {
        t.store(before, cursors, expert);
        t.store(before, first, expert);
        t.when(isBusy, [&] { t.store(expert, ready, busyBefore); });
      });
    }
    t.when(t.equal(t.threadId(), t.i32(0)), [&] {
      t.store(assignments, first, experts);
      t.store(busy, readyCount, int64_t(0));
    });
  }

  /// Places one assignment for each thread, those from `begin` on.
  void place(Value begin) {
    Value own = t.mul(t.warp(), experts);
    t.loop(t.lane(), t.i32(experts), t.i32(kWarp),
           [&](Value e) { t.store(t.i32(0), counts, t.add(own, e)); });
    t.syncWarp();
    Value number = t.add(begin, t.threadId());
    Value isThere = t.less(number, count);
    // The loop runs only if there is one.
    Value known = t.min(number, t.sub(count, t.i32(1)));
    Value expert = t.select(isThere, t.load(i32, choices, known), t.i32(-1));
    Value rank = t.i32(0), isLast = isThere;
    for (int64_t lane = 0; lane < kWarp; ++lane) {
      Value isSame = t.equal(t.shuffle(expert, t.i32(lane)), expert);
      Value isBefore = t.both(isSame, t.less(t.i32(lane), t.lane()));
      Value isBehind = t.both(isSame, t.less(t.lane(), t.i32(lane)));
      rank = t.add(rank, oneIf(isBefore));
      isLast = t.select(isBehind, t.i1(false), isLast);
    }
    t.when(isLast,
           [&] { t.store(t.add(rank, 1), counts, t.add(own, expert)); });
    t.barrier();
    forEach(t, experts, [&](Value e) { addUpWarps(e); });
    t.barrier();
    t.when(isThere, [&] {
      Value at = t.add(t.load(i32, counts, t.add(own, expert)), rank);
      put(number, expert, at);
    });
    t.syncWarp(); // the next ones count from zero
  }

  /// What each warp has of one expert becomes where its part begins.
  void addUpWarps(Value expert) {
    SmallVector<Value> has;
    for (int64_t w = 0; w < t.warpCount(); ++w)
      has.push_back(t.load(i32, counts, t.add(expert, w * experts)));
    Value next = t.load(i32, cursors, expert);
    for (auto [w, value] : llvm::enumerate(has)) {
      t.store(next, counts, t.add(expert, w * experts));
      next = t.add(next, value);
    }
    t.store(next, cursors, expert);
  }

  /// Notes assignment `at` of a row, by the number of its choice.
  void put(Value number, Value expert, Value at) {
    Value row = t.div(number, chosen), j = t.rem(number, chosen);
    t.store(row, rowOf, at);
    Value start = t.mul(row, chosen);
    // Assignments of the row that come before: those to lower experts. Were an
    // expert chosen twice, places would still differ.
    auto countOne = [&](Value before, Value other) {
      Value that = t.load(i32, choices, t.add(start, other));
      Value isSame = t.both(t.equal(that, expert), t.less(other, j));
      Value isBefore = t.either(t.less(that, expert), isSame);
      return t.add(before, oneIf(isBefore));
    };
    Value place = t.i32(0);
    if (chosen <= 16)
      for (int64_t other = 0; other < chosen; ++other)
        place = countOne(place, t.i32(other));
    else
      place =
          t.loop(t.i32(0), t.i32(chosen), t.i32(1), place,
                 [&](Value other, ValueRange carried) -> SmallVector<Value> {
                   return {countOne(carried.front(), other)};
                 })
              .front();
    Value to = t.add(start, place);
    t.store(at, ofRow, to);
    t.store(t.load(t.getF32Type(), weights, number), sorted, to);
  }

  ThreadBuilder &t;
  int64_t experts, chosen;
  Value choices, weights, first, rowOf, ofRow, sorted, ready, readyCount, count;
  Type i32;
  Value cursors, counts, totals;
};

} // namespace

void moe::cuda::launchSortAssignments(Launcher &l, int64_t experts,
                                      const Sorting &sorting) {
  int64_t chosen = columnsOf(sorting.experts);
  // Counts of all warps must fit 48 KiB, unless there are very many experts.
  int64_t warps = std::clamp<int64_t>(12288 / experts, 1, 16);
  int64_t threads = std::min<int64_t>(
      warps * kWarp, std::max<int64_t>(256, llvm::alignTo(experts, kWarp)));
  Value rows = l.host().rowsOf(sorting.experts);
  l.launch("sort_assignments", {l.host().index(1), {}}, threads,
           {sorting.experts, sorting.weights, sorting.first, sorting.rowOf,
            sorting.ofRow, sorting.sorted, sorting.ready, sorting.readyCount,
            rows},
           [&](ThreadBuilder &t, ValueRange args) {
             Sorter(t, experts, chosen, args).run();
           });
}
