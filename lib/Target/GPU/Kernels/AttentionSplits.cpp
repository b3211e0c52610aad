//===- AttentionSplits.cpp - attention of few rows over many positions ----===//
//
// A block has a range of the positions of one row and some query heads of one
// key/value head, which so is read once. A group of lanes ("slot") has one
// position: 16 bytes of its features each. Each slot takes 4 positions a step,
// and keeps its own maximum, sum and weighted values until the block adds them
// up. Each thread copies exactly what it will read itself, some steps ahead, so
// nobody waits for anybody between. A second kernel adds up the blocks of a
// row.
//
// Per position, row and key/value head: 8 * dim bytes, 4 * dim flops for each
// query head. On an H200, bytes / 4.3 TB/s: 8192 positions of 8 heads of 128
// are 67 MB, 16 us. With 8 query heads a step of 4 positions (4 KB) is about
// 400 instructions of a warp, which 4 schedulers issue in 100 cycles: 9 TB/s.
// 64 KB are on their way per block at most.
//===----------------------------------------------------------------------===//
#include "Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

constexpr int64_t kThreads = 128;
/// Positions of a slot in one step.
constexpr int64_t kStep = 4;
/// Shared memory for what is on its way.
constexpr int64_t kOnTheWay = 64 << 10;

/// How lanes share the work.
struct SplitShape : AttentionShape {
  /// Query heads of a block, and these filled up to a power of two.
  int64_t blockHeads() const {
    int64_t heads = 8;
    while (group() % heads)
      --heads;
    return heads;
  }
  int64_t paddedHeads() const { return llvm::PowerOf2Ceil(blockHeads()); }
  int64_t groups() const { return heads / blockHeads(); }
  /// Features of a copy.
  int64_t width() const { return dim() % 4 == 0 ? 4 : dim() % 2 == 0 ? 2 : 1; }
  /// Lanes of a slot; pieces of `width` features that each has.
  int64_t lanes() const {
    return std::min<int64_t>(kWarp, llvm::PowerOf2Ceil(dim() / width()));
  }
  int64_t pieces() const { return llvm::divideCeil(dim(), width() * lanes()); }
  int64_t slots() const { return kThreads / lanes(); }
  bool isFull() const { return pieces() * width() * lanes() == dim(); }
  /// Scores of a slot in a step, by head, then position.
  int64_t scores() const { return kStep * paddedHeads(); }
  /// Scores that a lane keeps in the end; lanes that have the same ones.
  int64_t ownScores() const { return std::max<int64_t>(1, scores() / lanes()); }
  int64_t copies() const { return std::max<int64_t>(1, lanes() / scores()); }
  /// Heads whose maximum a lane keeps.
  int64_t ownHeads() const { return std::max<int64_t>(1, ownScores() / kStep); }
  /// What a slot's lanes tell each other: weights of all scores, and what
  /// remains of the sums before for each head.
  int64_t weightFloats() const {
    return scores() + std::max<int64_t>(4, paddedHeads());
  }

  int64_t stageFloats() const {
    return 2 * kStep * pieces() * width() * kThreads;
  }
  int64_t stages() const {
    return std::min<int64_t>(4, kOnTheWay / (4 * stageFloats()));
  }
};

/// Arguments of both kernels.
struct SplitArguments {
  Value states, capacity, layer, sequences, positions, window, scratch, result,
      rows, splits, tiled, queries, scale;
};

/// Positions of one of the splits, of `size` each.
struct Span {
  Value begin, end, size;
};

} // namespace

static Span rangeOf(ThreadBuilder &b, Visible visible, Value splits,
                     Value split) {
  Value count = b.sub(visible.last, visible.first);
  Value size = b.div(b.add(count, b.sub(splits, b.i32(1))), splits);
  size = b.mul(b.div(b.add(size, 15), 16), 16);
  Value begin = b.add(visible.first, b.mul(split, size));
  return {begin, b.min(b.add(begin, size), visible.last), size};
}

/// Whether the row is none of a block of tiles.
static Value isOwn(ThreadBuilder &b, const AttentionShape &shape, Value tiled,
                   Value row, Value rows, Value sequences) {
  if (!shape.hasTiles())
    return b.i1(true);
  Value isTiled = b.equal(tiled, b.i32(1));
  return b.choose(
      isTiled, b.getI1Type(),
      [&]() -> SmallVector<Value> {
        Value start = b.mul(b.div(row, shape.tileRows()), shape.tileRows());
        Value isWorth = Tile::at(b, shape, start, rows)
                            .isWorth(b, shape, sequences);
        return {b.bitXor(isWorth, b.i1(true))};
      },
      [&]() -> SmallVector<Value> { return {b.i1(true)}; })[0];
}

/// Where a split's weighted values of a head lie, then its maximum and sum.
static Value partOf(ThreadBuilder &b, const AttentionShape &shape,
                    Value scratch, Value row, Value head, Value split) {
  Value part = b.add(b.wide(b.mul(head, shape.maxSplits())), b.wide(split));
  int64_t ofRow = shape.heads * shape.maxSplits();
  part = b.add(b.mul(b.wide(row), ofRow), part);
  return b.at(scratch, b.getF32Type(), b.mul(part, shape.dim() + 2));
}

namespace {

/// One block: some heads of a row over a range of positions.
struct SplitBlock {
  ThreadBuilder &b;
  SplitShape shape;
  Value keys, values; ///< of the key/value head
  Span range;
  Value stages, weights; ///< shared memory
  Value lane, slot;      ///< in the slot; in the block
  SmallVector<Value> query = {}; ///< head, piece, feature; scaled

  int64_t ofHead() const { return shape.pieces() * shape.width(); }
  Type vector() const {
    return shape.width() > 1
               ? Type(b.vectorOf(b.getF32Type(), shape.width()))
               : Type(b.getF32Type());
  }
  void unpack(Value loaded, SmallVectorImpl<Value> &result) const {
    for (int64_t i = 0; i < shape.width(); ++i)
      result.push_back(shape.width() > 1 ? b.extract(loaded, i) : loaded);
  }
  /// First feature of a piece, behind that of the lane's first one.
  int64_t offsetOf(int64_t piece) const {
    return piece * shape.lanes() * shape.width();
  }
  Value featureOf(int64_t piece) const {
    return b.add(b.mul(lane, shape.width()), offsetOf(piece));
  }

  /// First of the slot's positions in a step.
  Value baseOf(Value step) const {
    Value first = b.add(b.mul(step, shape.slots() * kStep), b.mul(slot, kStep));
    return b.add(range.begin, first);
  }
  Value stageOf(Value step) const {
    Value stage = b.bitAnd(step, shape.stages() - 1);
    return b.at(stages, b.getF32Type(), b.mul(stage, shape.stageFloats()));
  }
  /// Where in a stage a thread's copies lie, behind its own first one.
  int64_t cellOf(int64_t which, int64_t position, int64_t piece) const {
    int64_t number = (which * kStep + position) * shape.pieces() + piece;
    return number * kThreads * shape.width();
  }
  Value ownCells(Value step) const {
    return b.at(stageOf(step), b.getF32Type(),
                b.mul(b.threadId(), shape.width()));
  }

  /// Begins to copy a step. Hidden positions become zeros.
  void copy(Value step) const {
    Type f32 = b.getF32Type();
    Value base = baseOf(step), cells = ownCells(step);
    Value first = b.add(b.mul(b.wide(base), shape.dim()), b.wide(featureOf(0)));
    int64_t bytes = shape.width() * 4;
    for (int64_t position = 0; position < kStep; ++position) {
      Value seen = b.less(b.add(base, position), range.end);
      for (int64_t piece = 0; piece < shape.pieces(); ++piece) {
        Value isThere = seen;
        if (!shape.isFull())
          isThere =
              b.both(seen, b.less(featureOf(piece), b.i32(shape.dim())));
        // Of what is not there nothing is read.
        Value from = b.select(isThere, b.i32(bytes), b.i32(0));
        int64_t next = position * shape.dim() + offsetOf(piece);
        for (auto [which, state] : {std::pair(0, keys), std::pair(1, values)})
          b.copyAsync(b.at(cells, f32, cellOf(which, position, piece)),
                      b.at(b.at(state, f32, first), f32, next), bytes, from);
      }
    }
    b.commitCopies();
  }
  SmallVector<Value> loadCells(Value cells, int64_t which,
                               int64_t position) const {
    SmallVector<Value> result;
    for (int64_t piece = 0; piece < shape.pieces(); ++piece)
      unpack(b.load(vector(), cells, cellOf(which, position, piece)), result);
    return result;
  }

  void loadQuery(Value queries, Value offset, Value scale) {
    for (int64_t head = 0; head < shape.blockHeads(); ++head)
      for (int64_t piece = 0; piece < shape.pieces(); ++piece) {
        Value feature = featureOf(piece);
        Value isThere = b.less(feature, b.i32(shape.dim()));
        Value at = b.select(isThere, feature, b.i32(0));
        at = b.add(offset, b.wide(b.add(at, head * shape.dim())));
        SmallVector<Value> numbers;
        unpack(b.load(vector(), queries, at), numbers);
        for (Value number : numbers)
          query.push_back(
              b.select(isThere, b.fmul(number, scale), b.f32(0)));
      }
  }

  /// The lane's share of the scores of a step.
  SmallVector<Value> partialScores(Value cells) const {
    SmallVector<Value> result(shape.scores(), b.f32(0));
    for (int64_t position = 0; position < kStep; ++position) {
      SmallVector<Value> key = loadCells(cells, 0, position);
      for (int64_t head = 0; head < shape.blockHeads(); ++head) {
        Value sum;
        for (auto [q, k] : llvm::zip_equal(
                 ArrayRef<Value>(query).slice(head * ofHead(), ofHead()), key))
          sum = sum ? b.fma(q, k, sum) : b.fmul(q, k);
        result[head * kStep + position] = sum;
      }
    }
    return result;
  }

  /// Sums over the lanes of a slot. While there are several sums, each lane
  /// gives half of them to its partner, so that in the end each has a few of
  /// its own.
  SmallVector<Value> sumOverLanes(SmallVector<Value> sums) const {
    for (int64_t mask = shape.lanes() / 2; mask >= 1; mask /= 2) {
      if (sums.size() == 1) {
        sums[0] = b.fadd(sums[0], b.shuffleXor(sums[0], mask));
        continue;
      }
      Value isUpper = b.notEqual(b.bitAnd(lane, mask), b.i32(0));
      size_t half = sums.size() / 2;
      SmallVector<Value> own;
      for (size_t i = 0; i < half; ++i) {
        Value give = b.select(isUpper, sums[i], sums[i + half]);
        Value keep = b.select(isUpper, sums[i + half], sums[i]);
        own.push_back(b.fadd(keep, b.shuffleXor(give, mask)));
      }
      sums = own;
    }
    return sums;
  }
  /// Number of the first score that the lane has after sumOverLanes.
  Value firstScore() const {
    return b.mul(b.shr(lane, llvm::Log2_64(shape.copies())),
                 shape.ownScores());
  }
  /// Combines what lanes have of the positions of a step.
  Value overPositions(Value value,
                      function_ref<Value(Value, Value)> combine) const {
    for (int64_t stride = shape.ownScores(); stride < kStep; stride *= 2)
      value = combine(value, b.shuffleXor(value, stride / shape.ownScores() *
                                                     shape.copies()));
    return value;
  }

  /// state: maxima and sums of the lane's own heads, then the weighted values
  /// by head, piece and feature.
  SmallVector<Value> step(Value number, ValueRange state) const {
    Value cells = ownCells(number), base = baseOf(number);
    SmallVector<Value> scores = sumOverLanes(partialScores(cells)), next;
    int64_t own = shape.ownHeads(), each = shape.ownScores() / own;
    SmallVector<Value> sums;
    // Two places, so that all have read one before anybody writes it again.
    int64_t floats = shape.slots() * shape.weightFloats();
    Value place = b.add(b.mul(b.bitAnd(number, 1), floats),
                        b.mul(slot, shape.weightFloats()));
    place = b.at(weights, b.getF32Type(), place);
    for (int64_t head = 0; head < own; ++head) {
      Value maximum;
      SmallVector<Value> seen;
      for (int64_t i = 0; i < each; ++i) {
        Value &s = scores[head * each + i];
        Value position =
            b.bitAnd(b.add(firstScore(), head * each + i), kStep - 1);
        seen.push_back(b.less(b.add(base, position), range.end));
        s = b.select(seen.back(), s, b.f32(kHidden));
        maximum = maximum ? b.fmax(maximum, s) : s;
      }
      maximum = overPositions(
          maximum, [&](Value x, Value y) { return b.fmax(x, y); });
      maximum = b.fmax(state[head], maximum);
      Value keep = b.exp(b.fsub(state[head], maximum));
      Value sum = b.fmul(state[own + head], keep);
      for (int64_t i = 0; i < each; ++i) {
        Value &p = scores[head * each + i];
        p = b.select(seen[i], b.exp(b.fsub(p, maximum)), b.f32(0));
        sum = b.fadd(sum, p);
      }
      next.push_back(maximum);
      sums.push_back(sum);
      writeWeights(place, head, keep,
                   ArrayRef<Value>(scores).slice(head * each, each));
    }
    next.append(sums);
    b.syncWarp();
    addValues(cells, place, state.drop_front(2 * own), next);
    return next;
  }

  /// Tells the slot the weights of the lane's own scores of a head, and what
  /// remains of the sums before.
  void writeWeights(Value place, int64_t head, Value keep,
                    ArrayRef<Value> own) const {
    Value first = b.add(firstScore(), head * kStep);
    Value isFirst = b.equal(b.bitAnd(lane, shape.copies() - 1), b.i32(0));
    b.when(isFirst, [&] {
      for (auto [i, weight] : llvm::enumerate(own))
        b.store(weight, place, b.add(first, i));
      b.when(b.equal(b.bitAnd(first, kStep - 1), b.i32(0)), [&] {
        b.store(keep, place, b.add(b.div(first, kStep), shape.scores()));
      });
    });
  }

  /// Adds weighted values to the sums of `before`.
  void addValues(Value cells, Value place, ValueRange before,
                 SmallVectorImpl<Value> &next) const {
    SmallVector<Value> sums;
    for (int64_t head = 0; head < shape.blockHeads(); ++head) {
      Value keep = b.load(b.getF32Type(), place, head + shape.scores());
      for (int64_t i = 0; i < ofHead(); ++i)
        sums.push_back(b.fmul(before[head * ofHead() + i], keep));
    }
    SmallVector<SmallVector<Value>> value;
    for (int64_t position = 0; position < kStep; ++position)
      value.push_back(loadCells(cells, 1, position));
    for (int64_t head = 0; head < shape.blockHeads(); ++head) {
      Value four =
          b.load(b.vectorOf(b.getF32Type(), kStep), place, head * kStep);
      for (int64_t position = 0; position < kStep; ++position) {
        Value weight = b.extract(four, position);
        for (int64_t i = 0; i < ofHead(); ++i) {
          Value &sum = sums[head * ofHead() + i];
          sum = b.fma(weight, value[position][i], sum);
        }
      }
    }
    next.append(sums);
  }

  /// All steps, some of them copied ahead.
  SmallVector<Value> run() const {
    int64_t ahead = shape.stages() - 1;
    int64_t positions = shape.slots() * kStep;
    Value count = b.sub(range.end, range.begin);
    Value steps = b.div(b.add(count, positions - 1), positions);
    for (int64_t i = 0; i < ahead; ++i)
      copy(b.i32(i));
    SmallVector<Value> state(shape.ownHeads(), b.f32(kHidden));
    state.append(shape.ownHeads(), b.f32(0));
    state.append(shape.blockHeads() * ofHead(), b.f32(0));
    state = b.loop(b.i32(0), steps, b.i32(1), state,
                   [&](Value number, ValueRange carried) {
                     copy(b.add(number, ahead));
                     b.waitCopies(ahead);
                     return step(number, carried);
                   });
    b.waitCopies(0);
    for (int64_t head = 0; head < shape.ownHeads(); ++head) {
      Value &sum = state[shape.ownHeads() + head];
      sum = overPositions(sum, [&](Value x, Value y) { return b.fadd(x, y); });
    }
    return state;
  }
};

/// Adds up what the slots of a block have, in shared memory.
struct SplitMerge {
  ThreadBuilder &b;
  SplitShape shape;
  Value sums;            ///< [slot][head][feature]
  Value maxima, totals;  ///< [slot][padded head]
  Value factors, largest; ///< [slot][padded head], [padded head]

  int64_t cells() const { return shape.slots() * shape.paddedHeads(); }

  void write(const SplitBlock &block, ValueRange state) const {
    int64_t own = shape.ownHeads();
    Value first = block.firstScore();
    Value isFirst = b.both(
        b.equal(b.bitAnd(block.lane, shape.copies() - 1), b.i32(0)),
        b.equal(b.bitAnd(first, kStep - 1), b.i32(0)));
    b.when(isFirst, [&] {
      Value place = b.add(b.mul(block.slot, shape.paddedHeads()),
                          b.div(first, kStep));
      for (int64_t head = 0; head < own; ++head) {
        b.store(state[head], maxima, b.add(place, head));
        b.store(state[own + head], totals, b.add(place, head));
      }
    });
    for (int64_t head = 0; head < shape.blockHeads(); ++head)
      for (int64_t piece = 0; piece < shape.pieces(); ++piece) {
        Value feature = block.featureOf(piece);
        Value place = b.mul(b.add(b.mul(block.slot, shape.blockHeads()), head),
                            shape.dim());
        b.when(b.less(feature, b.i32(shape.dim())), [&] {
          for (int64_t i = 0; i < shape.width(); ++i)
            b.store(state[2 * own + head * block.ofHead() +
                          piece * shape.width() + i],
                    sums, b.add(place, b.add(feature, i)));
        });
      }
  }

  Value load(Value array, Value slot, Value head) const {
    return b.load(b.getF32Type(), array,
                  b.add(b.mul(slot, shape.paddedHeads()), head));
  }

  /// What each slot's sums are multiplied with, and the maximum of all.
  void writeFactors() const {
    b.loop(b.threadId(), b.i32(shape.slots() * shape.blockHeads()),
           b.i32(kThreads), [&](Value i) {
             Value slot = b.div(i, shape.blockHeads());
             Value head = b.rem(i, shape.blockHeads());
             Value most = b.loop(b.i32(0), b.i32(shape.slots()), b.i32(1),
                                 b.f32(kHidden),
                                 [&](Value s, ValueRange carried) {
                                   Value other = load(maxima, s, head);
                                   return SmallVector<Value>{
                                       b.fmax(carried[0], other)};
                                 })[0];
             Value factor = b.exp(b.fsub(load(maxima, slot, head), most));
             b.store(factor, factors,
                     b.add(b.mul(slot, shape.paddedHeads()), head));
             b.when(b.equal(slot, b.i32(0)),
                    [&] { b.store(most, largest, head); });
           });
  }

  /// Calls `body` for each head and feature with the sums over the slots of the
  /// weighted values and of the weights.
  void forSums(
      function_ref<void(Value head, Value feature, Value sum, Value total)>
          body) const {
    int64_t dim = shape.dim();
    b.loop(b.threadId(), b.i32(shape.blockHeads() * dim), b.i32(kThreads),
           [&](Value i) {
             Value head = b.div(i, dim), feature = b.rem(i, dim);
             SmallVector<Value> both = b.loop(
                 b.i32(0), b.i32(shape.slots()), b.i32(1),
                 {b.f32(0), b.f32(0)}, [&](Value slot, ValueRange carried) {
                   Value factor = load(factors, slot, head);
                   Value at =
                       b.add(b.mul(slot, shape.blockHeads() * dim), i);
                   Value sum = b.load(b.getF32Type(), sums, at);
                   return SmallVector<Value>{
                       b.fma(factor, sum, carried[0]),
                       b.fma(factor, load(totals, slot, head), carried[1])};
                 });
             body(head, feature, both[0], both[1]);
           });
  }
};

} // namespace

/// The block's shared memory serves twice: what is on its way, then the sums.
static SplitMerge mergeIn(ThreadBuilder &b, const SplitShape &shape,
                          Value stages) {
  int64_t cells = shape.slots() * shape.paddedHeads() * 4;
  SplitMerge merge{b, shape, stages, {}, {}, {}, {}};
  merge.maxima = b.shared(cells);
  merge.totals = b.shared(cells);
  merge.factors = b.shared(cells);
  merge.largest = b.shared(shape.paddedHeads() * 4);
  return merge;
}

static void emitSplit(ThreadBuilder &b, const SplitShape &shape,
                      const SplitArguments &args) {
  Value stages = b.shared(shape.stages() * shape.stageFloats() * 4);
  Value weights = b.shared(2 * shape.slots() * shape.weightFloats() * 4);
  SplitMerge merge = mergeIn(b, shape, stages);
  Value split = b.rem(b.blockX(), args.splits);
  Value unit = b.div(b.blockX(), args.splits);
  Value row = b.div(unit, shape.groups()), group = b.rem(unit, shape.groups());
  Visible visible = visibleFrom(b, args.positions, row, args.window);
  Span range = rangeOf(b, visible, args.splits, split);
  Value own =
      isOwn(b, shape, args.tiled, row, args.rows, args.sequences);
  b.when(b.both(own, b.less(range.begin, range.end)), [&] {
    Value head = b.mul(group, shape.blockHeads());
    Value sequence = b.load(b.getI32Type(), args.sequences, row);
    auto state = [&](int64_t which) {
      return headState(b, shape.kv, args.states, args.capacity, args.layer,
                       sequence, which, b.div(head, shape.group()));
    };
    SplitBlock block{b,
                     shape,
                     state(0),
                     state(1),
                     range,
                     stages,
                     weights,
                     b.bitAnd(b.threadId(), shape.lanes() - 1),
                     b.shr(b.threadId(), llvm::Log2_64(shape.lanes()))};
    Value offset = b.mul(b.wide(b.add(b.mul(row, shape.heads), head)),
                         shape.dim());
    block.loadQuery(args.queries, offset, args.scale);
    SmallVector<Value> sums = block.run();
    b.barrier();
    merge.write(block, sums);
    b.barrier();
    merge.writeFactors();
    b.barrier();
    Value isAlone = b.equal(args.splits, b.i32(1));
    merge.forSums([&](Value inBlock, Value feature, Value sum, Value total) {
      b.when(isAlone, [&] {
        Value at = b.add(b.mul(inBlock, shape.dim()), feature);
        b.store(b.fdiv(sum, total), args.result, b.add(offset, b.wide(at)));
      });
      b.when(b.notEqual(args.splits, b.i32(1)), [&] {
        Value part = partOf(b, shape, args.scratch, row, b.add(head, inBlock),
                            split);
        b.store(sum, part, feature);
        b.when(b.equal(feature, b.i32(0)), [&] {
          Value most = b.load(b.getF32Type(), merge.largest, inBlock);
          b.store(most, part, shape.dim());
          b.store(total, part, shape.dim() + 1);
        });
      });
    });
  });
}

/// Adds up the splits of one head of a row.
static void emitCombine(ThreadBuilder &b, const SplitShape &shape,
                        const SplitArguments &args) {
  Type f32 = b.getF32Type();
  int64_t dim = shape.dim();
  Value row = b.div(b.blockX(), shape.heads);
  Value head = b.rem(b.blockX(), shape.heads);
  Value own =
      isOwn(b, shape, args.tiled, row, args.rows, args.sequences);
  b.when(own, [&] {
    Visible visible = visibleFrom(b, args.positions, row, args.window);
    Value size = rangeOf(b, visible, args.splits, b.i32(0)).size;
    Value count = b.sub(visible.last, visible.first);
    Value parts = b.div(b.add(count, b.sub(size, b.i32(1))), size);
    auto loadPart = [&](Value split, Value index) {
      return b.load(f32, partOf(b, shape, args.scratch, row, head, split),
                    index);
    };
    Value most = b.loop(b.i32(0), parts, b.i32(1), b.f32(kHidden),
                        [&](Value split, ValueRange carried) {
                          Value other = loadPart(split, b.i32(dim));
                          return SmallVector<Value>{
                              b.fmax(carried[0], other)};
                        })[0];
    b.loop(b.threadId(), b.i32(dim), b.i32(b.threadCount()), [&](Value i) {
      SmallVector<Value> sums = b.loop(
          b.i32(0), parts, b.i32(1), {b.f32(0), b.f32(0)},
          [&](Value split, ValueRange carried) {
            Value factor = b.exp(b.fsub(loadPart(split, b.i32(dim)), most));
            Value total = loadPart(split, b.i32(dim + 1));
            return SmallVector<Value>{
                b.fma(factor, loadPart(split, i), carried[0]),
                b.fma(factor, total, carried[1])};
          });
      Value at = b.add(b.mul(b.wide(b.blockX()), dim), b.wide(i));
      b.store(b.fdiv(sums[0], sums[1]), args.result, at);
    });
  });
}

/// How many blocks share the positions of a row: enough for all
/// multiprocessors, and not less than 128 positions for each.
static Value countSplits(Launcher &l, const SplitShape &shape,
                         const AttentionCall &call) {
  host::KernelBuilder &b = l.host();
  Value one = b.index(1);
  Value units = b.max(b.mul(call.rows, shape.groups()), one);
  Value blocks = b.mul(l.getProcessors(), 2);
  Value wanted = arith::DivUIOp::create(
      b, b.sub(b.add(blocks, units), one), units);
  Value length = b.min(l.getLongest(), call.window);
  wanted = b.min(wanted, b.div(b.add(length, 127), 128));
  return b.max(one, b.min(wanted, b.index(shape.maxSplits())));
}

void moe::cuda::launchSplitAttention(Launcher &l, const AttentionShape &base,
                                     const AttentionCall &call, Value chosen,
                                     Value tiled) {
  host::KernelBuilder &b = l.host();
  SplitShape shape{base};
  const KvPlace &place = call.place;
  Value splits = countSplits(l, shape, call), none = b.index(0);
  Value units = b.mul(b.mul(call.rows, shape.groups()), splits);
  Value tile = b.select(tiled, b.index(1), none);
  SmallVector<Value> arguments = {
      place.states, place.capacity, place.layer,  place.sequences,
      place.positions, call.window, call.scratch, call.result,
      call.rows,    splits,         tile,         call.queries,
      b.f32(call.scale)};
  auto argumentsOf = [](ValueRange args) {
    return SplitArguments{args[0], args[1], args[2],  args[3], args[4],
                          args[5], args[6], args[7],  args[8], args[9],
                          args[10], args[11], args[12]};
  };
  l.launch("attention_split_" + shape.name(),
           {b.select(chosen, units, none), {}}, kThreads, arguments,
           [&](ThreadBuilder &thread, ValueRange args) {
             emitSplit(thread, shape, argumentsOf(args));
           });
  Value several = arith::AndIOp::create(b, chosen, b.less(b.index(1), splits));
  Value blocks = b.mul(call.rows, shape.heads);
  int64_t threads = std::min<int64_t>(kThreads,
                                      llvm::alignTo(shape.dim(), kWarp));
  l.launch("attention_combine_" + shape.name(),
           {b.select(several, blocks, none), {}}, threads, arguments,
           [&](ThreadBuilder &thread, ValueRange args) {
             emitCombine(thread, shape, argumentsOf(args));
           });
}
