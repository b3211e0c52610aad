//===- Attention.cpp - which way to attend --------------------------------===//
#include "Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::KernelBuilder;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

std::string AttentionShape::name() const {
  return (Twine(heads) + "x" + Twine(kv.getHeads()) + "x" + Twine(dim())).str();
}

int64_t AttentionShape::maxSplits() const {
  return std::clamp<int64_t>(256 / kv.getHeads(), 8, 32);
}

int64_t AttentionShape::tileHeads() const {
  // The largest power of two in the group.
  return std::min<int64_t>(8, group() & -group());
}

int64_t moe::cuda::getAttentionScratch(KvType kv, int64_t heads) {
  AttentionShape shape{kv, heads};
  return shape.hasSplits() ? shape.maxSplits() * heads * (shape.dim() + 2) : 1;
}

//===----------------------------------------------------------------------===//
// In kernels
//===----------------------------------------------------------------------===//

Value moe::cuda::headState(ThreadBuilder &b, KvType kv, Value states,
                           Value capacity, Value layer, Value sequence,
                           int64_t which, Value head) {
  Value base = b.load(b.pointer(), states, sequence);
  Value block = b.add(b.mul(layer, 2), which);
  block = b.add(b.mul(block, kv.getHeads()), head);
  Value first = b.mul(b.wide(block), b.wide(capacity));
  return b.at(base, b.getF32Type(), b.mul(first, kv.getHeadDim()));
}

Visible moe::cuda::visibleFrom(ThreadBuilder &b, Value positions, Value row,
                               Value window) {
  Value last = b.add(b.load(b.getI32Type(), positions, row), 1);
  return {b.max(b.i32(0), b.sub(last, window)), last};
}

Tile Tile::at(ThreadBuilder &b, const AttentionShape &shape, Value start,
              Value rows) {
  return {start, b.min(b.add(start, shape.tileRows()), rows)};
}

Value Tile::isWorth(ThreadBuilder &b, const AttentionShape &shape,
                    Value sequences) const {
  Type i32 = b.getI32Type();
  int64_t size = shape.tileRows();
  Value changes = b.i32(0), last = b.sub(end, b.i32(1));
  for (int64_t i = 0; i < size; i += kWarp) {
    Value row = b.min(b.add(b.add(start, b.lane()), i), last);
    Value next = b.min(b.add(row, 1), last);
    Value changed = b.notEqual(b.load(i32, sequences, row),
                               b.load(i32, sequences, next));
    // Tiles of less rows than lanes: the lanes beyond see the next tile.
    if (size < kWarp)
      changed = b.both(changed, b.less(b.lane(), b.i32(size)));
    changes = b.add(changes, b.extend(changed, i32, /*isSigned=*/false));
  }
  Value few = b.lessOrEqual(b.sumInts(changes), b.i32(size / 16));
  Value enough = b.i32(std::min<int64_t>(8, size / 2));
  return b.both(few, b.lessOrEqual(enough, b.sub(end, start)));
}

//===----------------------------------------------------------------------===//
// On the host
//===----------------------------------------------------------------------===//

/// Rows from which tiles may pay.
static constexpr int64_t kManyRows = 8;

void moe::cuda::launchAttention(Launcher &l, const KvPlace &place,
                                int64_t heads, double scale,
                                std::optional<int64_t> window, Value queries,
                                Value scratch, Value result) {
  KernelBuilder &b = l.host();
  AttentionShape shape{place.kv, heads};
  Value span = b.index(window ? std::min<int64_t>(*window, INT32_MAX)
                              : int64_t(INT32_MAX));
  AttentionCall call{place,   scale,  span, queries,
                     scratch, result, b.rowsOf(queries)};
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
  if (!shape.hasSplits())
    return launchExactAttention(l, shape, call, yes);
  launchExactAttention(l, shape, call, l.isExact());
  Value fast = b.select(l.isExact(), no, yes);
  Value tiled = no;
  if (shape.hasTiles()) {
    tiled = arith::AndIOp::create(
        b, fast, b.less(b.index(kManyRows - 1), call.rows));
    launchTiledAttention(l, shape, call, tiled);
  }
  launchSplitAttention(l, shape, call, fast, tiled);
}
