//===- LinearVector.cpp - few rows times matrices of elements -------------===//
//
// A warp, or the four of a block, reads two rows of weights from end to end,
// each lane 16 bytes at a time, and keeps sums of its own, which the lanes add
// up at the end. The order of sums is not the CPU's, but always the same.
//
// 8 features of one row and two outputs take 2 loads of weights, 2 of the row
// (32 bytes, in the first-level cache), 16 to widen, 16 fma, and about 3 for
// addresses: 39 instructions for 32 bytes of weights. A multiprocessor issues 4
// x 32 of them a cycle and could take 105 bytes a cycle; the first-level cache,
// 128 bytes a cycle for 64 of weights and rows, 64. Memory gives 19 (4.3 TB/s,
// 132 of them at 1.7 GHz). Each warp has 4 KB on their way, 16 warps 64 KB,
// where 25 KB cover the latency. 90 % of the bandwidth is predicted from 32 MB
// on; of 8 rows (151 instructions, 27 bytes a cycle) too.
//===----------------------------------------------------------------------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

constexpr int64_t kThreads = 128, kOutputs = 2;
/// Of shorter rows, a lane of four warps would have less than two loads.
constexpr int64_t kSplitFeatures = 1024, kSplitOutputs = 4096;

class VectorLinear {
public:
  VectorLinear(const LinearCall &call, int64_t together);

  int64_t getPanel() const { return kThreads / kWarp / split * kOutputs; }
  int64_t getSplit() const { return split; }
  void emit(LinearWork &work);

private:
  void emitTile(LinearWork &work, Value firstRow);
  SmallVector<Value> emitSums(ThreadBuilder &t);
  void emitSteps(ThreadBuilder &t, Value feature, int64_t count,
                 SmallVector<Value> &sums);
  void emitRest(ThreadBuilder &t, int64_t feature, SmallVector<Value> &sums);
  SmallVector<Value> loadWeights(ThreadBuilder &t, Value feature);
  void multiply(ThreadBuilder &t, Value feature, ArrayRef<Value> raw,
                SmallVector<Value> &sums);
  void addWarps(LinearWork &work, Value firstRow, ArrayRef<Value> sums);

  const LinearShape &shape;
  int64_t together;
  int64_t split; ///< warps of an output
  int64_t width; ///< features of a lane and step
  int64_t span;  ///< features of a step
  Value output, feature,
      partial; ///< the first of this warp, of this lane; shared
  SmallVector<Value> rows, weights; ///< addresses
};

} // namespace

VectorLinear::VectorLinear(const LinearCall &call, int64_t together)
    : shape(call.shape), together(together),
      split(shape.features >= kSplitFeatures &&
                    call.outputsOfRow() < kSplitOutputs
                ? kThreads / kWarp
                : 1),
      width(std::max<int64_t>(1, shape.alignment / shape.elementBytes())),
      span(kWarp * width * split) {}

/// Weights of all outputs, as loaded.
SmallVector<Value> VectorLinear::loadWeights(ThreadBuilder &t, Value at) {
  SmallVector<Value> raw;
  for (Value row : weights)
    raw.append(loadRaw(t, shape.element, t.at(row, shape.element, at), width,
                       shape.alignment, /*streams=*/true));
  return raw;
}

void VectorLinear::multiply(ThreadBuilder &t, Value at, ArrayRef<Value> raw,
                            SmallVector<Value> &sums) {
  SmallVector<Value> w = widenRaw(t, shape.element, raw);
  Type f32 = t.getF32Type();
  for (auto [r, row] : llvm::enumerate(rows)) {
    SmallVector<Value> x = widenRaw(
        t, f32,
        loadRaw(t, f32, t.at(row, f32, at), width, shape.inputAlignment()));
    for (int64_t n = 0; n < kOutputs; ++n) {
      Value &sum = sums[r * kOutputs + n];
      for (int64_t i = 0; i < width; ++i)
        sum = t.fma(x[i], w[n * width + i], sum);
    }
  }
}

void VectorLinear::emitSteps(ThreadBuilder &t, Value at, int64_t count,
                             SmallVector<Value> &sums) {
  SmallVector<SmallVector<Value>> raw;
  for (int64_t i = 0; i < count; ++i)
    raw.push_back(loadWeights(t, t.add(at, i * span)));
  for (int64_t i = 0; i < count; ++i)
    multiply(t, t.add(at, i * span), raw[i], sums);
}

/// Less than a step: some lanes have features, others have none.
void VectorLinear::emitRest(ThreadBuilder &t, int64_t first,
                            SmallVector<Value> &sums) {
  Value at = t.add(feature, first);
  SmallVector<Type> types(sums.size(), t.getF32Type());
  sums = t.choose(
      t.less(at, t.i32(shape.features)), types,
      [&] {
        SmallVector<Value> next(sums);
        emitSteps(t, at, 1, next);
        return next;
      },
      [&] { return sums; });
}

SmallVector<Value> VectorLinear::emitSums(ThreadBuilder &t) {
  SmallVector<Value> sums(together * kOutputs, t.f32(0));
  int64_t steps = shape.features / span;
  int64_t unrolled = std::min<int64_t>(steps, together > 4 ? 2 : 4);
  int64_t looped = unrolled ? steps / unrolled * unrolled : 0;
  if (looped)
    sums = t.loop(t.i32(0), t.i32(looped * span), t.i32(unrolled * span), sums,
                  [&](Value first, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    emitSteps(t, t.add(feature, first), unrolled, next);
                    return next;
                  });
  if (steps > looped)
    emitSteps(t, t.add(feature, looped * span), steps - looped, sums);
  if (shape.features % span)
    emitRest(t, steps * span, sums);
  for (Value &sum : sums)
    for (int64_t mask = kWarp / 2; mask >= 1; mask /= 2)
      sum = t.fadd(sum, t.shuffleXor(sum, mask));
  return sums;
}

/// Adds what the warps of a block have, in order.
void VectorLinear::addWarps(LinearWork &work, Value firstRow,
                            ArrayRef<Value> sums) {
  ThreadBuilder &t = work.t;
  int64_t count = sums.size();
  t.when(t.equal(t.lane(), t.i32(0)), [&] {
    for (auto [i, sum] : llvm::enumerate(sums))
      t.store(sum, partial, t.add(t.mul(t.warp(), count), i));
  });
  t.barrier();
  Value thread = t.threadId();
  t.when(t.less(thread, t.i32(count)), [&] {
    Value total = t.load(t.getF32Type(), partial, thread);
    for (int64_t warp = 1; warp < split; ++warp)
      total = t.fadd(
          total, t.load(t.getF32Type(), partial, t.add(thread, warp * count)));
    work.store(total, t.add(firstRow, t.div(thread, kOutputs)),
               t.add(output, t.rem(thread, kOutputs)));
  });
  t.barrier();
}

void VectorLinear::emitTile(LinearWork &work, Value firstRow) {
  ThreadBuilder &t = work.t;
  rows.clear();
  for (int64_t i = 0; i < together; ++i)
    rows.push_back(work.inputOf(t.add(firstRow, i)));
  SmallVector<Value> sums = emitSums(t);
  if (split > 1)
    return addWarps(work, firstRow, sums);
  t.when(t.equal(t.lane(), t.i32(0)), [&] {
    for (auto [i, sum] : llvm::enumerate(sums))
      work.store(sum, t.add(firstRow, i / kOutputs),
                 t.add(output, i % kOutputs));
  });
}

void VectorLinear::emit(LinearWork &work) {
  ThreadBuilder &t = work.t;
  output = work.firstOutput;
  feature = t.mul(t.lane(), width);
  if (split > 1) {
    feature = t.add(feature, t.mul(t.warp(), kWarp * width));
    partial = t.shared(split * together * kOutputs * sizeof(float));
  } else {
    output = t.add(output, t.mul(t.warp(), kOutputs));
  }
  weights.clear();
  for (int64_t i = 0; i < kOutputs; ++i)
    weights.push_back(work.weightsOf(t.add(output, i)));
  work.forRowTiles(together, [&](Value row) { emitTile(work, row); });
}

void moe::cuda::launchVectorLinear(Launcher &l, const LinearCall &call,
                                   int64_t together) {
  VectorLinear kernel(call, together);
  std::string name = "linear_vector_" + std::to_string(together) + "_by" +
                     std::to_string(kernel.getSplit());
  call.launch(l, name, kernel.getPanel(), together, kThreads,
              [&](LinearWork &work) { kernel.emit(work); });
}
