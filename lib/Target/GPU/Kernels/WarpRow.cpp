//===- WarpRow.cpp - a short row in the registers of one warp -------------===//
#include "WarpRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

static constexpr int32_t kMost = std::numeric_limits<int32_t>::max();

Value moe::cuda::sharedOfWarp(ThreadBuilder &t, int64_t floats) {
  // Whole vectors of 16 bytes.
  floats = llvm::alignTo(floats, 4);
  Value all = t.shared(t.warpCount() * floats * sizeof(float));
  return t.at(all, t.getF32Type(), t.mul(t.warp(), floats));
}

void moe::cuda::forLanes(ThreadBuilder &t, int64_t count,
                         function_ref<void(Value)> body) {
  Value lane = t.lane();
  int64_t whole = count / kWarp;
  for (int64_t i = 0; i < whole; ++i)
    body(t.add(lane, i * kWarp));
  if (int64_t rest = count % kWarp)
    t.when(t.less(lane, t.i32(rest)),
           [&] { body(t.add(lane, whole * kWarp)); });
}

WarpRow::WarpRow(ThreadBuilder &t, Value buffer, Value row, int64_t count)
    : t(t), count(count) {
  Value first = rowStart(t, row, count);
  for (int64_t i = 0; i < int64_t(llvm::divideCeil(count, kWarp)); ++i) {
    Value column = t.min(columnOf(i), t.i32(count - 1));
    numbers.push_back(
        t.load(t.getF32Type(), buffer, t.add(first, t.wide(column))));
  }
}

Value WarpRow::columnOf(size_t i) { return t.add(t.lane(), i * kWarp); }

void WarpRow::forColumns(function_ref<void(Value, size_t)> body) {
  size_t i = 0;
  forLanes(t, count, [&](Value column) { body(column, i++); });
}

Value WarpRow::getLargest() {
  // What comes before something that is not a number is forgotten.
  Value last = t.i32(-1), end = t.i32(count);
  for (auto [i, x] : llvm::enumerate(numbers)) {
    Value isNone = arith::CmpFOp::create(t, arith::CmpFPredicate::UNO, x, x);
    Value counts = t.both(isNone, t.less(columnOf(i), end));
    last = t.max(last, t.select(counts, columnOf(i), t.i32(-1)));
  }
  last = t.maxOver(last);
  Value lowest = t.f32(-std::numeric_limits<float>::infinity()), most = lowest;
  for (auto [i, x] : llvm::enumerate(numbers)) {
    Value counts = t.both(t.less(last, columnOf(i)), t.less(columnOf(i), end));
    most = t.fmax(most, t.select(counts, x, lowest));
  }
  Value none = t.f32(std::numeric_limits<float>::quiet_NaN());
  Value isNone = t.equal(last, t.i32(count - 1));
  return t.select(isNone, none, t.maxOver(most));
}

Value WarpRow::sumOf(ValueRange terms, Value shared) {
  forColumns(
      [&](Value column, size_t i) { t.store(terms[i], shared, column); });
  t.syncWarp();
  return sumAscending(t, shared, count);
}

void WarpRow::store(ValueRange values, Value buffer, Value row) {
  Value first = rowStart(t, row, count);
  forColumns([&](Value column, size_t i) {
    t.store(values[i], buffer, t.add(first, t.wide(column)));
  });
}

//===----------------------------------------------------------------------===//
// The largest
//===----------------------------------------------------------------------===//

static constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();

/// What is not there is below everything.
SmallVector<Value> WarpRow::getOrders() {
  SmallVector<Value> orders;
  for (auto [i, x] : llvm::enumerate(numbers)) {
    Value order = ordered(t, x, t.equal(columnOf(i), t.i32(0)));
    if (int64_t(i + 1) * kWarp > count)
      order = t.select(t.less(columnOf(i), t.i32(count)), order, t.i32(kLeast));
    orders.push_back(order);
  }
  return orders;
}

void WarpRow::take(int64_t times, TakeBody body) {
  Value lowest = t.f32(-std::numeric_limits<float>::infinity());
  Value taken = ordered(t, lowest, t.i1(false));
  // Instructions of both ways, roughly: a turn waits for ten shuffles.
  int64_t perTurn = 250 + 4 * numbers.size();
  int64_t byRank = 2 * count * numbers.size() + 100;
  if (byRank < times * perTurn)
    takeByRank(times, getOrders(), taken, body);
  else
    takeInTurn(times, getOrders(), taken, body);
}

void WarpRow::takeInTurn(int64_t times, ValueRange orders, Value taken,
                         TakeBody body) {
  Value isLeader = t.equal(t.lane(), t.i32(0));
  t.loop(t.i32(0), t.i32(times), t.i32(1), orders,
         [&](Value time, ValueRange left) {
           Value most = left.front();
           for (Value order : left.drop_front())
             most = t.max(most, order);
           most = t.maxOver(most);
           // The lowest column is the highest number from behind.
           Value behind = t.i32(0);
           for (auto [i, order] : llvm::enumerate(left)) {
             Value place = t.sub(t.i32(kMost), columnOf(i));
             Value isMost = t.equal(order, most);
             behind = t.max(behind, t.select(isMost, place, t.i32(0)));
           }
           Value column = t.sub(t.i32(kMost), t.maxOver(behind));
           t.when(isLeader, [&] { body(time, unordered(t, most), column); });
           SmallVector<Value> next;
           for (auto [i, order] : llvm::enumerate(left)) {
             Value isTaken = t.equal(columnOf(i), column);
             next.push_back(t.select(isTaken, taken, order));
           }
           return next;
         });
}

/// How many of all come before each of this lane's: larger ones, and equal ones
/// in lower columns.
SmallVector<Value> WarpRow::getRanks(ValueRange orders) {
  int64_t blocks = orders.size();
  Value all = sharedOfWarp(t, blocks * kWarp);
  for (auto [i, order] : llvm::enumerate(orders))
    t.store(order, all, columnOf(i));
  t.syncWarp();
  SmallVector<Value> ranks(blocks, t.i32(0));
  for (int64_t block = 0; block < blocks; ++block)
    ranks = t.loop(
        t.i32(0), t.i32(kWarp), t.i32(4), ranks,
        [&](Value first, ValueRange carried) {
          SmallVector<Value> next(carried);
          Value four = t.load(t.vectorOf(t.getI32Type(), 4), all,
                              t.add(first, block * kWarp));
          for (int64_t i = 0; i < 4; ++i)
            for (int64_t own = 0; own < blocks; ++own) {
              // At least as much is more than one less.
              Value atLeast = t.sub(orders[own], t.i32(1)), bound = atLeast;
              if (block > own)
                bound = orders[own];
              else if (block == own)
                bound = t.select(t.less(t.add(first, i), t.lane()), atLeast,
                                 orders[own]);
              Value isBefore = t.less(bound, t.extract(four, i));
              next[own] =
                  t.add(next[own], t.extend(isBefore, t.getI32Type(), false));
            }
          return next;
        });
  return ranks;
}

void WarpRow::takeByRank(int64_t times, ValueRange orders, Value taken,
                         TakeBody body) {
  Value good = t.i32(0);
  SmallVector<Value> ranks = getRanks(orders);
  for (auto [i, order] : llvm::enumerate(orders)) {
    Value isGood = t.less(taken, order);
    good = t.add(good, t.extend(isGood, t.getI32Type(), false));
    Value counts = t.both(isGood, t.less(ranks[i], t.i32(times)));
    t.when(counts, [&, i = i, order = order] {
      body(ranks[i], unordered(t, order), columnOf(i));
    });
  }
  // Where none is above -infinity any more, it is found in the first column.
  good = t.sumInts(good);
  forLanes(t, times, [&](Value time) {
    t.when(t.lessOrEqual(good, time),
           [&] { body(time, unordered(t, taken), t.i32(0)); });
  });
}
