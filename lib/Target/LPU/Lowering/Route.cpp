//===- Route.cpp - the experts of a token, as addresses and weights -------===//
#include "Lowering/Route.h"

using namespace mlir;
using namespace moe;
using namespace moe::lpu;

/// Above every feature, and exact in f32 with all of them.
static constexpr int64_t kFeatures = 1 << 22;
/// Below every logit, and finite.
static constexpr float kLowest = -3.0e38f;

/// kFeatures less the feature of each lane of vector v.
static Value countdown(Emitter &e, Row x, int64_t v) {
  SmallVector<float> numbers;
  for (int32_t feature : (*x.lanes)[v])
    numbers.push_back(feature < 0 ? 0 : kFeatures - feature);
  return e.lanes(numbers, Emitter::sideOf(x.buffer));
}

/// Vector v, with a number that never wins in lanes that hold nothing.
static Value withoutGaps(Emitter &e, Tree &t, Row x, int64_t v) {
  Value value = t.read(x.buffer, v);
  const std::vector<int32_t> &lanes = (*x.lanes)[v];
  if (!llvm::is_contained(lanes, -1))
    return value;
  SmallVector<float> hidden;
  for (int32_t feature : lanes)
    hidden.push_back(feature < 0 ? kLowest : 0);
  return t.add(value, t.read(e.lanes(hidden, Emitter::sideOf(x.buffer))));
}

/// What `term` makes of each vector of a row, folded. Each is made by itself:
/// in one chain, reads of many would come every `alu` cycles, and meet.
static Value foldVectors(Emitter &e, StringRef name, Row x, AluKind kind,
                         function_ref<Value(Tree &, int64_t)> term) {
  Side side = Emitter::sideOf(x.buffer);
  if (x.vectors() == 1)
    return foldTerms(e, name, 1, kind, side, e.f32, term);
  Value terms = e.temporary(name, side, x.vectors());
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      Value value = term(t, v);
      if (value.getDefiningOp<ReadOp>())
        value = t.alu(AluKind::Pass, value);
      t.write(value, terms, v);
    });
  return foldTerms(e, name, x.vectors(), kind, side, e.f32,
                   [&](Tree &t, int64_t v) { return t.read(terms, v); });
}

/// Lanes after which features come again; all, if they do not.
static int64_t periodOf(Emitter &e, Row x) {
  const std::vector<int32_t> &lanes = x.lanes->front();
  auto again = std::find(lanes.begin() + 1, lanes.end(), lanes.front());
  int64_t period = again == lanes.end() ? e.width() : again - lanes.begin();
  return x.vectors() == 1 && e.width() % period == 0 ? period : e.width();
}

Largest moe::lpu::findLargest(Emitter &e, StringRef name, Row x) {
  int64_t group = periodOf(e, x);
  Value value = foldVectors(e, name, x, AluKind::Max, [&](Tree &t, int64_t v) {
    return withoutGaps(e, t, x, v);
  });
  value = reduceLanes(e, name, value, AluKind::Max, group);
  Value place = foldVectors(e, name, x, AluKind::Max, [&](Tree &t, int64_t v) {
    Value equal =
        t.alu(AluKind::Eq, withoutGaps(e, t, x, v), t.read(value), e.i32);
    return t.alu(AluKind::Mask, t.read(countdown(e, x, v)), equal);
  });
  return {reduceLanes(e, name, place, AluKind::Max, group), value};
}

Value moe::lpu::numberOf(Emitter &e, StringRef name, const Largest &largest) {
  Side side = Emitter::sideOf(largest.place);
  Value number = e.temporary(name, side, 1, e.i32);
  Value all = e.splat(kFeatures, side);
  e.cluster(name, [&](Tree &t) {
    t.write(t.convert(t.sub(t.read(all), t.read(largest.place)), e.i32),
            number);
  });
  return number;
}

Row moe::lpu::withoutLargest(Emitter &e, StringRef name, Row x,
                             const Largest &largest) {
  Side side = Emitter::sideOf(x.buffer);
  Row rest{e.temporary(name, side, x.vectors()), x.lanes};
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      Value is = t.alu(AluKind::Eq, t.read(countdown(e, x, v)),
                       t.read(largest.place), e.i32);
      Value lower = t.alu(AluKind::Mask, t.read(e.splat(kLowest, side)), is);
      t.write(t.add(t.read(x.buffer, v), lower), rest.buffer, v);
    });
  return rest;
}

Value moe::lpu::powerOf(Emitter &e, Tree &t, Value logit, Value top) {
  Value log2e = e.splat(1.4426950408889634, Emitter::sideOf(top));
  return t.alu(AluKind::Exp2, t.mul(t.sub(logit, t.read(top)), t.read(log2e)));
}

Value moe::lpu::sumPowers(Emitter &e, StringRef name, Row logits, Value top) {
  Value sum =
      foldVectors(e, name, logits, AluKind::Add, [&](Tree &t, int64_t v) {
        return powerOf(e, t, withoutGaps(e, t, logits, v), top);
      });
  int64_t period = periodOf(e, logits);
  if (period < e.width())
    return reduceLanes(e, name, sum, AluKind::Add, period);
  return sumRow(e, name, sum, e.width());
}

namespace {

struct Router {
  Emitter &e;
  RouteOp op;
  std::string name;
  Row logits;
  Side side;

  /// Divides by a total that is in each lane, and scales.
  Value divide(Value score, Value total) {
    Value weight = e.temporary(name, side);
    Value scale = e.splat(op.getScale().convertToDouble(), side);
    e.cluster(name, [&](Tree &t) {
      Value value = t.read(score);
      if (total)
        value = t.mul(value, t.inverse(t.read(total), t.read(total)));
      t.write(t.mul(value, t.read(scale)), weight);
    });
    return weight;
  }

  Value scoreOf(Value logit, Value top) {
    Value score = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) {
      t.write(powerOf(e, t, t.read(logit), top), score);
    });
    return score;
  }

  /// 1 / (1 + 2^(-x log2 e))
  Value sigmoidOf(Value logit) {
    Value below = e.temporary(name, side), score = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) {
      Value x =
          t.mul(t.read(logit), t.read(e.splat(-1.4426950408889634, side)));
      t.write(t.add(t.alu(AluKind::Exp2, x), t.read(e.splat(1, side))), below);
    });
    e.cluster(name, [&](Tree &t) {
      t.write(t.inverse(t.read(below), t.read(below)), score);
    });
    return score;
  }

  Choice run() {
    Choice choice;
    SmallVector<Value> values;
    Row first = logits;
    int64_t chosen = op.getK();
    for (int64_t j = 0; j < chosen; ++j) {
      Largest largest = findLargest(e, name, logits);
      choice.experts.push_back(numberOf(e, name, largest));
      values.push_back(largest.value);
      if (j + 1 < chosen)
        logits = withoutLargest(e, name, logits, largest);
    }
    logits = first;
    bool isSigmoid = op.getScore() == RouteScore::Sigmoid;
    SmallVector<Value> scores;
    for (Value value : values)
      scores.push_back(isSigmoid ? sigmoidOf(value)
                                 : scoreOf(value, values[0]));
    Value total;
    if (op.getRenormalize() || op.getScore() == RouteScore::SoftmaxSelected)
      total = foldTerms(e, name, scores.size(), AluKind::Add, side, e.f32,
                        [&](Tree &t, int64_t j) { return t.read(scores[j]); });
    else if (!isSigmoid)
      total = sumPowers(e, name, logits, values[0]);
    for (Value score : scores)
      choice.weights.push_back(divide(score, total));
    return choice;
  }
};

} // namespace

Choice moe::lpu::route(Emitter &e, RouteOp op, Row logits) {
  return Router{e, op, "route", logits, Emitter::sideOf(logits.buffer)}.run();
}
