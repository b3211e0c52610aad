//===- Attention.cpp - rope, the state, and attention over it -------------===//
//
// Positions run in time. The installed weights are the query's, column n of
// head h being h's part of the query: so each lane of a head gets the head's
// score, and what follows is done lane by lane. A query and a key are the sum
// of two f16 numbers; the product of both low parts is below the rounding of
// f32.
//===----------------------------------------------------------------------===//
#include "Lowering/Attention.h"

using namespace mlir;
using namespace moe::lpu;

/// Cycles between two scores: a plane takes both parts of a key.
static constexpr int64_t kEvery = 2;
/// Loops over positions that take turns: what one reads in the even cycles it
/// writes in the odd ones, so that a slice does one thing at a time.
static constexpr int64_t kStrands = 2;
/// Sums of a strand, so that one is back in memory when it is next.
static constexpr int64_t kPartial = 16;

Row moe::lpu::turn(Emitter &e, StringRef name, Row x, const Angles &angles) {
  Side side = Emitter::sideOf(x.buffer);
  Row y{e.temporary(name, side, x.vectors()), x.lanes};
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      Value turned = t.mul(t.read(x.buffer, v), t.read(angles.cosines));
      Value partner = t.permute(t.read(x.buffer, v), angles.partners);
      t.write(t.add(turned, t.mul(partner, t.read(angles.sines))), y.buffer, v);
    });
  return y;
}

LayerState moe::lpu::makeState(Emitter &e, const AttentionPlan &plan,
                               int64_t layer) {
  int64_t count = plan.context * plan.keys.size();
  std::string name = "layers." + std::to_string(layer);
  auto state = [&](StringRef what, Side side, Type element) {
    return e.buffer(BufferKind::State, name + "." + what.str(), side, count,
                    element);
  };
  return {state("keys", Side::West, e.f16),
          state("keys.low", Side::West, e.f16),
          state("keys.copy", Side::East, e.f16),
          state("values", Side::East, e.f32)};
}

void moe::lpu::append(Emitter &e, const AttentionPlan &plan,
                      const LayerState &state, Row keys, Row values) {
  Value west = plan.position[int(Side::West)];
  Value east = plan.position[int(Side::East)];
  for (int64_t v = 0; v < keys.vectors(); ++v) {
    auto appendHigh = [&](Value buffer, Value map) {
      e.cluster("append", [&](Tree &t) {
        t.scatter(t.convert(t.read(keys.buffer, v), e.f16), buffer, v, map);
      });
    };
    appendHigh(state.high, west);
    appendHigh(state.copy, east);
    e.cluster("append", [&](Tree &t) {
      Value rounded =
          t.convert(t.convert(t.read(keys.buffer, v), e.f16), e.f32);
      Value rest = t.sub(t.read(keys.buffer, v), rounded);
      t.scatter(t.convert(rest, e.f16), state.low, v, west);
    });
    e.cluster("append", [&](Tree &t) {
      t.scatter(t.alu(AluKind::Pass, t.read(values.buffer, v)), state.values, v,
                east);
    });
  }
}

namespace {

/// One vector of heads.
struct HeadsInVector {
  Emitter &e;
  AttentionPlan &plan;
  std::string name;
  const LayerState &state;
  int64_t vector, vectors;

  int64_t headsHere() const {
    int64_t fit = e.width() / plan.size;
    return std::min(fit, plan.heads - vector * fit);
  }

  /// Columns of a head, all alike: high parts in the west, low ones in the
  /// east.
  void writeColumns(Value query, Side side, int64_t head) {
    SmallVector<int32_t> mask(e.width(), 0);
    for (int64_t l = head * plan.size; l < (head + 1) * plan.size; ++l)
      mask[l] = -1;
    Side at = Emitter::sideOf(query);
    Value lanes = e.lanes(mask, e.i32, at);
    int64_t streams = e.getMachine().mxm.streams;
    // Heads whose columns do not fill rows of all slices write one at a time.
    int64_t copies = plan.size % streams == 0 ? streams : 1;
    e.cluster(
        name + ".query",
        [&](Tree &t) {
          Value part;
          if (side == Side::West) {
            part = t.alu(AluKind::Mask, t.read(query, vector), t.read(lanes));
          } else {
            Value rounded =
                t.convert(t.convert(t.read(query, vector), e.f16), e.f32);
            part = t.alu(AluKind::Mask, t.sub(t.read(query, vector), rounded),
                         t.read(lanes));
          }
          Value half = t.convert(part, e.f16);
          int64_t first = head * plan.size;
          t.writeByte(half, 0, plan.low[int(side)], first, copies, copies);
          t.writeByte(half, 1, plan.high[int(side)], first, copies, copies);
        },
        plan.size / copies);
  }

  void clearColumns(Side side, int64_t from) {
    Value zero = e.splat(0, side);
    int64_t streams = e.getMachine().mxm.streams;
    int64_t copies = from % streams == 0 ? streams : 1;
    if (from == e.width())
      return;
    e.cluster(
        name + ".clear",
        [&](Tree &t) {
          Value half = t.convert(t.read(zero), e.f16);
          t.writeByte(half, 0, plan.low[int(side)], from, copies, copies);
          t.writeByte(half, 1, plan.high[int(side)], from, copies, copies);
        },
        (e.width() - from) / copies);
  }

  void scorePositions(Value query) {
    std::array<Value, 2> weights;
    for (Side side : {Side::West, Side::East}) {
      for (int64_t head = 0; head < headsHere(); ++head)
        writeColumns(query, side, head);
      clearColumns(side, headsHere() * plan.size);
      weights[int(side)] = e.installHalves(name + ".query", plan.low[int(side)],
                                           plan.high[int(side)], 0);
    }
    Value seen = plan.visibility[int(Emitter::sideOf(plan.hidden))];
    e.cluster(
        name + ".scores",
        [&](Tree &t) {
          auto key = [&](Value keys) { return t.read(keys, vector, vectors); };
          Value low = t.multiply(key(state.low), weights[int(Side::West)]);
          Value sum =
              t.add(t.alu(AluKind::Pass, low),
                    t.multiply(key(state.high), weights[int(Side::West)]));
          sum =
              t.add(sum, t.multiply(key(state.copy), weights[int(Side::East)]));
          sum = t.add(sum, t.gather(plan.hidden, 0, seen, /*step=*/1));
          t.write(sum, plan.scores, 0, 1);
        },
        plan.context, kEvery);
  }

  /// term(position) of all positions as one: kPartial running results in each
  /// strand, which are folded in the end.
  Value overPositions(StringRef what, AluKind kind,
                      function_ref<Value(Tree &, int64_t)> term) {
    Side side = Emitter::sideOf(plan.scores);
    SmallVector<std::pair<Value, int64_t>> running;
    for (int64_t strand = 0; strand < kStrands; ++strand) {
      int64_t count = positionsOf(strand);
      int64_t partial = std::min(kPartial, count);
      if (!count)
        continue;
      Value sums = e.temporary(name + what.str(), side, partial);
      for (int64_t first = 0; first < count; first += partial)
        e.cluster(
            name + what,
            [&](Tree &t) {
              Value value = term(t, strand + first * kStrands);
              if (first)
                value = t.alu(kind, value, t.read(sums, 0, 1));
              else if (value.getDefiningOp<ReadOp>())
                value = t.alu(AluKind::Pass, value);
              t.write(value, sums, 0, 1);
            },
            std::min(partial, count - first), kStrands);
      for (int64_t i = 0; i < partial; ++i)
        running.push_back({sums, i});
    }
    return foldTerms(e, name + what, running.size(), kind, side, e.f32,
                     [&](Tree &t, int64_t i) {
                       return t.read(running[i].first, running[i].second);
                     });
  }

  int64_t positionsOf(int64_t strand) const {
    return (plan.context - strand + kStrands - 1) / kStrands;
  }

  void raisePowers(Value largest) {
    for (int64_t strand = 0; strand < kStrands; ++strand)
      if (positionsOf(strand))
        e.cluster(
            name + ".powers",
            [&](Tree &t) {
              Value below =
                  t.sub(t.read(plan.scores, strand, kStrands), t.read(largest));
              t.write(t.alu(AluKind::Exp2, below), plan.powers, strand,
                      kStrands);
            },
            positionsOf(strand), kStrands);
  }

  void attend(Value query, Value result) {
    scorePositions(query);
    Value largest =
        overPositions(".largest", AluKind::Max, [&](Tree &t, int64_t first) {
          return t.read(plan.scores, first, kStrands);
        });
    raisePowers(largest);
    Value total =
        overPositions(".total", AluKind::Add, [&](Tree &t, int64_t first) {
          return t.read(plan.powers, first, kStrands);
        });
    Value weighted =
        overPositions(".values", AluKind::Add, [&](Tree &t, int64_t first) {
          return t.mul(t.read(plan.powers, first, kStrands),
                       t.read(state.values, first * vectors + vector,
                              kStrands * vectors));
        });
    e.cluster(name, [&](Tree &t) {
      t.write(t.mul(t.read(weighted), t.inverse(t.read(total), t.read(total))),
              result, vector);
    });
  }
};

} // namespace

Row moe::lpu::attend(Emitter &e, AttentionPlan &plan, StringRef name,
                     const LayerState &state, Row queries, double scale) {
  Side side = Emitter::sideOf(queries.buffer);
  Row y{e.temporary(name, side, queries.vectors()), queries.lanes};
  // Powers of 2 are what the machine has.
  Value factor = e.splat(scale * 1.4426950408889634, side);
  Value scaled = e.temporary(name, side, queries.vectors());
  for (int64_t v = 0; v < queries.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      t.write(t.mul(t.read(queries.buffer, v), t.read(factor)), scaled, v);
    });
  for (int64_t v = 0; v < queries.vectors(); ++v)
    HeadsInVector{e, plan, name.str(), state, v, queries.vectors()}.attend(
        scaled, y.buffer);
  return y;
}
