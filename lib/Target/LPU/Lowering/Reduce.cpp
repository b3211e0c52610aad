//===- Reduce.cpp - sums and maxima over lanes and vectors ----------------===//
#include "Lowering/Rows.h"

using namespace mlir;
using namespace moe::lpu;

/// A group as a product of factors up to 8, largest first: each is one trip
/// past the SXM, and as many ALUs in a chain.
static SmallVector<int64_t> roundsOf(int64_t group) {
  SmallVector<int64_t> rounds;
  for (int64_t factor = 8; factor >= 2; --factor)
    while (group % factor == 0) {
      rounds.push_back(factor);
      group /= factor;
    }
  if (group > 1)
    rounds.push_back(group);
  return rounds;
}

/// Lane l takes the lane `by` further on in its group, around its end.
static Value rotationMap(Emitter &e, int64_t group, int64_t by, Side side) {
  SmallVector<int32_t> map;
  for (int64_t l = 0; l < e.width(); ++l) {
    int64_t first = l / group * group;
    bool isWhole = first + group <= e.width();
    map.push_back(isWhole ? first + (l - first + by) % group : l);
  }
  return e.lanes(map, e.i16, side);
}

Value moe::lpu::reduceLanes(Emitter &e, StringRef name, Value vector,
                            AluKind kind, int64_t group) {
  Side side = Emitter::sideOf(vector);
  int64_t stride = 1;
  for (int64_t round : roundsOf(group)) {
    Value next = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) {
      Value all = t.read(vector);
      for (int64_t j = 1; j < round; ++j)
        all = t.alu(
            kind, all,
            t.permute(t.read(vector), rotationMap(e, group, j * stride, side)));
      t.write(all, next);
    });
    stride *= round;
    vector = next;
  }
  return vector;
}

namespace {

/// Sums of non-negative numbers that are the same in each lane to the last bit:
/// lanes meet in pairs, and a + b is b + a.
struct EvenSum {
  Emitter &e;
  StringRef name;
  Side side;

  /// Lanes below `blocks` blocks meet those whose block differs in `bit`.
  Value mapOf(int64_t bit, int64_t block, int64_t blocks) {
    SmallVector<int32_t> map;
    for (int64_t l = 0; l < e.width(); ++l) {
      int64_t other = l / block ^ bit;
      bool meets = l / block < blocks && other < blocks;
      map.push_back(meets ? other * block + l % block : l);
    }
    return e.lanes(map, e.i16, side);
  }

  /// Blocks that are exchanged, each with one other.
  Value exchange(ArrayRef<std::pair<int64_t, int64_t>> pairs, int64_t block) {
    SmallVector<int32_t> map;
    for (int64_t l = 0; l < e.width(); ++l) {
      int64_t from = l / block;
      for (auto [a, b] : pairs)
        from = from == a ? b : from == b ? a : from;
      map.push_back(from * block + l % block);
    }
    return e.lanes(map, e.i16, side);
  }

  /// 0 where no other block is met.
  Value maskOf(function_ref<bool(int64_t block)> meets, int64_t block) {
    SmallVector<int32_t> mask;
    for (int64_t l = 0; l < e.width(); ++l)
      mask.push_back(meets(l / block) ? -1 : 0);
    return e.lanes(mask, e.i32, side);
  }

  Value step(function_ref<Value(Tree &)> body) {
    Value next = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) { t.write(body(t), next); });
    return next;
  }

  /// Two or four blocks of `block` lanes become one, in the first `blocks`
  /// blocks of the machine. What a lane does not meet counts as 0.
  Value join(Value vector, int64_t block, int64_t count, int64_t blocks) {
    Value mask = maskOf([&](int64_t i) { return i < blocks; }, block);
    auto other = [&](Tree &t, int64_t bit) {
      Value value = t.permute(t.read(vector), mapOf(bit, block, blocks));
      return blocks * block == e.width()
                 ? value
                 : t.alu(AluKind::Mask, value, t.read(mask));
    };
    auto pass = [](Tree &t, Value value) {
      return t.alu(AluKind::Pass, value);
    };
    return step([&](Tree &t) {
      Value near = t.add(t.read(vector), other(t, 1));
      if (count == 2)
        return near;
      // A unit permutes one vector at a time: passes keep them apart.
      Value far = t.add(pass(t, other(t, 2)), other(t, 3));
      return t.add(pass(t, pass(t, near)), far);
    });
  }

  /// Sums over the first `lanes`, a power of two.
  Value sumFirst(Value vector, int64_t lanes) {
    for (int64_t block = 1; block < lanes;) {
      int64_t count = block * 4 <= lanes ? 4 : 2;
      int64_t whole = e.width() / block / count * count;
      vector = join(vector, block, count, whole);
      block *= count;
    }
    return vector;
  }

  /// Lanes 0 to `lanes` hold the sum, the others 0: they take it from the
  /// first.
  Value spread(Value vector, int64_t lanes) {
    int64_t rest = e.width() - lanes;
    if (rest == 0)
      return vector;
    SmallVector<int32_t> map;
    for (int64_t l = 0; l < e.width(); ++l)
      map.push_back(l >= lanes ? l - lanes : l < rest ? l + lanes : l);
    return step([&](Tree &t) {
      return t.alu(AluKind::Max, t.read(vector),
                   t.permute(t.read(vector), e.lanes(map, e.i16, side)));
    });
  }

  /// 5 blocks that hold a sum each: four make one, the fifth meets the first,
  /// and the largest is the whole.
  Value joinFive(Value vector, int64_t block) {
    vector = join(vector, block, 4, 4);
    Value mask = maskOf([](int64_t i) { return i == 0 || i == 4; }, block);
    Value sum = step([&](Tree &t) {
      Value other = t.permute(t.read(vector), exchange({{0, 4}}, block));
      return t.add(t.read(vector), t.alu(AluKind::Mask, other, t.read(mask)));
    });
    return step([&](Tree &t) {
      Value near = t.permute(t.read(sum), exchange({{0, 1}, {4, 2}}, block));
      Value far = t.permute(t.read(sum), exchange({{0, 3}}, block));
      return t.alu(AluKind::Max, t.alu(AluKind::Max, t.read(sum), near), far);
    });
  }
};

} // namespace

Value moe::lpu::sumRow(Emitter &e, StringRef name, Value vector, int64_t used) {
  EvenSum sum{e, name, Emitter::sideOf(vector)};
  int64_t lanes = llvm::PowerOf2Ceil(used), width = e.width();
  if (lanes <= width && 2 * lanes >= width)
    return sum.spread(sum.sumFirst(vector, lanes), lanes);
  int64_t block = width & -width;
  if (width / block == 5)
    return sum.joinFive(sum.sumFirst(vector, block), block);
  return reduceLanes(e, name, vector, AluKind::Add, width);
}

Value moe::lpu::foldTerms(Emitter &e, const Twine &name, int64_t count,
                          AluKind kind, Side side, Type element,
                          function_ref<Value(Tree &, int64_t)> term) {
  constexpr int64_t kTerms = 8;
  Value sum;
  for (int64_t first = 0; first < count; first += kTerms) {
    Value next = e.temporary("sum", side, 1, element);
    e.cluster(name, [&](Tree &t) {
      Value all = sum ? t.read(sum) : Value();
      for (int64_t i = first; i < std::min(count, first + kTerms); ++i) {
        Value one = term(t, i);
        all = all ? t.alu(kind, all, one) : one;
      }
      // What is only read must still pass an ALU to be written elsewhere.
      if (count == 1 && all.getDefiningOp<ReadOp>())
        all = t.alu(AluKind::Pass, all);
      t.write(all, next);
    });
    sum = next;
  }
  return sum;
}
