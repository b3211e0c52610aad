//===- RowWork.cpp - what kernels that treat rows share -------------------===//
#include "RowWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::KernelBuilder;
using host::kLanes;

static_assert(kSumLanes == kLanes, "both add up in the same lanes");

/// Copies of a body that is written more than once rather than looped over.
static constexpr int64_t kUnrolled = 8;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

int64_t moe::cuda::getPack(int64_t columns) {
  return std::min<int64_t>(4, columns & -columns);
}

int64_t moe::cuda::getRowThreads(int64_t packs, int64_t most) {
  return std::min<int64_t>(most, llvm::alignTo(packs, kWarp));
}

Type moe::cuda::packOf(ThreadBuilder &t, Type element, int64_t pack) {
  return pack == 1 ? element : Type(t.vectorOf(element, pack));
}

Type moe::cuda::elementOf(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType();
}

std::string moe::cuda::nameOfNumber(double value) {
  return llvm::utohexstr(APFloat(value).bitcastToAPInt().getZExtValue(),
                         /*LowerCase=*/true);
}

//===----------------------------------------------------------------------===//
// Packs
//===----------------------------------------------------------------------===//

Value moe::cuda::rowStart(ThreadBuilder &t, Value row, int64_t columns) {
  return t.mul(t.wide(row), columns);
}

SmallVector<Value> moe::cuda::unpacked(ThreadBuilder &t, Value pack) {
  auto type = dyn_cast<VectorType>(pack.getType());
  if (!type)
    return {pack};
  SmallVector<Value> scalars;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    scalars.push_back(t.extract(pack, i));
  return scalars;
}

Value moe::cuda::packed(ThreadBuilder &t, ValueRange scalars) {
  if (scalars.size() == 1)
    return scalars.front();
  Value pack = splat(t, scalars.front(), scalars.size());
  for (size_t i = 1; i < scalars.size(); ++i)
    pack = t.insert(scalars[i], pack, i);
  return pack;
}

Value moe::cuda::splat(ThreadBuilder &t, Value scalar, int64_t pack) {
  if (pack == 1)
    return scalar;
  return vector::BroadcastOp::create(t, t.vectorOf(scalar.getType(), pack),
                                     scalar);
}

void moe::cuda::forEach(ThreadBuilder &t, int64_t count,
                        function_ref<void(Value)> body) {
  Value thread = t.threadId();
  int64_t threads = t.threadCount(), whole = count / threads;
  if (whole > kUnrolled)
    return t.loop(thread, t.i32(count), t.i32(threads), body);
  for (int64_t i = 0; i < whole; ++i)
    body(t.add(thread, i * threads));
  if (int64_t rest = count % threads)
    t.when(t.less(thread, t.i32(rest)),
           [&] { body(t.add(thread, whole * threads)); });
}

void moe::cuda::forPacks(ThreadBuilder &t, int64_t columns, int64_t pack,
                         function_ref<void(Value)> body) {
  forEach(t, columns / pack, [&](Value i) { body(t.mul(i, pack)); });
}

SmallVector<Value> moe::cuda::foldPacks(
    ThreadBuilder &t, int64_t columns, int64_t pack, ValueRange inits,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Value thread = t.threadId();
  int64_t threads = t.threadCount(), count = columns / pack;
  auto guarded = [&](Value number, ValueRange carried) {
    Value isFirst = t.less(number, t.i32(count));
    Value there = t.min(number, t.i32(count - 1));
    return body(t.mul(there, pack), isFirst, carried);
  };
  int64_t trips = llvm::divideCeil(count, threads);
  SmallVector<Value> carried(inits);
  if (trips > kUnrolled)
    return t.loop(t.i32(0), t.i32(trips), t.i32(1), carried,
                  [&](Value trip, ValueRange values) {
                    return guarded(t.add(thread, t.mul(trip, threads)), values);
                  });
  for (int64_t i = 0; i < trips; ++i) {
    Value number = t.add(thread, i * threads);
    carried = (i + 1) * threads <= count
                  ? body(t.mul(number, pack), {}, carried)
                  : guarded(number, carried);
  }
  return carried;
}

void moe::cuda::whenSet(ThreadBuilder &t, Value condition,
                        function_ref<void()> body) {
  if (condition)
    t.when(condition, body);
  else
    body();
}

Value RowSource::load(ThreadBuilder &t, Value column, int64_t pack) const {
  Value at = first ? t.add(first, t.wide(column)) : column;
  return t.load(packOf(t, t.getF32Type(), pack), pointer, at);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value moe::cuda::sumInOrder(ThreadBuilder &t, int64_t columns,
                            function_ref<SmallVector<Value>(Value)> terms,
                            function_ref<Value(Value, ValueRange)> next) {
  Value lane = t.bitAnd(t.threadId(), kSumLanes - 1);
  int64_t steps = columns / kSumLanes;
  // All are read before the first is added: only the sums wait for each other.
  auto add = [&](Value sum, Value column, int64_t count) {
    SmallVector<SmallVector<Value>> all;
    for (int64_t i = 0; i < count; ++i)
      all.push_back(terms(t.add(column, i * kSumLanes)));
    for (SmallVector<Value> &one : all)
      sum = next(sum, one);
    return sum;
  };
  Value sum = t.f32(0), column = lane;
  int64_t whole = steps / kUnrolled * kUnrolled;
  if (steps >= 2 * kUnrolled) {
    sum = t.loop(t.i32(0), t.i32(whole), t.i32(kUnrolled), sum,
                 [&](Value step, ValueRange carried) -> SmallVector<Value> {
                   Value first = t.add(t.mul(step, kSumLanes), lane);
                   return {add(carried.front(), first, kUnrolled)};
                 })
              .front();
    steps -= whole;
    column = t.add(lane, whole * kSumLanes);
  }
  if (steps)
    sum = add(sum, column, steps);
  if (int64_t rest = columns % kSumLanes) {
    Value last = t.add(lane, columns - rest);
    Value isThere = t.less(lane, t.i32(rest));
    SmallVector<Value> some = terms(t.min(last, t.i32(columns - 1)));
    for (Value &term : some)
      term = t.select(isThere, term, t.f32(0));
    sum = next(sum, some);
  }
  return t.sumSixteen(sum);
}

Value moe::cuda::sumInOrder(ThreadBuilder &t, int64_t columns,
                            function_ref<Value(Value)> term) {
  return sumInOrder(
      t, columns,
      [&](Value column) -> SmallVector<Value> { return {term(column)}; },
      [&](Value sum, ValueRange terms) { return t.fadd(sum, terms.front()); });
}

Value moe::cuda::sumAscending(ThreadBuilder &t, Value shared, int64_t count) {
  auto add = [&](Value sum, Value first, int64_t size) {
    for (int64_t i = 0; i < size; ++i)
      sum = t.fadd(sum, t.load(t.getF32Type(), shared, t.add(first, i)));
    return sum;
  };
  int64_t whole = count / kUnrolled * kUnrolled;
  Value sum = t.f32(0);
  if (whole > 0)
    sum = t.loop(t.i32(0), t.i32(whole), t.i32(kUnrolled), sum,
                 [&](Value first, ValueRange carried) -> SmallVector<Value> {
                   return {add(carried.front(), first, kUnrolled)};
                 })
              .front();
  return add(sum, t.i32(whole), count - whole);
}

//===----------------------------------------------------------------------===//
// Largest numbers
//===----------------------------------------------------------------------===//

/// `combine` over what each warp has, in each thread.
static Value overWarps(ThreadBuilder &t, Value value, Value slots,
                       function_ref<Value(Value, Value)> combine) {
  if (t.warpCount() == 1)
    return value;
  t.when(t.equal(t.lane(), t.i32(0)), [&] { t.store(value, slots, t.warp()); });
  t.barrier();
  Value all = t.load(value.getType(), slots, int64_t(0));
  for (int64_t i = 1; i < t.warpCount(); ++i)
    all = combine(all, t.load(value.getType(), slots, i));
  return all;
}

Value moe::cuda::maxOfBlock(ThreadBuilder &t, Value value, Value slots) {
  return overWarps(t, t.maxOver(value), slots, [&](Value a, Value b) {
    return a.getType().isF32() ? t.fmax(a, b) : t.max(a, b);
  });
}

Value moe::cuda::sumOfBlock(ThreadBuilder &t, Value value, Value slots) {
  return overWarps(t, t.sumInts(value), slots,
                   [&](Value a, Value b) { return t.add(a, b); });
}

static Value flipped(ThreadBuilder &t, Value bits) {
  Value isNegative = t.less(bits, t.i32(0));
  return t.select(isNegative, t.bitXor(bits, t.i32(0x7fffffff)), bits);
}

Value moe::cuda::ordered(ThreadBuilder &t, Value number, Value isFirst) {
  // The sum has no negative zero.
  Value bits = t.bitcast(t.fadd(number, t.f32(0)), t.getI32Type());
  Value isNumber =
      arith::CmpFOp::create(t, arith::CmpFPredicate::ORD, number, number);
  Value extreme = t.select(isFirst, t.i32(std::numeric_limits<int32_t>::max()),
                           t.i32(std::numeric_limits<int32_t>::min()));
  return t.select(isNumber, flipped(t, bits), extreme);
}

Value moe::cuda::unordered(ThreadBuilder &t, Value order) {
  return t.bitcast(flipped(t, order), t.getF32Type());
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

void moe::cuda::launchPacks(Launcher &l, std::string name, Value like,
                            ArrayRef<Value> arguments, PackBody body) {
  KernelBuilder &b = l.host();
  int64_t columns = host::columnsOf(like), pack = getPack(columns);
  int64_t packs = columns / pack, threads = getRowThreads(packs);
  Grid grid{b.rowsOf(like), b.index(llvm::divideCeil(packs, threads))};
  l.launch(std::move(name), grid, threads, arguments,
           [&](ThreadBuilder &t, ValueRange args) {
             Value number = t.add(t.mul(t.blockY(), threads), t.threadId());
             auto emit = [&] {
               body(t, args, t.blockX(), t.mul(number, pack), pack);
             };
             if (packs % threads == 0)
               emit();
             else
               t.when(t.less(number, t.i32(packs)), emit);
           });
}

void moe::cuda::launchRows(
    Launcher &l, std::string name, Value like, ArrayRef<Value> arguments,
    function_ref<void(ThreadBuilder &, ValueRange, Value)> body) {
  constexpr int64_t threads = 128;
  KernelBuilder &b = l.host();
  Value rows = b.rowsOf(like);
  SmallVector<Value> all(arguments);
  all.push_back(rows);
  l.launch(std::move(name), {blocksFor(b, rows, threads), {}}, threads, all,
           [&](ThreadBuilder &t, ValueRange args) {
             Value row = t.add(t.mul(t.blockX(), threads), t.threadId());
             t.when(t.less(row, args.back()),
                    [&] { body(t, args.drop_back(), row); });
           });
}

void moe::cuda::launchWarps(
    Launcher &l, std::string name, Value like, ArrayRef<Value> arguments,
    function_ref<void(ThreadBuilder &, ValueRange, Value)> body) {
  KernelBuilder &b = l.host();
  Value rows = b.rowsOf(like);
  SmallVector<Value> all(arguments);
  all.push_back(rows);
  l.launch(std::move(name), {blocksFor(b, rows, kWarpRows), {}},
           kWarpRows * kWarp, all, [&](ThreadBuilder &t, ValueRange args) {
             Value row = t.add(t.mul(t.blockX(), kWarpRows), t.warp());
             t.when(t.less(row, args.back()),
                    [&] { body(t, args.drop_back(), row); });
           });
}
