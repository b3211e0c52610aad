//===- LinearTensor.cpp - many rows times matrices of bf16 ----------------===//
//
// Tensor cores multiply bf16. Weights are that; a feature x of a row is split
// into high, its upper 16 bits, and low = x - high (exact), rounded to 8 bits,
// and both are multiplied: |x - high - low| <= 2^-16 |x|, where one product of
// bf16 has 2^-8. Sums of 64 products of numbers around 1 are within 2e-4 of
// float64 (with f32, 4e-6).
//
// Shared memory holds features as they are. Which numbers of 16 features count
// as which column of the product is free, if rows and weights agree: thread t
// of four takes features 4t to 4t+3, so that it loads 16 bytes of a row and 8
// of weights. There are no conflicts: pieces of 64 bytes are exchanged in odd
// rows, pieces of 32 bytes in every other pair of rows of weights.
//
// A warp of the large tile multiplies 64 rows x 64 outputs x 32 features with
// 128 mma.sync, 32 loads of shared memory and 256 instructions that split
// features: 483 in all (sm_90). Tensor cores take 128 x 6.4 cycles at what
// mma.sync gets out of sm_90 (62 % of the peak of wgmma, 490 of 790 TFLOP/s):
// 820; one of the four schedulers issues 483 meanwhile, and shared memory moves
// 72 KB for the four warps of a block: 580 cycles. As each product is made of
// two, 245 TFLOP/s are the bound, 31 % of the peak; 25 % are predicted, less
// what the last wave of blocks leaves idle.
//===----------------------------------------------------------------------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

/// Features of a slot of the ring.
constexpr int64_t kDepth = 32;
/// Chunks of rows and of weights; rows and their bytes in global memory are
/// added.
constexpr ChunkShape kInput = {0, kDepth * 4, 0, kDepth * 4, 16, 1, 4};
constexpr ChunkShape kWeights = {0, kDepth * 2, 0, kDepth * 2, 16, 2, 2};
constexpr int64_t kPiece = 16;
/// Rows and columns of one product.
constexpr int64_t kTileRows = 16, kTileColumns = 8;

struct Tiles {
  int64_t size; ///< rows and outputs of a block
  int64_t warpsOfRows, warpsOfOutputs;
  int64_t rows, outputs;  ///< of a warp
  int64_t stages, blocks; ///< blocks that must fit on a multiprocessor

  int64_t threads() const { return kWarp * warpsOfRows * warpsOfOutputs; }
  int64_t inputBytes() const { return size * kDepth * 4; }
  int64_t slotBytes() const { return inputBytes() + size * kDepth * 2; }
};
// 72 KB and 48 KB of the 164 KB that a multiprocessor of sm_80 has.
constexpr Tiles kLarge = {kLargeTile, 2, 2, 64, 64, 3, 2};
constexpr Tiles kSmall = {kSmallTile, 2, 2, 32, 32, 4, 2};

/// Sixteen rows by 16 features: the registers of both parts.
struct Halves {
  SmallVector<Value> high, low;
};

class TensorLinear {
public:
  TensorLinear(LinearWork &work, const Tiles &tiles)
      : work(work), t(work.t), shape(work.shape), tiles(tiles) {}
  void emit();

private:
  void emitTile(Value firstRow);
  SmallVector<Value> emitSlot(Value slot, ValueRange sums);
  void emitProduct(Value slot, int64_t product, MutableArrayRef<Value> sums);
  SmallVector<Value> loadWeights(Value slot, int64_t product, int64_t tile);
  Halves loadRows(Value slot, int64_t product, int64_t tile);
  SmallVector<Value> loadFeatures(Value slot, int64_t product, int64_t row);
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

/// Four features of a row of this lane's group, as bits.
SmallVector<Value> TensorLinear::loadFeatures(Value slot, int64_t product,
                                              int64_t row) {
  Value at = t.mul(t.add(warpRow, group), kInput.stride);
  Value piece =
      t.bitXor(t.mul(t.bitAnd(group, 1), kInput.exchanged), t.i32(product * 4));
  at = t.add(at, t.mul(t.add(piece, inGroup), kPiece));
  Value place = t.at(t.at(memory, t.getI8Type(), slot), t.getI8Type(), at);
  return loadRaw(t, t.getF32Type(),
                 t.at(place, t.getI8Type(), row * kInput.stride), 4, 16);
}

Halves TensorLinear::loadRows(Value slot, int64_t product, int64_t tile) {
  Halves halves;
  SmallVector<Value> rows[2];
  for (int64_t i = 0; i < 2; ++i)
    rows[i] = loadFeatures(slot, product, tile * kTileRows + i * 8);
  Type f32 = t.getF32Type(), i32 = t.getI32Type();
  auto lowOf = [&](Value bits) {
    Value high = t.bitcast(t.bitAnd(bits, -65536), f32);
    Value low = t.bitcast(t.fsub(t.bitcast(bits, f32), high), i32);
    return t.add(low, 0x8000);
  };
  for (int64_t pair = 0; pair < 4; pair += 2)
    for (const SmallVector<Value> &row : rows) {
      Value a = row[pair], b = row[pair + 1];
      halves.high.push_back(upperHalves(a, b));
      halves.low.push_back(upperHalves(lowOf(a), lowOf(b)));
    }
  return halves;
}

/// Four weights of an output of this lane's group: two registers.
SmallVector<Value> TensorLinear::loadWeights(Value slot, int64_t product,
                                             int64_t tile) {
  Value at = t.mul(t.add(warpOutput, group), kWeights.stride);
  Value pairs = t.bitAnd(t.shr(group, 1), 1);
  Value piece = t.bitXor(t.mul(pairs, kWeights.exchanged), t.i32(product * 2));
  at = t.add(at, t.add(t.mul(piece, kPiece), t.mul(inGroup, 8)));
  Value place = t.at(t.at(memory, t.getI8Type(), slot), t.getI8Type(), at);
  int64_t first = tiles.inputBytes() + tile * kTileColumns * kWeights.stride;
  return loadRaw(t, shape.element, t.at(place, t.getI8Type(), first), 4, 8);
}

void TensorLinear::emitProduct(Value slot, int64_t product,
                               MutableArrayRef<Value> sums) {
  int64_t columns = tiles.outputs / kTileColumns;
  SmallVector<SmallVector<Value>> weights;
  for (int64_t j = 0; j < columns; ++j)
    weights.push_back(loadWeights(slot, product, j));
  for (int64_t i = 0; i < tiles.rows / kTileRows; ++i) {
    Halves rows = loadRows(slot, product, i);
    // The small terms first.
    for (ArrayRef<Value> part : {rows.low, rows.high})
      for (int64_t j = 0; j < columns; ++j) {
        MutableArrayRef<Value> sum = sums.slice(sumAt(i, j), 4);
        llvm::copy(t.mmaBf16(part, weights[j], ArrayRef<Value>(sum)),
                   sum.begin());
      }
  }
}

SmallVector<Value> TensorLinear::emitSlot(Value slot, ValueRange carried) {
  SmallVector<Value> sums(carried);
  for (int64_t product = 0; product < kDepth / 16; ++product)
    emitProduct(slot, product, sums);
  return sums;
}

void TensorLinear::storeTile(Value firstRow, ArrayRef<Value> sums) {
  LinearWork here = work.unpark();
  Value row = t.add(firstRow, t.add(warpRow, group));
  Value output = t.add(here.firstOutput, t.add(warpOutput, t.mul(inGroup, 2)));
  for (int64_t i = 0; i < tiles.rows / kTileRows; ++i)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t j = 0; j < tiles.outputs / kTileColumns; ++j) {
        ArrayRef<Value> pair = sums.slice(sumAt(i, j) + 2 * half, 2);
        here.storePair(pair[0], pair[1], t.add(row, i * kTileRows + half * 8),
                       t.add(output, j * kTileColumns));
      }
}

void TensorLinear::emitTile(Value firstRow) {
  ChunkShape input = kInput, weight = kWeights;
  input.rows = weight.rows = tiles.size;
  input.rowBytes = shape.features * sizeof(float);
  weight.rowBytes = shape.rowBytes();
  LinearWork here = work.unpark();
  ChunkCopy inputs(t, input, memory, [&](Value row) {
    return here.inputOf(t.add(firstRow, row));
  });
  Value weightMemory = t.at(memory, t.getI8Type(), tiles.inputBytes());
  ChunkCopy weights(t, weight, weightMemory, [&](Value row) {
    return here.weightsOf(t.add(here.firstOutput, row));
  });
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
  // Without a bound the assembler takes registers that keep out another block.
  auto kernel =
      t.getInsertionBlock()->getParent()->getParentOfType<gpu::GPUFuncOp>();
  kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  t.getI32IntegerAttr(tiles.blocks));
  memory = t.shared(tiles.stages * tiles.slotBytes(), 128);
  group = t.shr(t.lane(), 2);
  inGroup = t.bitAnd(t.lane(), 3);
  warpRow = t.mul(t.rem(t.warp(), tiles.warpsOfRows), tiles.rows);
  warpOutput = t.mul(t.div(t.warp(), tiles.warpsOfRows), tiles.outputs);
  // Experts have more to keep: the loop over their rows does not fold.
  if (shape.ofExperts)
    work.park();
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
