//===- LinearExact.cpp - linear maps with the sums of all other targets ---===//
//
// Sixteen chains for each output: feature k is added to chain k mod 16, with
// fma, ascending; then the tree of the CPU's sumLanes. An output belongs to 2
// to 16 threads: the fewer, the wider are their loads; with few outputs, more
// threads make up for it.
//
// A step of 8 features of one row by 2 threads an output takes, in each thread:
// 1 + 2 loads of 16 bytes from shared memory, 8 to widen, 8 fma, 2 for
// addresses, and 3 for the copy of 16 bytes: 24 instructions for 16 bytes of
// weights. Shared memory moves 16 bytes in, 16 out, and 32 of the row that 16
// threads share: about 12 cycles for 512 bytes, so a multiprocessor could take
// 42 bytes a cycle, where memory gives 19 (4.3 TB/s, 132 of them at 1.7 GHz).
// 48 KB and more are on their way. So one row runs at the speed of memory, less
// start and end: 85 % of it is predicted from 32 MB on.
//===----------------------------------------------------------------------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

constexpr int64_t kThreads = 128, kStages = 3;
/// Rows that a block takes one tile after the other: weights come from the
/// second-level cache then.
constexpr int64_t kBlockRows = 32;

class ExactLinear {
public:
  ExactLinear(const LinearCall &call, int64_t together);

  int64_t getChains() const { return chains; }
  int64_t getPanel() const { return panel; }
  void emit(LinearWork &work);

private:
  void emitTile(LinearWork &work, Value firstRow);
  SmallVector<Value> emitChunk(ThreadBuilder &t, Value chunk, Value slot,
                               ValueRange sums);
  void emitStep(ThreadBuilder &t, Value weightPlace, Value inputPlace,
                MutableArrayRef<Value> sums);
  Value sumOf(ThreadBuilder &t, ArrayRef<Value> sums);

  const LinearShape &shape;
  int64_t together;
  int64_t chains;   ///< of a thread
  int64_t lanes;    ///< threads of an output
  int64_t panel;    ///< outputs of a block
  int64_t features; ///< rounded up to whole steps
  int64_t chunk;    ///< features of a slot
  int64_t unrolled; ///< steps
  ChunkShape weightChunk, inputChunk;
  Value memory, inputs; ///< shared
  Value output, lane;   ///< of this thread: in the block, in the output
};

} // namespace

/// The widest loads with which there are two blocks for each multiprocessor of
/// a large GPU.
static int64_t chooseChains(int64_t outputs) {
  for (int64_t chains : {8, 4, 2})
    if (outputs * (kSumLanes / chains) >= 2 * 132 * kThreads)
      return chains;
  return 1;
}

ExactLinear::ExactLinear(const LinearCall &call, int64_t together)
    : shape(call.shape), together(together),
      chains(chooseChains(call.outputsOfRow())), lanes(kSumLanes / chains),
      panel(kThreads / lanes),
      features(llvm::alignTo(shape.features, kSumLanes)) {
  int64_t size = shape.elementBytes();
  int64_t bytes = std::clamp<int64_t>(16384 / panel, 256, 1024);
  chunk = std::min(bytes / size, features);
  unrolled = 1;
  while (unrolled < 4 && chunk / kSumLanes % (2 * unrolled) == 0 &&
         features / kSumLanes % (2 * unrolled) == 0)
    unrolled *= 2;
  // Rows begin at other banks: the threads of a warp read from all of them.
  int64_t stride = llvm::alignTo(chunk * size, 128) + kSumLanes * size;
  weightChunk = {panel, chunk * size, shape.rowBytes(), stride,
                 shape.alignment};
  int64_t inputBytes = chunk * sizeof(float);
  inputChunk = {together, inputBytes, int64_t(shape.features * sizeof(float)),
                inputBytes, shape.inputAlignment()};
}

/// Sixteen features of all rows, of which this thread has some, given where its
/// first weight and its first number of the first row lie.
void ExactLinear::emitStep(ThreadBuilder &t, Value weightPlace,
                           Value inputPlace, MutableArrayRef<Value> sums) {
  SmallVector<Value> weights =
      widenRaw(t, shape.element,
               loadRaw(t, shape.element, weightPlace, chains,
                       chains * shape.elementBytes()));
  Type f32 = t.getF32Type();
  for (int64_t row = 0; row < together; ++row) {
    Value place = t.at(inputPlace, t.getI8Type(), row * inputChunk.stride);
    SmallVector<Value> numbers = widenRaw(
        t, f32,
        loadRaw(t, f32, place, chains, chains * int64_t(sizeof(float))));
    for (int64_t i = 0; i < chains; ++i) {
      Value &sum = sums[row * chains + i];
      sum = t.fma(numbers[i], weights[i], sum);
    }
  }
}

SmallVector<Value> ExactLinear::emitChunk(ThreadBuilder &t, Value index,
                                          Value slot, ValueRange sums) {
  Value end = t.i32(chunk);
  // Zeros behind the last step would turn a sum of -0 into 0.
  if (features % chunk)
    end = t.min(end, t.sub(t.i32(features), t.mul(index, chunk)));
  Type byte = t.getI8Type(), f32 = t.getF32Type();
  Value first = t.mul(lane, chains);
  Value weights = t.at(t.at(memory, byte, slot), byte,
                       t.add(t.mul(output, weightChunk.stride),
                             t.mul(first, shape.elementBytes())));
  Value numbers = t.at(t.at(inputs, byte, slot), f32, first);
  return t.loop(t.i32(0), end, t.i32(unrolled * kSumLanes), sums,
                [&](Value feature, ValueRange carried) {
                  SmallVector<Value> next(carried);
                  Value weightPlace = t.at(weights, shape.element, feature);
                  Value inputPlace = t.at(numbers, f32, feature);
                  for (int64_t i = 0; i < unrolled; ++i)
                    emitStep(t, t.at(weightPlace, shape.element, i * kSumLanes),
                             t.at(inputPlace, f32, i * kSumLanes), next);
                  return next;
                });
}

/// Chains i + 8, then i + 4, then (0 + 1) + (2 + 3); some of them are in other
/// threads.
Value ExactLinear::sumOf(ThreadBuilder &t, ArrayRef<Value> sums) {
  SmallVector<Value> left(sums);
  for (int64_t distance : {8, 4, 1, 2})
    for (int64_t i = 0; i < chains; ++i) {
      if (distance >= chains)
        left[i] =
            left[i] ? t.fadd(left[i], t.shuffleXor(left[i], distance / chains))
                    : Value();
      else if (left[i] && !(i & distance))
        left[i] = t.fadd(left[i], std::exchange(left[i + distance], Value()));
    }
  return left.front();
}

void ExactLinear::emitTile(LinearWork &work, Value firstRow) {
  ThreadBuilder &t = work.t;
  ChunkCopy weightCopy(t, weightChunk, memory, [&](Value row) {
    return work.weightsOf(t.add(work.firstOutput, row));
  });
  ChunkCopy inputCopy(t, inputChunk, inputs, [&](Value row) {
    return work.inputOf(t.add(firstRow, row));
  });
  int64_t slotBytes = panel * weightChunk.stride + together * inputChunk.stride;
  SmallVector<Value> sums(together * chains, t.f32(0));
  sums = runRing(
      t, llvm::divideCeil(features, chunk), kStages, slotBytes, sums,
      [&](Value index, Value slot) {
        weightCopy.start(index, slot);
        inputCopy.start(index, slot);
      },
      [&](Value index, Value slot, ValueRange carried) {
        return emitChunk(t, index, slot, carried);
      });
  SmallVector<Value> totals;
  for (int64_t row = 0; row < together; ++row)
    totals.push_back(
        sumOf(t, ArrayRef<Value>(sums).slice(row * chains, chains)));
  t.when(t.equal(lane, t.i32(0)), [&] {
    for (auto [row, total] : llvm::enumerate(totals))
      work.store(total, t.add(firstRow, row), t.add(work.firstOutput, output));
  });
}

void ExactLinear::emit(LinearWork &work) {
  ThreadBuilder &t = work.t;
  int64_t slotBytes = panel * weightChunk.stride + together * inputChunk.stride;
  memory = t.shared(kStages * slotBytes, 128);
  inputs = t.at(memory, t.getI8Type(), panel * weightChunk.stride);
  output = t.div(t.threadId(), lanes);
  lane = t.rem(t.threadId(), lanes);
  work.forRowTiles(together, [&](Value row) { emitTile(work, row); });
}

void moe::cuda::launchExactLinear(Launcher &l, const LinearCall &call,
                                  int64_t together) {
  ExactLinear kernel(call, together);
  std::string name = "linear_exact_" + std::to_string(together) + "_by" +
                     std::to_string(kernel.getChains());
  call.launch(l, name, kernel.getPanel(), kBlockRows, kThreads,
              [&](LinearWork &work) { kernel.emit(work); });
}
