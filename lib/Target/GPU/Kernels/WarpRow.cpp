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
  forColumns([&](Value column, size_t i) { t.store(terms[i], shared, column); });
  t.syncWarp();
  return sumAscending(t, shared, count);
}

void WarpRow::store(ValueRange values, Value buffer, Value row) {
  Value first = rowStart(t, row, count);
  forColumns([&](Value column, size_t i) {
    t.store(values[i], buffer, t.add(first, t.wide(column)));
  });
}

void WarpRow::take(int64_t times,
                   function_ref<void(Value, Value, Value)> body) {
  SmallVector<Value> orders;
  for (auto [i, x] : llvm::enumerate(numbers)) {
    Value order = ordered(t, x, t.equal(columnOf(i), t.i32(0)));
    // What is not there is below everything.
    if (int64_t(i + 1) * kWarp > count)
      order = t.select(t.less(columnOf(i), t.i32(count)), order,
                       t.i32(std::numeric_limits<int32_t>::min()));
    orders.push_back(order);
  }
  Value lowest = t.f32(-std::numeric_limits<float>::infinity());
  Value taken = ordered(t, lowest, t.i1(false));
  t.loop(t.i32(0), t.i32(times), t.i32(1), orders,
         [&](Value j, ValueRange left) {
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
           body(j, unordered(t, most), column);
           SmallVector<Value> next;
           for (auto [i, order] : llvm::enumerate(left)) {
             Value isTaken = t.equal(columnOf(i), column);
             next.push_back(t.select(isTaken, taken, order));
           }
           return next;
         });
}
