//===- Norm.cpp - norms, alone and with what is around them ---------------===//
#include "RowLevels.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

/// Features of a group that half a warp keeps in registers.
static constexpr int64_t kHalfWarpFeatures = 512;

namespace {

/// What is known of a group once it was read.
struct Statistics {
  Value mean; ///< null unless it is subtracted
  Value factor;
};

/// One group of features, by steps in the order of the CPU backend.
struct GroupNorm {
  ThreadBuilder &t;
  NormKind kind;
  double epsilon;
  int64_t size;

  /// `sum` adds up what it is given the terms of: all lanes of a warp.
  Statistics
  measure(function_ref<Value(function_ref<Value(Value)>)> sum) const {
    Value inverse = t.f32(1.0 / size), mean;
    if (kind == NormKind::Layer)
      mean = t.fmul(sum([](Value x) { return x; }), inverse);
    Value squares = sum([&](Value x) {
      Value c = centred(x, mean);
      return t.fmul(c, c);
    });
    Value variance = t.fadd(t.fmul(squares, inverse), t.f32(epsilon));
    return {mean, t.fdiv(t.f32(1), t.sqrt(variance))};
  }

  /// A pack, or one number, and its scale.
  Value apply(Value x, const Statistics &known, Value scale) const {
    auto type = dyn_cast<VectorType>(x.getType());
    int64_t pack = type ? type.getNumElements() : 1;
    Value mean = known.mean ? splat(t, known.mean, pack) : Value();
    x = t.fmul(centred(x, mean), splat(t, known.factor, pack));
    return t.fmul(x, scale);
  }

private:
  Value centred(Value x, Value mean) const {
    return mean ? t.fsub(x, mean) : x;
  }
};

} // namespace

static std::string nameOfNorm(NormKind kind, double epsilon) {
  return (stringifyNormKind(kind) + "_" + nameOfNumber(epsilon)).str();
}

//===----------------------------------------------------------------------===//
// Small groups: half a warp each
//===----------------------------------------------------------------------===//

static void emitSmallNorm(ThreadBuilder &t, const GroupNorm &norm,
                          int64_t groups, Type scaleType, ValueRange args) {
  Value input = args[0], scale = args[1], result = args[2];
  int64_t size = norm.size, whole = size / kSumLanes, rest = size % kSumLanes;
  int64_t halves = t.threadCount() / kSumLanes;
  Value lane = t.bitAnd(t.threadId(), kSumLanes - 1);
  Value group =
      t.add(t.mul(t.blockY(), halves), t.div(t.threadId(), kSumLanes));
  // Lanes that have no group do what the last has to do, and keep it.
  Value isThere = t.less(group, t.i32(groups));
  Value first = t.add(rowStart(t, t.blockX(), groups * size),
                      t.wide(t.mul(t.min(group, t.i32(groups - 1)), size)));
  SmallVector<Value> columns, features;
  for (int64_t i = 0; i < whole + (rest != 0); ++i)
    columns.push_back(t.add(lane, i * kSumLanes));
  if (rest)
    columns.back() = t.min(columns.back(), t.i32(size - 1));
  for (Value column : columns)
    features.push_back(
        t.load(t.getF32Type(), input, t.add(first, t.wide(column))));
  Value inRest = t.less(lane, t.i32(rest));
  Statistics known = norm.measure([&](function_ref<Value(Value)> term) {
    Value sum = t.f32(0);
    for (auto [i, x] : llvm::enumerate(features)) {
      Value y = term(x);
      bool isRest = int64_t(i) == whole;
      sum = t.fadd(sum, isRest ? t.select(inRest, y, t.f32(0)) : y);
    }
    return t.sumSixteen(sum);
  });
  t.when(isThere, [&] {
    for (auto [i, x] : llvm::enumerate(features)) {
      Value column = columns[i];
      auto store = [&, x = x] {
        Value w = t.widen(t.loadConstant(scaleType, scale, column));
        t.store(norm.apply(x, known, w), result, t.add(first, t.wide(column)));
      };
      whenSet(t, int64_t(i) == whole ? inRest : Value(), store);
    }
  });
}

static void launchSmallNorm(Launcher &l, NormKind kind, double epsilon,
                            int64_t groups, Value input, Value scale,
                            Value result) {
  int64_t size = columnsOf(input) / groups;
  int64_t threads =
      std::min<int64_t>(128, llvm::alignTo(groups * kSumLanes, kWarp));
  Value blocks = l.host().index(llvm::divideCeil(groups * kSumLanes, threads));
  std::string name = "norm_" + nameOfNorm(kind, epsilon) + "_groups";
  l.launch(name, {l.host().rowsOf(input), blocks}, threads,
           {input, scale, result}, [&](ThreadBuilder &t, ValueRange args) {
             emitSmallNorm(t, {t, kind, epsilon, size}, groups,
                           elementOf(scale), args);
           });
}

static bool addsUp(const NormSteps &steps) {
  return steps.addend || steps.combined.parts;
}

//===----------------------------------------------------------------------===//
// Large groups: a block each
//===----------------------------------------------------------------------===//

namespace {

/// The kernel of NormSteps: buffers are those of the kernel, by the order in
/// which they are passed.
class BlockNorm {
public:
  BlockNorm(Launcher &l, ThreadBuilder &t, const NormSteps &steps)
      : l(l), t(t), steps(steps), columns(columnsOf(steps.input)),
        size(columns / steps.groups), norm{t, steps.kind, steps.epsilon, size} {
  }

  void emit(ValueRange args) {
    takeArguments(args);
    first = t.add(rowStart(t, t.blockX(), columns),
                  t.wide(t.mul(t.blockY(), size)));
    int64_t floats = steps.levels ? getLevelFloats(size) : size;
    bool fits = size <= kRowCapacity && floats >= size;
    if (fits || steps.levels)
      scratch = t.shared(floats * sizeof(float));
    Rotation rotation(l, t, steps.rotation);
    // What is needed after the sums comes while the row does, if it fits, too.
    int64_t room = kRowCapacity - floats;
    if (steps.rotation <= room)
      room -= rotation.prefetchSigns();
    hasNearScale = fits && size <= room;
    readRow(fits);
    t.barrier();
    Statistics known = measure();
    auto normed = [&](Value column, int64_t pack) {
      Value w = nearScale
                    ? t.load(packOf(t, t.getF32Type(), pack), nearScale, column)
                    : scaleAt(column, pack);
      Value y = norm.apply(row.load(t, column, pack), known, w);
      if (result)
        t.store(y, result, t.add(first, t.wide(column)));
      return y;
    };
    if (steps.levels)
      return emitLevels(t, rotation, size, levels, t.blockX(), scratch, normed);
    int64_t pack = getPack(size);
    forPacks(t, size, pack, [&](Value column) { normed(column, pack); });
  }

private:
  void takeArguments(ValueRange args) {
    auto next = [&](bool isThere = true) {
      Value value = isThere ? args.front() : Value();
      args = args.drop_front(isThere);
      return value;
    };
    input = next();
    addend = next(bool(steps.addend));
    bool isCombined = bool(steps.combined.parts);
    for (Value *part : {&combined.ofRow, &combined.weights, &combined.parts})
      *part = next(isCombined);
    sum = next(addsUp(steps));
    scale = next();
    result = next(bool(steps.result));
    if (steps.levels)
      for (Value *part : {&levels.levels, &levels.scales, &levels.sums})
        *part = next();
  }

  Value scaleAt(Value column, int64_t pack) {
    Type type = packOf(t, elementOf(steps.scale), pack);
    return t.widen(t.loadConstant(type, scale, column));
  }

  /// Adds what is to be added, and brings the row to where it is read from.
  void readRow(bool fits) {
    int64_t pack = getPack(size);
    Type type = packOf(t, t.getF32Type(), pack);
    if (hasNearScale)
      nearScale = t.shared(size * sizeof(float));
    if (fits || sum)
      forPacks(t, size, pack, [&](Value column) {
        Value at = t.add(first, t.wide(column));
        Value x = t.load(type, input, at);
        if (sum) {
          x = t.fadd(x,
                     addend ? t.load(type, addend, at) : partsAt(column, pack));
          t.store(x, sum, at);
        }
        if (fits)
          t.store(x, scratch, column);
        if (nearScale)
          t.store(scaleAt(column, pack), nearScale, column);
      });
    row = fits ? RowSource{scratch, {}} : RowSource{sum ? sum : input, first};
  }

  Value partsAt(Value column, int64_t pack) {
    column = t.add(t.mul(t.blockY(), size), column);
    return combine(t, combined, columnsOf(steps.combined.ofRow), t.blockX(),
                   column, columns, pack);
  }

  /// By the first warp; all get to know it.
  Statistics measure() {
    Value slots = t.shared(2 * sizeof(float));
    t.when(t.less(t.threadId(), t.i32(kWarp)), [&] {
      Statistics known = norm.measure([&](function_ref<Value(Value)> term) {
        return sumInOrder(t, size, [&](Value column) {
          return term(row.load(t, column, 1));
        });
      });
      t.when(t.equal(t.threadId(), t.i32(0)), [&] {
        t.store(known.factor, slots, int64_t(0));
        if (known.mean)
          t.store(known.mean, slots, 1);
      });
    });
    t.barrier();
    Statistics known;
    known.factor = t.load(t.getF32Type(), slots, int64_t(0));
    if (steps.kind == NormKind::Layer)
      known.mean = t.load(t.getF32Type(), slots, 1);
    return known;
  }

  Launcher &l;
  ThreadBuilder &t;
  const NormSteps &steps;
  int64_t columns, size;
  GroupNorm norm;
  Value input, addend, sum, scale, result;
  Combination combined;
  QuantizedRows levels;
  Value first, scratch, nearScale;
  bool hasNearScale = false;
  RowSource row;
};

} // namespace

void moe::cuda::launchNormSteps(Launcher &l, const NormSteps &steps) {
  assert((steps.groups == 1 || !steps.levels) && "levels are of whole rows");
  int64_t size = columnsOf(steps.input) / steps.groups;
  if (size <= kHalfWarpFeatures && !addsUp(steps) && !steps.levels)
    return launchSmallNorm(l, steps.kind, steps.epsilon, steps.groups,
                           steps.input, steps.scale, steps.result);
  std::string name = "norm_" + nameOfNorm(steps.kind, steps.epsilon);
  SmallVector<Value> args = {steps.input};
  if (addsUp(steps)) {
    name += "_added";
    if (steps.addend)
      args.push_back(steps.addend);
    else
      args.append(
          {steps.combined.ofRow, steps.combined.weights, steps.combined.parts});
    args.push_back(steps.sum);
  }
  args.push_back(steps.scale);
  if (steps.result) {
    name += "_kept";
    args.push_back(steps.result);
  }
  if (steps.levels) {
    name += "_levels_" + std::to_string(steps.rotation);
    args.append(
        {steps.levels->levels, steps.levels->scales, steps.levels->sums});
  }
  int64_t threads = steps.levels ? getLevelThreads(size)
                                 : getRowThreads(size / getPack(size));
  Grid grid{l.host().rowsOf(steps.input), l.host().index(steps.groups)};
  l.launch(name, grid, threads, args, [&](ThreadBuilder &t, ValueRange args) {
    BlockNorm(l, t, steps).emit(args);
  });
}
