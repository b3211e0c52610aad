//===- AttentionTiles.cpp - attention of many rows on tensor cores --------===//
//
// A block has a tile of 64 (32 with large heads) pairs of a row and a query
// head, heads of one key/value head, 16 pairs to a warp, and goes over the
// positions by 32 (16), sequence by sequence if its rows are of several. Each
// f32 becomes two bf16, x = high + low, which together have 16 bits; a product
// is three: high high + high low + low high. Keys and values are copied ahead
// as they are; each thread turns what it copied itself into halves that all
// read.
//
// Per pair and position 4 * dim flops, three times that on the tensor cores: a
// prompt of 2048 rows and 32 heads of 128 is 34 Gflop, 103 there, 0.13 ms at
// 790 TFLOP/s. Bytes: 8 * dim per position for each tile, from the second-level
// cache.
//===----------------------------------------------------------------------===//
#include "Attention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

/// Numbers of bf16 in the unit of ldmatrix and of bank conflicts: 16 bytes.
constexpr int64_t kUnit = 8;

struct TileShape : AttentionShape {
  int64_t threads() const { return tileThreads(); }
  int64_t positions() const { return dim() <= 128 ? 32 : 16; }
  /// Features filled up with zeros to whole products.
  int64_t padded() const { return llvm::alignTo(dim(), 16); }
  /// Rows of halves either change places of their units by row, or have a
  /// length that does the same.
  bool isSwizzled() const { return padded() % 64 == 0; }
  int64_t pitch() const { return padded() + (isSwizzled() ? 0 : kUnit); }
  /// Threads side by side copy the features of a position, by fours.
  int64_t copiers() const { return llvm::PowerOf2Ceil(dim() / 4); }
  /// Positions that are copied at once, more than there are with small heads;
  /// and how often.
  int64_t atOnce() const { return threads() / copiers(); }
  int64_t copies() const {
    return std::max<int64_t>(1, positions() / atOnce());
  }
  bool allCopy() const {
    return copiers() * 4 == dim() && atOnce() <= positions();
  }

  int64_t queryBytes() const { return threads() * padded() * 2; }
  int64_t halfBytes() const { return positions() * pitch() * 2; }
  int64_t stageBytes() const { return 2 * copies() * threads() * 16; }
};

struct TileArguments {
  Value states, capacity, layer, sequences, positions, window, queries, result,
      rows, scale;
};

/// Two bf16 in a register each: of the numbers, and of what these leave over.
struct Halves {
  Value high, low;
};

} // namespace

/// The upper bits of a and b, nearest to bf16; a in the lower half. Takes them
/// from a and b.
static Value splitOff(ThreadBuilder &b, Value &x, Value &y) {
  auto round = [&](Value &number) {
    Value bits = b.bitcast(number, b.getI32Type());
    // Ties may go either way.
    Value upper = b.bitAnd(b.add(bits, 0x8000), -0x10000);
    number = b.fsub(number, b.bitcast(upper, b.getF32Type()));
    return upper;
  };
  Value lower = round(x), upper = round(y);
  return b.bitOr(b.shr(lower, 16), upper);
}

static Halves halvesOf(ThreadBuilder &b, Value x, Value y) {
  Value high = splitOff(b, x, y);
  return {high, splitOff(b, x, y)};
}

/// 2^x for x <= 0, within 2e-7; 0 becomes 1.
static Value exp2(ThreadBuilder &b, Value x) {
  x = b.fmax(x, b.f32(-126));
  // Adding this number moves what is before the point to the lowest bits.
  Value magic = b.f32(12582912.0);
  Value shifted = b.fadd(x, magic);
  Value rest = b.fsub(x, b.fsub(shifted, magic));
  Value p = b.f32(1.5403530393381609e-4);
  for (double c : {1.3333558146428443e-3, 9.6181291076284772e-3,
                   5.5504108664821580e-2, 2.4022650695910071e-1,
                   6.9314718055994531e-1, 1.0})
    p = b.fma(p, rest, b.f32(c));
  Type i32 = b.getI32Type();
  Value exponent = b.shl(b.bitcast(shifted, i32), 23);
  return b.bitcast(b.add(b.bitcast(p, i32), exponent), b.getF32Type());
}

namespace {

/// Numbers of a fragment that a thread has: rows (of the warp) r and r + 8,
/// columns 2c and 2c + 1 of 8.
struct Place {
  Value row, column;
};

/// One block.
struct TileBlock {
  ThreadBuilder &b;
  TileShape shape;
  Value query, keys, values, stages; ///< shared memory
  Value keyState, valueState;        ///< global memory
  Value begin, end;                  ///< positions that some row sees
  Place place;
  Value first[2], last[2]; ///< positions that the thread's two rows see

  //===--- shared memory ------------------------------------------------===//

  /// Points to unit `unit` of a position, whose number mod 8 is that of
  /// `inUnit`.
  Value unitAt(Value halves, Value position, Value inUnit, Value unit) const {
    Value row = b.at(halves, b.getI8Type(), b.mul(position, shape.pitch() * 2));
    if (shape.isSwizzled())
      unit = b.bitXor(unit, b.bitAnd(inUnit, 7));
    return b.at(row, b.getI8Type(), b.mul(unit, kUnit * 2));
  }

  /// First position and feature that a thread copies.
  Value copiedPosition() const {
    return b.shr(b.threadId(), llvm::Log2_64(shape.copiers()));
  }
  Value copiedFeature() const {
    return b.mul(b.bitAnd(b.threadId(), shape.copiers() - 1), 4);
  }
  void ifCopies(function_ref<void()> body) const {
    if (shape.allCopy())
      return body();
    b.when(b.both(b.less(copiedPosition(), b.i32(shape.positions())),
                  b.less(copiedFeature(), b.i32(shape.dim()))),
           body);
  }
  Value ownCells() const {
    return b.at(stages, b.getF32Type(), b.mul(b.threadId(), 4));
  }
  int64_t cellOf(int64_t which, int64_t copy) const {
    return (which * shape.copies() + copy) * shape.threads() * 4;
  }

  /// Begins to copy a tile; what nobody sees becomes zeros and is not read.
  void copy(Value base) const {
    Type f32 = b.getF32Type();
    ifCopies([&] {
      Value first = b.add(base, copiedPosition());
      Value offset = b.add(b.mul(b.wide(first), shape.dim()),
                           b.wide(copiedFeature()));
      for (int64_t i = 0; i < shape.copies(); ++i) {
        Value position = b.add(first, i * shape.atOnce());
        Value from = b.select(b.less(position, end), b.i32(16), b.i32(0));
        int64_t next = i * shape.atOnce() * shape.dim();
        for (auto [which, state] :
             {std::pair(0, keyState), std::pair(1, valueState)})
          b.copyAsync(b.at(ownCells(), f32, cellOf(which, i)),
                      b.at(b.at(state, f32, offset), f32, next), 16, from);
      }
    });
    b.commitCopies();
  }

  /// Turns what this thread copied into halves.
  void convert() const {
    ifCopies([&] {
      for (auto [which, to] : {std::pair(0, keys), std::pair(1, values)})
        for (int64_t i = 0; i < shape.copies(); ++i)
          convert(b.load(b.vectorOf(b.getF32Type(), 4), ownCells(),
                         cellOf(which, i)),
                  to, i);
    });
  }
  void convert(Value four, Value to, int64_t copy) const {
    Type i8 = b.getI8Type(), i32 = b.getI32Type();
    Halves front = halvesOf(b, b.extract(four, 0), b.extract(four, 1));
    Halves back = halvesOf(b, b.extract(four, 2), b.extract(four, 3));
    Value position = copiedPosition(), feature = copiedFeature();
    int64_t later = copy * shape.atOnce();
    // `later` has no bits of the first position: numbers mod 8 are their sum.
    Value inUnit = b.bitOr(position, b.i32(later));
    Value at = unitAt(to, position, inUnit, b.shr(feature, 3));
    at = b.at(at, i8, b.mul(b.bitAnd(feature, 4), 2));
    at = b.at(at, i8, later * shape.pitch() * 2);
    store(at, i32, front.high, back.high);
    store(b.at(at, i8, shape.halfBytes()), i32, front.low, back.low);
  }
  void store(Value pointer, Type type, Value x, Value y) const {
    Value pair = LLVM::PoisonOp::create(b, b.vectorOf(type, 2));
    b.store(b.insert(y, b.insert(x, pair, 0), 1), pointer, int64_t(0));
  }

  /// Zeros for the features that fill up.
  void clearHalves() const {
    Value zero = b.i32(0);
    for (Value to : {keys, values})
      b.loop(b.threadId(), b.i32(shape.halfBytes() / 2),
             b.i32(shape.threads()),
             [&](Value i) { b.store(zero, to, i); });
    b.barrier();
  }

  //===--- fragments ----------------------------------------------------===//

  /// Four matrices of 8 x 8 halves, of 16 positions and 16 features: a lane
  /// points to position lane mod 8 (+ 8) and unit 0 or 1 of them.
  SmallVector<Value> loadUnits(Value halves, int64_t position, int64_t feature,
                               Value isLater, Value isSecond, bool low,
                               bool transposed) const {
    Value inUnit = b.bitAnd(b.lane(), 7);
    // Units change places among 8, so that few addresses are not constant.
    int64_t unit = feature / kUnit, later = unit / 8 * 8;
    Value at = unitAt(halves, b.add(b.mul(isLater, 8), inUnit), inUnit,
                      b.add(isSecond, unit - later));
    at = b.at(at, b.getI8Type(),
              position * shape.pitch() * 2 + later * kUnit * 2 +
                  (low ? shape.halfBytes() : 0));
    return b.loadMatrix(at, 4, transposed);
  }
  Value laneBit(int64_t bit) const {
    return b.bitAnd(b.shr(b.lane(), bit), 1);
  }

  /// Puts this thread's fragments of the queries, times the scale, where only
  /// it reads them. Offsets are those of the thread's two rows.
  void storeQuery(Value queries, ArrayRef<Value> offsets, Value scale) const {
    Type f32 = b.getF32Type();
    for (int64_t step = 0; step < shape.padded() / 16; ++step) {
      SmallVector<Halves> fragment;
      for (int64_t half = 0; half < 2; ++half)
        for (Value offset : offsets) {
          int64_t from = step * 16 + half * 8;
          Value feature = b.add(b.mul(place.column, 2), from);
          Value isThere = b.less(feature, b.i32(shape.dim()));
          Value own = b.select(isThere, feature, b.i32(0));
          Value at = b.add(offset, b.wide(own));
          Value pair = b.load(b.vectorOf(f32, 2), queries, at);
          auto scaled = [&](int64_t i) {
            Value number = b.fmul(b.extract(pair, i), scale);
            return from + 8 <= shape.dim()
                       ? number
                       : b.select(isThere, number, b.f32(0));
          };
          fragment.push_back(halvesOf(b, scaled(0), scaled(1)));
        }
      for (bool low : {false, true}) {
        Value four =
            LLVM::PoisonOp::create(b, b.vectorOf(b.getI32Type(), 4));
        for (auto [i, halves] : llvm::enumerate(fragment))
          four = b.insert(low ? halves.low : halves.high, four, i);
        b.store(four, ownQuery(), queryCell(step, low));
      }
    }
  }
  Value ownQuery() const {
    return b.at(query, b.getI32Type(), b.mul(b.threadId(), 4));
  }
  int64_t queryCell(int64_t step, bool low) const {
    return (step * 2 + low) * shape.threads() * 4;
  }
  SmallVector<Value> loadQuery(int64_t step, bool low) const {
    Value four = b.load(b.vectorOf(b.getI32Type(), 4), ownQuery(),
                        queryCell(step, low));
    SmallVector<Value> result;
    for (int64_t i = 0; i < 4; ++i)
      result.push_back(b.extract(four, i));
    return result;
  }

  /// sums += a * b, of halves.
  void multiply(ArrayRef<Value> high, ArrayRef<Value> low,
                ArrayRef<Value> otherHigh, ArrayRef<Value> otherLow,
                SmallVector<Value> &sums) const {
    sums = b.mmaBf16(low, otherHigh, sums);
    sums = b.mmaBf16(high, otherLow, sums);
    sums = b.mmaBf16(high, otherHigh, sums);
  }

  /// Of each 8 positions: scores of (row, 2c), (row, 2c + 1), (row + 8, 2c),
  /// ...
  SmallVector<SmallVector<Value>> scores() const {
    SmallVector<SmallVector<Value>> sums(
        shape.positions() / 8, SmallVector<Value>(4, b.f32(0)));
    for (int64_t step = 0; step < shape.padded() / 16; ++step) {
      SmallVector<Value> high = loadQuery(step, false);
      SmallVector<Value> low = loadQuery(step, true);
      for (int64_t pair = 0; pair < shape.positions() / 16; ++pair) {
        auto load = [&](bool low) {
          return loadUnits(keys, pair * 16, step * 16, laneBit(4), laneBit(3),
                           low, /*transposed=*/false);
        };
        SmallVector<Value> keysHigh = load(false), keysLow = load(true);
        for (int64_t i = 0; i < 2; ++i)
          multiply(high, low, ArrayRef<Value>(keysHigh).slice(2 * i, 2),
                   ArrayRef<Value>(keysLow).slice(2 * i, 2),
                   sums[2 * pair + i]);
      }
    }
    return sums;
  }

  //===--- a tile of positions ------------------------------------------===//

  /// state: maxima and sums of the two rows, then of each 8 features the
  /// weighted values as `scores` has them.
  SmallVector<Value> step(Value base, ValueRange state) const {
    auto weights = scores();
    SmallVector<Value> next(state.begin(), state.end());
    Value own = b.add(base, b.mul(place.column, 2));
    for (int64_t row = 0; row < 2; ++row) {
      Value end = b.sub(last[row], own), begin = b.sub(first[row], own);
      Value maximum = next[row];
      for (auto [i, four] : llvm::enumerate(weights))
        for (int64_t j = 0; j < 2; ++j) {
          Value position = b.i32(i * 8 + j);
          Value seen = b.both(b.less(position, end),
                              b.lessOrEqual(begin, position));
          Value &s = four[2 * row + j];
          s = b.select(seen, s, b.f32(kHidden));
          maximum = b.fmax(s, maximum);
        }
      maximum = b.maxOver(maximum, 4);
      Value keep = exp2(b, b.fsub(next[row], maximum));
      Value sum = b.fmul(next[2 + row], keep);
      // A hidden position weighs 2^-126 against the largest that is seen, and
      // so does what was added before a row saw anything.
      for (auto &four : weights)
        for (int64_t j = 0; j < 2; ++j) {
          Value &p = four[2 * row + j];
          p = exp2(b, b.fsub(p, maximum));
          sum = b.fadd(sum, p);
        }
      next[row] = maximum;
      next[2 + row] = sum;
      for (size_t i = 4 + 2 * row; i < next.size(); i += 4)
        for (size_t j = i; j < i + 2; ++j)
          next[j] = b.fmul(next[j], keep);
    }
    addValues(weights, next);
    return next;
  }

  void addValues(ArrayRef<SmallVector<Value>> weights,
                 SmallVector<Value> &next) const {
    for (int64_t step = 0; step < shape.positions() / 16; ++step) {
      SmallVector<Value> high, low;
      for (int64_t i = 0; i < 4; ++i) {
        ArrayRef<Value> four = weights[2 * step + i / 2];
        Halves halves =
            halvesOf(b, four[i % 2 * 2], four[i % 2 * 2 + 1]);
        high.push_back(halves.high);
        low.push_back(halves.low);
      }
      for (int64_t pair = 0; pair < shape.padded() / 16; ++pair) {
        auto load = [&](bool low) {
          return loadUnits(values, step * 16, pair * 16, laneBit(3), laneBit(4),
                           low, /*transposed=*/true);
        };
        SmallVector<Value> valuesHigh = load(false), valuesLow = load(true);
        for (int64_t i = 0; i < 2; ++i) {
          auto at = next.begin() + 4 + (2 * pair + i) * 4;
          SmallVector<Value> sums(at, at + 4);
          multiply(high, low, ArrayRef<Value>(valuesHigh).slice(2 * i, 2),
                   ArrayRef<Value>(valuesLow).slice(2 * i, 2), sums);
          std::copy(sums.begin(), sums.end(), at);
        }
      }
    }
  }

  SmallVector<Value> run() const {
    copy(begin);
    SmallVector<Value> state(2, b.f32(kHidden));
    state.append(2 + shape.padded() / 2, b.f32(0));
    state = b.loop(begin, end, b.i32(shape.positions()), state,
                   [&](Value base, ValueRange carried) {
                     b.waitCopies(0);
                     b.barrier(); // all have read the tile before
                     convert();
                     copy(b.add(base, shape.positions()));
                     b.barrier();
                     return step(base, carried);
                   });
    b.waitCopies(0);
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t mask : {1, 2})
        state[2 + row] =
            b.fadd(state[2 + row], b.shuffleXor(state[2 + row], mask));
    return state;
  }

  /// Stores what the thread has of one of its two rows.
  void storeRow(int64_t row, ValueRange state, Value result,
                Value offset) const {
    Type f32 = b.getF32Type();
    Value own = b.at(b.at(result, f32, offset), f32, b.mul(place.column, 2));
    for (int64_t i = 0; i < shape.padded() / 8; ++i) {
      Value feature = b.add(b.mul(place.column, 2), i * 8);
      auto write = [&] {
        Value pair = LLVM::PoisonOp::create(b, b.vectorOf(f32, 2));
        for (int64_t j = 0; j < 2; ++j) {
          Value sum = state[4 + i * 4 + 2 * row + j];
          pair = b.insert(b.fdiv(sum, state[2 + row]), pair, j);
        }
        b.store(pair, own, i * 8);
      };
      if (i * 8 + 8 <= shape.dim())
        write();
      else
        b.when(b.less(feature, b.i32(shape.dim())), write);
    }
  }
};

} // namespace

namespace {

/// Rows of a tile that are of one sequence.
struct TileRows {
  Value isFirst; ///< i1: no row of the tile before this one is of its sequence
  Value lowest, highest; ///< positions
};

/// The thread's two pairs of a row and a head.
struct ThreadPairs {
  Value row[2], isRow[2];
  SmallVector<Value> offset;
};

} // namespace

/// Each warp looks at all rows.
static TileRows rowsOfSequence(ThreadBuilder &b, const TileShape &shape,
                               const Tile &tile, Value own, Value sequence,
                               const TileArguments &args) {
  Type i32 = b.getI32Type();
  Value before = b.i1(false), highest = b.i32(-1), lowest = b.i32(INT32_MAX);
  for (int64_t i = 0; i < shape.tileRows(); i += kWarp) {
    Value row = b.min(b.add(b.add(tile.start, b.lane()), i),
                      b.sub(tile.end, b.i32(1)));
    Value isOf = b.equal(b.load(i32, args.sequences, row), sequence);
    before = b.either(before, b.both(isOf, b.less(row, own)));
    Value position = b.load(i32, args.positions, row);
    highest = b.select(isOf, b.max(highest, position), highest);
    lowest = b.select(isOf, b.min(lowest, position), lowest);
  }
  Value negative = b.maxOver(b.sub(b.i32(0), lowest));
  return {b.equal(b.ballot(before), b.i32(0)), b.sub(b.i32(0), negative),
          b.maxOver(highest)};
}

static ThreadPairs pairsOf(ThreadBuilder &b, const TileShape &shape,
                           const Tile &tile, Value head, Value row) {
  ThreadPairs pairs;
  for (int64_t i = 0; i < 2; ++i) {
    Value pair = b.add(b.add(b.mul(b.warp(), 16), row), i * 8);
    Value own = b.add(tile.start, b.div(pair, shape.tileHeads()));
    pairs.isRow[i] = b.less(own, tile.end);
    pairs.row[i] = b.min(own, b.sub(tile.end, b.i32(1)));
    Value inGroup = b.rem(pair, shape.tileHeads());
    Value item = b.add(b.mul(b.wide(pairs.row[i]), shape.heads),
                       b.wide(b.add(head, inGroup)));
    pairs.offset.push_back(b.mul(item, shape.dim()));
  }
  return pairs;
}

/// All rows of the tile that are of the sequence of row `own`, if this is the
/// first.
static void attendSequence(TileBlock block, const Tile &tile,
                           const ThreadPairs &pairs, Value own, Value head,
                           const TileArguments &args) {
  ThreadBuilder &b = block.b;
  const TileShape &shape = block.shape;
  Value sequence = b.load(b.getI32Type(), args.sequences, own);
  TileRows rows = rowsOfSequence(b, shape, tile, own, sequence, args);
  b.when(rows.isFirst, [&] {
    auto state = [&](int64_t which) {
      return headState(b, shape.kv, args.states, args.capacity, args.layer,
                       sequence, which, b.div(head, shape.group()));
    };
    block.keyState = state(0);
    block.valueState = state(1);
    Value least = b.sub(b.add(rows.lowest, 1), args.window);
    block.begin = b.max(b.i32(0), least);
    block.end = b.add(rows.highest, 1);
    Value isOf[2];
    for (int64_t i = 0; i < 2; ++i) {
      Value of = b.load(b.getI32Type(), args.sequences, pairs.row[i]);
      isOf[i] = b.both(pairs.isRow[i], b.equal(of, sequence));
      Visible visible =
          visibleFrom(b, args.positions, pairs.row[i], args.window);
      block.first[i] = visible.first;
      block.last[i] = b.select(isOf[i], visible.last, b.i32(0));
    }
    SmallVector<Value> sums = block.run();
    for (int64_t i = 0; i < 2; ++i)
      b.when(isOf[i],
             [&] { block.storeRow(i, sums, args.result, pairs.offset[i]); });
  });
}

static void emitTiles(ThreadBuilder &b, const TileShape &shape,
                      const TileArguments &args) {
  // Shared memory is for two blocks; without this the assembler saves registers
  // for three, in local memory.
  b.getInsertionBlock()->getParentOp()->setAttr(
      NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(2));
  Value query = b.shared(shape.queryBytes());
  Value keys = b.shared(2 * shape.halfBytes());
  Value values = b.shared(2 * shape.halfBytes());
  Value stages = b.shared(shape.stageBytes());
  // Later rows see more: they begin first.
  int64_t groups = shape.heads / shape.tileHeads();
  Value tiles = b.div(b.add(args.rows, shape.tileRows() - 1), shape.tileRows());
  Value group = b.rem(b.blockX(), groups);
  Value number = b.sub(b.sub(tiles, b.i32(1)), b.div(b.blockX(), groups));
  Tile tile =
      Tile::at(b, shape, b.mul(number, shape.tileRows()), args.rows);
  b.when(tile.isWorth(b, shape, args.sequences), [&] {
    Place place{b.shr(b.lane(), 2), b.bitAnd(b.lane(), 3)};
    TileBlock block{b,  shape, query, keys, values, stages, {},
                    {}, {},    {},    place, {},    {}};
    Value head = b.mul(group, shape.tileHeads());
    ThreadPairs pairs = pairsOf(b, shape, tile, head, place.row);
    block.storeQuery(args.queries, pairs.offset, args.scale);
    if (shape.padded() != shape.dim())
      block.clearHalves();
    b.loop(tile.start, tile.end, b.i32(1), [&](Value row) {
      attendSequence(block, tile, pairs, row, head, args);
    });
  });
}

void moe::cuda::launchTiledAttention(Launcher &l, const AttentionShape &base,
                                     const AttentionCall &call, Value chosen) {
  host::KernelBuilder &b = l.host();
  TileShape shape{base};
  const KvPlace &place = call.place;
  Value blocks = b.mul(blocksFor(b, call.rows, shape.tileRows()),
                       shape.heads / shape.tileHeads());
  // Exponentials are of 2.
  constexpr double log2e = 1.44269504088896341;
  l.launch("attention_tiles_" + shape.name(),
           {b.select(chosen, blocks, b.index(0)), {}}, shape.threads(),
           {place.states, place.capacity, place.layer, place.sequences,
            place.positions, call.window, call.queries, call.result, call.rows,
            b.f32(call.scale * log2e)},
           [&](ThreadBuilder &thread, ValueRange args) {
             emitTiles(thread, shape,
                       {args[0], args[1], args[2], args[3], args[4], args[5],
                        args[6], args[7], args[8], args[9]});
           });
}
