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
