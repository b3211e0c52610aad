//===- LinearTensor.cpp - many rows times matrices of bf16 ----------------===//
//
// Tensor cores multiply bf16. Weights are that; a feature x of a row is split
// into high, its upper 16 bits, and low = x - high (exact), rounded to 8 bits,
// and both are multiplied: |x - high - low| <= 2^-16 |x|, where one product of
// bf16 has 2^-9. So the error of a sum is about 2^-16 / sqrt(K) of its terms'
// size, and near that of sums of f32; logits of tiny-moe are 1e-4 from those of
// float64, where 2e-3 are allowed.
//
// Shared memory holds features as they are. Which numbers of 16 features count
// as which column of the product is free, if rows and weights agree: thread t
// of four takes features 8t to 8t+7 of 32, four for each of two products. So
// both operands are loads of 16 bytes without conflicts: of weights, two rows
// of 64 bytes are side by side; of rows, which have 128 bytes, pieces of 16
// bytes are exchanged where the row is odd.
//
// A warp of the large tile multiplies 32 rows x 64 outputs x 32 features with
// 64 mma.sync, 16 loads of 16 bytes, and 32 pairs of features to split, 8
// instructions each. Tensor cores take 64 x 6.4 cycles at what mma.sync gets
// out of sm_90 (62 % of the peak of wgmma, about 490 of 790 TFLOP/s), issue
// slots of one of four schedulers 350 of these 410, shared memory 64 KB a step
// of 8 warps: 512 of 820. As each product is made of two, 245 TFLOP/s are the
// bound, 31 % of the peak; 25 % are predicted with large tiles, less what the
// last wave of blocks leaves idle.
//===----------------------------------------------------------------------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

/// Features of a slot of the ring.
constexpr int64_t kDepth = 32;
/// Rows and columns of one product.
constexpr int64_t kTileRows = 16, kTileColumns = 8;

struct Tiles {
  int64_t size; ///< rows and outputs of a block
  int64_t warpsOfRows, warpsOfOutputs;
  int64_t rows, outputs; ///< of a warp
  int64_t stages;

  int64_t threads() const { return kWarp * warpsOfRows * warpsOfOutputs; }
  int64_t inputBytes() const { return size * kDepth * 4; }
  int64_t slotBytes() const { return inputBytes() + size * kDepth * 2; }
};
// 72 KB: two blocks on a multiprocessor of sm_80, three on one of sm_90.
constexpr Tiles kLarge = {kLargeTile, 4, 2, 32, 64, 3};
constexpr Tiles kSmall = {kSmallTile, 2, 2, 32, 32, 4};

/// Sixteen rows by 32 features: registers of both parts, for two products.
struct Halves {
  SmallVector<Value> high[2], low[2];
};

class TensorLinear {
public:
  TensorLinear(LinearWork &work, const Tiles &tiles)
      : work(work), t(work.t), shape(work.shape), tiles(tiles) {}
  void emit();

private:
  void emitTile(Value firstRow);
  SmallVector<Value> emitSlot(Value slot, ValueRange sums);
  Halves loadRows(Value slot, int64_t tile);
  SmallVector<Value> loadFeatures(Value slot, int64_t row);
  Value upperHalves(Value first, Value second);
  void storeTile(Value firstRow, ArrayRef<Value> sums);
  int64_t sumAt(int64_t rowTile, int64_t columnTile) const {
    return (rowTile * (tiles.outputs / kTileColumns) + columnTile) * 4;
  }

  LinearWork &work;
  ThreadBuilder &t;
  const LinearShape &shape;
  const Tiles &tiles;
  Value memory, group, inGroup; ///< of 8 groups of 4 lanes
  Value warpRow, warpOutput;    ///< the warp's first, in the block
};

} // namespace

/// The upper halves of two numbers, the first in the lower half of the result.
Value TensorLinear::upperHalves(Value first, Value second) {
  Type halves = t.vectorOf(t.getI16Type(), 2);
  Value pair = LLVM::PoisonOp::create(t, halves);
  pair = t.insert(t.extract(t.bitcast(first, halves), 1), pair, 0);
  pair = t.insert(t.extract(t.bitcast(second, halves), 1), pair, 1);
  return t.bitcast(pair, t.getI32Type());
}

/// Eight features of this lane's group, as bits.
SmallVector<Value> TensorLinear::loadFeatures(Value slot, int64_t row) {
  Value at = t.add(slot, t.mul(t.add(t.add(warpRow, group), row), kDepth * 4));
  Value odd = t.bitAnd(group, 1);
  SmallVector<Value> bits;
  for (int64_t half = 0; half < 2; ++half) {
    Value piece = t.bitXor(t.add(t.mul(inGroup, 2), half), odd);
    Value place = t.at(memory, t.getI8Type(), t.add(at, t.mul(piece, 16)));
    bits.append(loadRaw(t, t.getF32Type(), place, 4, 16));
  }
  return bits;
}

Halves TensorLinear::loadRows(Value slot, int64_t tile) {
  Halves halves;
  SmallVector<Value> rows[2];
  for (int64_t i = 0; i < 2; ++i)
    rows[i] = loadFeatures(slot, tile * kTileRows + i * 8);
  Type f32 = t.getF32Type(), i32 = t.getI32Type();
  auto lowOf = [&](Value bits) {
    Value high = t.bitcast(t.bitAnd(bits, -65536), f32);
    Value low = t.bitcast(t.fsub(t.bitcast(bits, f32), high), i32);
    return t.add(low, 0x8000);
  };
  for (int64_t product = 0; product < 2; ++product)
    for (int64_t pair = 0; pair < 2; ++pair)
      for (const SmallVector<Value> &row : rows) {
        Value a = row[product * 4 + pair * 2];
        Value b = row[product * 4 + pair * 2 + 1];
        halves.high[product].push_back(upperHalves(a, b));
        halves.low[product].push_back(upperHalves(lowOf(a), lowOf(b)));
      }
  return halves;
}

SmallVector<Value> TensorLinear::emitSlot(Value slot, ValueRange carried) {
  SmallVector<Value> sums(carried);
  int64_t columns = tiles.outputs / kTileColumns;
  SmallVector<SmallVector<Value>> weights;
  Value lanePlace =
      t.add(t.mul(t.add(warpOutput, group), kDepth * 2), t.mul(inGroup, 16));
  for (int64_t j = 0; j < columns; ++j) {
    int64_t at = tiles.inputBytes() + j * kTileColumns * kDepth * 2;
    Value place =
        t.at(memory, t.getI8Type(), t.add(t.add(slot, lanePlace), at));
    weights.push_back(loadRaw(t, shape.element, place, 8, 16));
  }
  for (int64_t i = 0; i < tiles.rows / kTileRows; ++i) {
    Halves rows = loadRows(slot, i);
    for (int64_t product = 0; product < 2; ++product)
      // The small terms first.
      for (ArrayRef<Value> part : {rows.low[product], rows.high[product]})
        for (int64_t j = 0; j < columns; ++j) {
          auto sum = MutableArrayRef<Value>(sums).slice(sumAt(i, j), 4);
          ArrayRef<Value> b = ArrayRef<Value>(weights[j]).slice(product * 2, 2);
          llvm::copy(t.mmaBf16(part, b, ArrayRef<Value>(sum)), sum.begin());
        }
  }
  return sums;
}

void TensorLinear::storeTile(Value firstRow, ArrayRef<Value> sums) {
  Value row = t.add(firstRow, t.add(warpRow, group));
  Value output = t.add(work.firstOutput, t.add(warpOutput, t.mul(inGroup, 2)));
  for (int64_t i = 0; i < tiles.rows / kTileRows; ++i)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t j = 0; j < tiles.outputs / kTileColumns; ++j) {
        ArrayRef<Value> pair = sums.slice(sumAt(i, j) + 2 * half, 2);
        work.storePair(pair[0], pair[1], t.add(row, i * kTileRows + half * 8),
                       t.add(output, j * kTileColumns));
      }
}

void TensorLinear::emitTile(Value firstRow) {
  int64_t inputBytes = kDepth * sizeof(float), weightBytes = kDepth * 2;
  ChunkCopy inputs(
      t,
      {tiles.size, inputBytes, int64_t(shape.features * sizeof(float)),
       inputBytes, shape.inputAlignment(), /*swizzled=*/true},
      memory, [&](Value row) { return work.inputOf(t.add(firstRow, row)); });
  ChunkCopy weights(
      t,
      {tiles.size, weightBytes, shape.rowBytes(), weightBytes, shape.alignment,
       /*swizzled=*/false},
      t.at(memory, t.getI8Type(), tiles.inputBytes()),
      [&](Value row) { return work.weightsOf(t.add(work.firstOutput, row)); });
  SmallVector<Value> sums(sumAt(tiles.rows / kTileRows, 0), t.f32(0));
  sums = runRing(
      t, llvm::divideCeil(shape.features, kDepth), tiles.stages,
      tiles.slotBytes(), sums,
      [&](Value chunk, Value slot) {
        inputs.start(chunk, slot);
        weights.start(chunk, slot);
      },
      [&](Value, Value slot, ValueRange carried) {
        return emitSlot(slot, carried);
      });
  storeTile(firstRow, sums);
}

void TensorLinear::emit() {
  memory = t.shared(tiles.stages * tiles.slotBytes(), 128);
  group = t.shr(t.lane(), 2);
  inGroup = t.bitAnd(t.lane(), 3);
  warpRow = t.mul(t.rem(t.warp(), tiles.warpsOfRows), tiles.rows);
  warpOutput = t.mul(t.div(t.warp(), tiles.warpsOfRows), tiles.outputs);
  work.forRowTiles(tiles.size, [&](Value row) { emitTile(row); });
}

bool moe::cuda::hasTensorLinear(const LinearShape &shape) {
  // Copies and loads are of 16 bytes.
  return shape.element.isBF16() && shape.alignment == 16 &&
         shape.inputAlignment() == 16;
}

void moe::cuda::launchTensorLinear(Launcher &l, const LinearCall &call,
                                   bool large) {
  const Tiles &tiles = large ? kLarge : kSmall;
  std::string name = "linear_tensor_" + std::to_string(tiles.size);
  call.launch(l, name, tiles.size, tiles.size, tiles.threads(),
              [&](LinearWork &work) { TensorLinear(work, tiles).emit(); });
}
