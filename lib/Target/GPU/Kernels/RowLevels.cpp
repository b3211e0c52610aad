//===- RowLevels.cpp - rotation and levels of a row, by one block ---------===//
#include "RowLevels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "moe/Quant/Rotation.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

Rotation::Rotation(Launcher &l, ThreadBuilder &t, int64_t block)
    : t(t), block(block) {
  if (block == 0)
    return;
  assert(block <= kLargestRotation && "does not fit a block's memory");
  std::vector<float> values;
  for (int64_t i = 0; i < signCount(); ++i)
    values.push_back(getRotationSign(i % block));
  auto type = RankedTensorType::get({int64_t(values.size())}, t.getF32Type());
  signs = l.getTable(t, "signs_" + std::to_string(block),
                     DenseElementsAttr::get(type, ArrayRef<float>(values)));
}

int64_t Rotation::prefetchSigns() {
  if (block == 0)
    return 0;
  Value near = t.shared(signCount() * sizeof(float));
  forPacks(t, signCount(), 4, [&](Value place) {
    Type type = packOf(t, t.getF32Type(), 4);
    t.store(t.loadConstant(type, signs, place), near, place);
  });
  signs = near;
  areNear = true;
  return signCount();
}

Value Rotation::withSigns(Value x, Value column, int64_t pack) {
  Value inside = t.bitAnd(column, signCount() - 1);
  Type type = packOf(t, t.getF32Type(), pack);
  Value sign = areNear ? t.load(type, signs, inside)
                       : t.loadConstant(type, signs, inside);
  return t.fmul(x, sign);
}

Value Rotation::scaled(Value x) {
  return t.fmul(x, t.like(x, float(1.0 / std::sqrt(double(block)))));
}

/// Distances that lie in a thread's pack, then in a warp: place j with j + h,
/// sum below and difference above.
void Rotation::withinWarp(MutableArrayRef<Value> x) {
  int64_t pack = x.size();
  for (int64_t h = 1; h < std::min(block, pack); h *= 2)
    for (int64_t i = 0; i < pack; ++i)
      if (!(i & h)) {
        Value sum = t.fadd(x[i], x[i + h]);
        x[i + h] = t.fsub(x[i], x[i + h]);
        x[i] = sum;
      }
  for (int64_t mask = 1; mask < kWarp && mask * pack < block; mask *= 2) {
    Value isAbove = t.notEqual(t.bitAnd(t.threadId(), mask), t.i32(0));
    Value sign = t.select(isAbove, t.f32(-1), t.f32(1));
    // The product with a sign is exact: this rounds like a plain sum.
    for (Value &number : x)
      number = t.fma(number, sign, t.shuffleXor(number, mask));
  }
}

/// `radix` numbers at a time, which are `distance` apart.
void Rotation::acrossWarps(Value row, int64_t columns, int64_t distance,
                           int64_t radix, bool isLast) {
  forEach(t, columns / radix, [&](Value i) {
    Value inside = t.bitAnd(i, distance - 1);
    Value first = t.add(t.mul(t.sub(i, inside), radix), inside);
    SmallVector<Value> x;
    for (int64_t j = 0; j < radix; ++j)
      x.push_back(t.load(t.getF32Type(), row, t.add(first, j * distance)));
    for (int64_t step = 1; step < radix; step *= 2)
      for (int64_t j = 0; j < radix; ++j)
        if (!(j & step)) {
          Value sum = t.fadd(x[j], x[j + step]);
          x[j + step] = t.fsub(x[j], x[j + step]);
          x[j] = sum;
        }
    for (int64_t j = 0; j < radix; ++j)
      t.store(isLast ? scaled(x[j]) : x[j], row, t.add(first, j * distance));
  });
}

void Rotation::transform(Value row, int64_t columns, PackSource source) {
  int64_t pack = getPack(columns);
  bool isInWarp = block <= pack * kWarp;
  auto store = [&](Value column, Value isThere, ValueRange) {
    Type type = packOf(t, t.getF32Type(), pack);
    auto read = [&]() -> SmallVector<Value> { return {source(column, pack)}; };
    // Where there is nothing, a whole block is missing.
    Value x = isThere ? t.choose(isThere, type, read,
                                 [&]() -> SmallVector<Value> {
                                   return {splat(t, t.f32(0), pack)};
                                 })
                            .front()
                      : read().front();
    if (block) {
      SmallVector<Value> numbers = unpacked(t, x);
      withinWarp(numbers);
      x = packed(t, numbers);
      if (isInWarp)
        x = scaled(x);
    }
    whenSet(t, isThere, [&] { t.store(x, row, column); });
    return SmallVector<Value>();
  };
  foldPacks(t, columns, pack, {}, store);
  int64_t distance = pack * kWarp;
  while (distance < block) {
    int64_t radix = std::min<int64_t>(16, block / distance);
    t.barrier();
    acrossWarps(row, columns, distance, radix, distance * radix == block);
    distance *= radix;
  }
}

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

/// Columns that are in shared memory at once.
static int64_t getChunk(int64_t features) {
  int64_t padded = CodeAttr::getPaddedColumns(features);
  return padded <= kRowCapacity ? padded : kLargestRotation;
}

bool moe::cuda::fitsLevels(int64_t features) {
  return getChunk(features) >= features;
}
int64_t moe::cuda::getLevelFloats(int64_t features) {
  return getChunk(features);
}
int64_t moe::cuda::getLevelThreads(int64_t features) {
  return getRowThreads(CodeAttr::getPaddedColumns(features) / 4);
}

namespace {

/// Levels, scale and sums of one row.
class LevelWriter {
public:
  LevelWriter(ThreadBuilder &t, Rotation &rotation, int64_t features,
              const QuantizedRows &to, Value row, Value scratch,
              PackSource source)
      : t(t), rotation(rotation), features(features),
        columns(CodeAttr::getPaddedColumns(features)),
        chunk(getChunk(features)), to(to), row(row), scratch(scratch),
        source(source) {}

  void write() {
    int64_t chunks = llvm::divideCeil(columns, chunk);
    Value most = t.i32(0);
    for (int64_t i = 0; i < chunks; ++i) {
      if (i > 0)
        t.barrier();
      stage(i * chunk);
      most = larger(most, i * chunk);
    }
    setLargest(most);
    Value total = t.i32(0);
    for (int64_t i = chunks - 1; i >= 0; --i) {
      if (i < chunks - 1) {
        t.barrier();
        stage(i * chunk);
      }
      total = writeChunk(total, i * chunk);
    }
    Value slots = t.shared(t.warpCount() * sizeof(int32_t));
    total = sumOfBlock(t, total, slots);
    t.when(t.equal(t.threadId(), t.i32(0)), [&] {
      t.store(total, to.sums, t.add(firstSum(), columns / sumColumns));
    });
  }

private:
  int64_t widthOf(int64_t begin) const {
    return std::min(chunk, columns - begin);
  }

  /// Brings columns from `begin` on to the scratch.
  void stage(int64_t begin) {
    int64_t there = std::min(chunk, features - begin);
    rotation.transform(scratch, there, [&](Value column, int64_t pack) {
      Value x = source(t.add(column, begin), pack);
      return rotation.isThere() ? rotation.withSigns(x, column, pack) : x;
    });
    forEach(t, widthOf(begin) - there,
            [&](Value i) { t.store(t.f32(0), scratch, t.add(i, there)); });
    t.barrier();
  }

  Value load(Value column) {
    return t.load(t.vectorOf(t.getF32Type(), 4), scratch, column);
  }

  /// Bits of numbers that are not negative are in the order of the numbers,
  /// with NaN above all: a row that has one must not look like a row without.
  Value larger(Value most, int64_t begin) {
    return foldPacks(t, widthOf(begin), 4, most,
                     [&](Value column, Value, ValueRange carried) {
                       Value next = carried.front();
                       for (Value x : unpacked(t, t.fabs(load(column))))
                         next = t.max(next, t.bitcast(x, t.getI32Type()));
                       return SmallVector<Value>{next};
                     })
        .front();
  }

  void setLargest(Value most) {
    Value slots = t.shared(t.warpCount() * sizeof(int32_t));
    Value largest = t.bitcast(maxOfBlock(t, most, slots), t.getF32Type());
    // What is so small that its inverse overflows counts as zeros.
    Value isZero = t.isGreater(t.f32(0x1p-100), largest);
    Value none = t.f32(0);
    inverse = t.select(isZero, none, t.fdiv(t.f32(127), largest));
    Value scale = t.select(isZero, none, t.fdiv(largest, t.f32(127)));
    t.when(t.equal(t.threadId(), t.i32(0)),
           [&] { t.store(scale, to.scales, row); });
  }

  Value firstSum() { return rowStart(t, row, columns / sumColumns + 1); }

  /// Four levels a thread, so eight threads have what is summed together.
  Value writeChunk(Value total, int64_t begin) {
    Value first = t.add(rowStart(t, row, columns), begin);
    auto write = [&](Value column, Value isThere, ValueRange carried) {
      Value bytes, sum;
      for (auto [i, x] : llvm::enumerate(unpacked(t, load(column)))) {
        Value level = t.toInt(t.roundEven(t.fmul(x, inverse)));
        Value byte = t.shl(t.bitAnd(level, 255), 8 * i);
        bytes = i ? t.bitOr(bytes, byte) : byte;
        sum = i ? t.add(sum, level) : level;
      }
      if (isThere)
        sum = t.select(isThere, sum, t.i32(0));
      Value ofGroup = t.sumInts(sum, sumColumns / 4);
      whenSet(t, isThere, [&] {
        Value place = t.shr(t.add(first, t.wide(column)), 2);
        t.store(bytes, to.levels, place);
        Value isLeader = t.equal(t.bitAnd(column, sumColumns - 1), t.i32(0));
        t.when(isLeader, [&] {
          Value group = t.add(t.div(column, sumColumns), begin / sumColumns);
          t.store(ofGroup, to.sums, t.add(firstSum(), t.wide(group)));
        });
      });
      return SmallVector<Value>{t.add(carried.front(), sum)};
    };
    return foldPacks(t, widthOf(begin), 4, total, write).front();
  }

  ThreadBuilder &t;
  Rotation &rotation;
  int64_t features, columns, chunk;
  const QuantizedRows &to;
  Value row, scratch;
  PackSource source;
  Value inverse;
};

} // namespace

void moe::cuda::emitLevels(ThreadBuilder &t, Rotation &rotation,
                           int64_t features, const QuantizedRows &to, Value row,
                           Value scratch, PackSource source) {
  LevelWriter(t, rotation, features, to, row, scratch, source).write();
}
