//===- AttentionExact.cpp - attention in the CPU's order of sums ----------===//
//
// One warp for a head of a row, in blocks of 16 positions counted from position
// 0. Scores: lane j of 16 has position j; its partner in the other half of the
// warp has the other chains of sums. Chain i of 16 is of the features i mod 16;
// a lane has the chains 4g + 2h and 4g + 2h + 1 (h: which half of the warp), so
// that all but the last step of the CPU's tree stay in the lane. Values: lanes
// have features.
//
// Per position, key/value head and query head: 8 * dim bytes, of which those
// that a block's 4 warps share come once; 4 * dim flops. Bound by latency,
// about 1 us for each 16 positions: this kernel is for comparing, not for
// speed.
//===----------------------------------------------------------------------===//
#include "Attention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

namespace {

constexpr int64_t kThreads = 128;

/// One head of one row, in a warp.
struct ExactHead {
  ThreadBuilder &b;
  int64_t dim;
  Value keys, values, query; ///< query: in shared memory, scaled, padded
  Value weights;             ///< shared memory for 16
  Value half, column;        ///< lane / 16, lane mod 16
  Visible visible;

  int64_t chunks() const { return llvm::divideCeil(dim, kSumLanes); }
  /// Features next to each other that a lane has of the values.
  int64_t width() const {
    return dim % 128 == 0 ? 4 : dim % 64 == 0 ? 2 : 1;
  }
  int64_t pieces() const { return llvm::divideCeil(dim, kWarp * width()); }

  Value isVisible(Value position) const {
    return b.both(b.less(position, visible.last),
                  b.lessOrEqual(visible.first, position));
  }
  /// Features `first` + 2 half and the next of a position: zeros beyond the
  /// end. `first` is a multiple of 4.
  std::pair<Value, Value> pairOf(Value position, int64_t first) const {
    Type f32 = b.getF32Type();
    Value own = b.mul(half, 2);
    if (first + 4 <= dim && dim % 2 == 0) {
      Value pair = b.load(b.vectorOf(f32, 2), b.at(position, f32, own), first);
      return {b.extract(pair, 0), b.extract(pair, 1)};
    }
    auto one = [&](int64_t next) {
      Value feature = b.add(own, first + next), last = b.i32(dim - 1);
      Value number = b.load(f32, position, b.min(feature, last));
      return b.select(b.lessOrEqual(feature, last), number, b.f32(0));
    };
    return {one(0), one(1)};
  }

  /// The score of position base + column.
  Value score(Value base) const {
    Type f32 = b.getF32Type();
    Value position =
        b.at(keys, f32, b.mul(b.wide(b.add(base, column)), dim));
    Value ownQuery = b.at(query, f32, b.mul(half, 2));
    Value sums[4][2];
    for (int64_t c = 0; c < chunks(); ++c)
      for (int64_t g = 0; g < 4; ++g) {
        int64_t first = c * kSumLanes + 4 * g;
        if (first >= dim) { // sums of zeros
          for (Value &sum : sums[g])
            sum = sum ? sum : b.f32(0);
          continue;
        }
        auto [x, y] = pairOf(position, first);
        Value q = b.load(b.vectorOf(f32, 2), ownQuery, first);
        for (auto [i, key] : {std::pair(0, x), std::pair(1, y)}) {
          Value factor = b.extract(q, i);
          Value &sum = sums[g][i];
          sum = sum ? b.fma(factor, key, sum) : b.fmul(factor, key);
        }
      }
    auto four = [&](int64_t i) {
      return b.fadd(b.fadd(sums[0][i], sums[2][i]),
                    b.fadd(sums[1][i], sums[3][i]));
    };
    Value pair = b.fadd(four(0), four(1));
    return b.fadd(pair, b.shuffleXor(pair, 16));
  }

  /// The lane's features of position base + j, zeros if it is hidden. `first`
  /// points to those of position base.
  SmallVector<Value> valuesOf(Value first, Value base, int64_t j) const {
    Type f32 = b.getF32Type();
    Value seen = isVisible(b.add(base, j));
    SmallVector<Value> result;
    for (int64_t piece = 0; piece < pieces(); ++piece) {
      int64_t next = piece * kWarp * width();
      Value at = b.at(first, f32, j * dim + next);
      if (next + kWarp * width() > dim) // lanes without features read one's own
        at = b.select(b.less(b.lane(), b.i32(dim - next)), at, first);
      Type type = width() > 1 ? Type(b.vectorOf(f32, width())) : f32;
      Value loaded = b.load(type, at, int64_t(0));
      for (int64_t i = 0; i < width(); ++i) {
        Value number = width() > 1 ? b.extract(loaded, i) : loaded;
        result.push_back(b.select(seen, number, b.f32(0)));
      }
    }
    return result;
  }

  /// state: maximum, sum, then the lane's features of the weighted values.
  SmallVector<Value> block(Value base, ValueRange state) const {
    Value seen = isVisible(b.add(base, column));
    Value s = b.select(seen, score(base), b.f32(kHidden));
    Value maximum = b.fmax(state[0], b.maxOver(s, kSumLanes));
    Value keep = b.exp(b.fsub(state[0], maximum));
    Value p = b.select(seen, b.exp(b.fsub(s, maximum)), b.f32(0));
    SmallVector<Value> next = {maximum,
                               b.fma(state[1], keep, b.sumSixteen(p))};
    b.when(b.equal(half, b.i32(0)), [&] { b.store(p, weights, column); });
    b.syncWarp();
    for (Value sum : state.drop_front(2))
      next.push_back(b.fmul(sum, keep));
    Type f32 = b.getF32Type();
    // Lanes beyond the features look at the last one.
    Value feature = b.min(b.mul(b.lane(), width()), b.i32(dim - width()));
    Value value = b.at(values, f32, b.mul(b.wide(base), dim));
    value = b.at(value, f32, feature);
    for (int64_t j = 0; j < kSumLanes; j += 4) {
      Value four = b.load(b.vectorOf(f32, 4), weights, j);
      for (int64_t i = 0; i < 4; ++i) {
        Value weight = b.extract(four, i);
        SmallVector<Value> v = valuesOf(value, base, j + i);
        for (auto [sum, number] : llvm::zip_equal(
                 MutableArrayRef<Value>(next).drop_front(2), v))
          sum = b.fma(weight, number, sum);
      }
    }
    b.syncWarp();
    return next;
  }

  void attend(Value result, Value offset) const {
    SmallVector<Value> state = {b.f32(kHidden), b.f32(0)};
    state.append(pieces() * width(), b.f32(0));
    Value begin = b.mul(b.div(visible.first, kSumLanes), kSumLanes);
    state = b.loop(begin, visible.last, b.i32(kSumLanes), state,
                   [&](Value base, ValueRange carried) {
                     return block(base, carried);
                   });
    for (int64_t piece = 0; piece < pieces(); ++piece) {
      Value first =
          b.add(b.mul(b.lane(), width()), piece * kWarp * width());
      auto write = [&] {
        for (int64_t i = 0; i < width(); ++i)
          b.store(b.fdiv(state[2 + piece * width() + i], state[1]), result,
                  b.add(offset, b.wide(b.add(first, i))));
      };
      if ((piece + 1) * kWarp * width() > dim)
        b.when(b.less(first, b.i32(dim)), write);
      else
        write();
    }
  }
};

} // namespace

/// Scales a head's query into shared memory and fills it up with zeros.
static void loadQuery(ThreadBuilder &b, int64_t dim, int64_t padded,
                      Value queries, Value offset, Value scale, Value query) {
  for (int64_t i = 0; i < padded; i += kWarp) {
    Value feature = b.add(b.lane(), i);
    b.when(b.less(feature, b.i32(padded)), [&] {
      Value at = b.min(feature, b.i32(dim - 1));
      Value number = b.fmul(
          b.load(b.getF32Type(), queries, b.add(offset, b.wide(at))), scale);
      b.store(b.select(b.less(feature, b.i32(dim)), number, b.f32(0)), query,
              feature);
    });
  }
  b.syncWarp();
}

static void emitExact(ThreadBuilder &b, const AttentionShape &shape,
                      ValueRange args) {
  Value states = args[0], capacity = args[1], layer = args[2];
  Value sequences = args[3], positions = args[4], scale = args[5];
  Value window = args[6], queries = args[7], result = args[8], rows = args[9];
  int64_t dim = shape.dim(), padded = llvm::alignTo(dim, kSumLanes);
  int64_t floats = padded + kSumLanes;
  Value memory = b.shared(b.warpCount() * floats * 4);
  Value item = b.add(b.mul(b.blockX(), b.warpCount()), b.warp());
  b.when(b.less(item, b.mul(rows, shape.heads)), [&] {
    Value row = b.div(item, shape.heads), head = b.rem(item, shape.heads);
    Value mine = b.at(memory, b.getF32Type(), b.mul(b.warp(), floats));
    Value offset = b.mul(b.wide(item), dim);
    loadQuery(b, dim, padded, queries, offset, scale, mine);
    Value sequence = b.load(b.getI32Type(), sequences, row);
    auto state = [&](int64_t which) {
      return headState(b, shape.kv, states, capacity, layer, sequence, which,
                       b.div(head, shape.group()));
    };
    ExactHead exact{b,
                    dim,
                    state(0),
                    state(1),
                    mine,
                    b.at(mine, b.getF32Type(), padded),
                    b.shr(b.lane(), 4),
                    b.bitAnd(b.lane(), 15),
                    visibleFrom(b, positions, row, window)};
    exact.attend(result, offset);
  });
}

void moe::cuda::launchExactAttention(Launcher &l, const AttentionShape &shape,
                                     const AttentionCall &call, Value chosen) {
  host::KernelBuilder &b = l.host();
  Value blocks =
      blocksFor(b, b.mul(call.rows, shape.heads), kThreads / kWarp);
  const KvPlace &place = call.place;
  l.launch("attention_exact_" + shape.name(),
           {b.select(chosen, blocks, b.index(0)), {}}, kThreads,
           {place.states, place.capacity, place.layer, place.sequences,
            place.positions, b.f32(call.scale), call.window, call.queries,
            call.result, call.rows},
           [&](ThreadBuilder &thread, ValueRange args) {
             emitExact(thread, shape, args);
           });
}
