//===- LinearChunks.cpp - tiles on their way to shared memory -------------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

ChunkCopy::ChunkCopy(ThreadBuilder &t, const ChunkShape &shape, Value shared,
                     function_ref<Value(Value)> addressOfRow)
    : t(t), shape(shape), width(std::min<int64_t>(16, shape.alignment)),
      pieces(shape.rows * shape.bytes / width) {
  int64_t perRow = shape.bytes / width, threads = t.threadCount();
  // Pieces of a thread in one column: a register holds the place of all.
  int64_t rowStep = threads / perRow;
  bool isColumn = threads % perRow == 0 && rowStep % (2 * shape.run) == 0;
  for (int64_t first = 0; first < pieces; first += threads) {
    Value piece = t.add(t.threadId(), isColumn ? 0 : first);
    Value row = t.div(piece, perRow);
    Value inRow = t.rem(piece, perRow);
    int64_t rowsBefore = isColumn ? first / perRow : 0;
    // Threads that have nothing to copy have an address, too.
    Value address =
        addressOfRow(t.min(t.add(row, rowsBefore), t.i32(shape.rows - 1)));
    Value column = t.mul(inRow, width);
    sources.push_back(t.at(address, t.getI8Type(), column));
    columns.push_back(column);
    if (shape.exchanged) {
      Value isOdd = t.bitAnd(t.div(row, shape.run), 1);
      inRow = t.bitXor(inRow, t.mul(isOdd, shape.exchanged));
    }
    Value target = t.add(t.mul(row, shape.stride), t.mul(inRow, width));
    targets.push_back(t.at(shared, t.getI8Type(), target));
    offsets.push_back(rowsBefore * shape.stride);
  }
}

/// `left`: bytes that are there to copy; null: all are.
void ChunkCopy::copy(Value to, Value from, Value left) {
  if (width >= 4) {
    if (left)
      left = t.max(t.i32(0), t.min(left, t.i32(width)));
    return t.copyAsync(to, from, width, left);
  }
  // The hardware copies no less than 4 bytes by itself.
  Type type = t.getI16Type();
  Value zero = t.truncate(t.i32(0), type);
  auto load = [&] { return t.loadConstant(type, from, t.i64(0)); };
  Value number = !left ? load()
                       : t.choose(
                              t.less(t.i32(0), left), type,
                              [&] { return SmallVector<Value>{load()}; },
                              [&] { return SmallVector<Value>{zero}; })
                             .front();
  t.store(number, to, 0);
}

void ChunkCopy::start(Value chunk, Value slot) {
  Value first = t.mul(chunk, shape.bytes);
  for (size_t i = 0; i < sources.size(); ++i) {
    auto copyPiece = [&] {
      Value to = t.at(t.at(targets[i], t.getI8Type(), slot), t.getI8Type(),
                      offsets[i]);
      Value from = t.at(sources[i], t.getI8Type(), first);
      Value left;
      if (shape.rowBytes % shape.bytes)
        left = t.sub(t.i32(shape.rowBytes), t.add(first, columns[i]));
      copy(to, from, left);
    };
    int64_t done = i * t.threadCount();
    if (done + t.threadCount() <= pieces)
      copyPiece();
    else
      t.when(t.less(t.threadId(), t.i32(pieces - done)), copyPiece);
  }
}

SmallVector<Value> moe::cuda::runRing(
    ThreadBuilder &t, int64_t chunks, int64_t stages, int64_t slotBytes,
    ValueRange inits, function_ref<void(Value, Value)> start,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> compute) {
  // A group is committed in every step, so that groups can be counted.
  for (int64_t i = 0; i + 1 < stages; ++i) {
    if (i < chunks)
      start(t.i32(i), t.i32(i * slotBytes));
    t.commitCopies();
  }
  auto next = [&](Value slot) {
    Value isLast = t.equal(slot, t.i32((stages - 1) * slotBytes));
    return t.select(isLast, t.i32(0), t.add(slot, slotBytes));
  };
  SmallVector<Value> carried = {t.i32(0), t.i32((stages - 1) * slotBytes)};
  carried.append(inits.begin(), inits.end());
  carried =
      t.loop(t.i32(0), t.i32(chunks), t.i32(1), carried,
             [&](Value chunk, ValueRange values) {
               t.waitCopies(stages - 2);
               // All see this slot, and nobody reads the one that is filled
               // next.
               t.barrier();
               Value ahead = t.add(chunk, stages - 1);
               if (chunks >= stages)
                 t.when(t.less(ahead, t.i32(chunks)),
                        [&] { start(ahead, values[1]); });
               t.commitCopies();
               SmallVector<Value> slots = {next(values[0]), next(values[1])};
               slots.append(compute(chunk, values[0], values.drop_front(2)));
               return slots;
             });
  // The slots may be filled again.
  t.barrier();
  return SmallVector<Value>(ArrayRef<Value>(carried).drop_front(2));
}
