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

/// Cycles between two scores: a plane takes both parts of a key. All else is
/// done for a position a cycle.
static constexpr int64_t kEvery = 2;
/// Positions of a block. Neighbouring blocks lie in buffers of their own, so
/// that one is read while the next is written. Also the sums that run side by
/// side, so that one is back in memory when it is next.
static constexpr int64_t kBlock = 32;

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

void moe::lpu::makeScores(Emitter &e, AttentionPlan &plan) {
  int64_t half = llvm::divideCeil(plan.context, 2 * kBlock) * kBlock;
  for (int64_t i : {0, 1}) {
    plan.scores[i] = e.temporary("scores", Side::East, half);
    plan.powers[0][i] = e.temporary("powers", Side::West, half);
    plan.powers[1][i] = e.temporary("powers", Side::West, half);
  }
}

LayerState moe::lpu::makeState(Emitter &e, const AttentionPlan &plan,
                               int64_t layer) {
  int64_t count = plan.context;
  std::string name = "layers." + std::to_string(layer);
  auto state = [&](StringRef what, Side side, Type element) {
    return e.buffer(BufferKind::State, name + "." + what.str(), side, count,
                    element);
  };
  LayerState result;
  for (size_t v = 0; v < plan.keys.size(); ++v)
    result.parts.push_back({state("keys", Side::West, e.f16),
                            state("keys.low", Side::West, e.f16),
                            state("keys.copy", Side::East, e.f16),
                            state("values", Side::East, e.f32)});
  return result;
}

void moe::lpu::append(Emitter &e, const AttentionPlan &plan,
                      const LayerState &state, Row keys, Row values) {
  Value west = plan.position[int(Side::West)];
  Value east = plan.position[int(Side::East)];
  for (int64_t v = 0; v < keys.vectors(); ++v) {
    auto appendHigh = [&](Value buffer, Value map) {
      e.cluster("append", [&](Tree &t) {
        t.scatter(t.convert(t.read(keys.buffer, v), e.f16), buffer, 0, map);
      });
    };
    appendHigh(state.parts[v].high, west);
    appendHigh(state.parts[v].copy, east);
    e.cluster("append", [&](Tree &t) {
      Value rounded =
          t.convert(t.convert(t.read(keys.buffer, v), e.f16), e.f32);
      Value rest = t.sub(t.read(keys.buffer, v), rounded);
      t.scatter(t.convert(rest, e.f16), state.parts[v].low, 0, west);
    });
    e.cluster("append", [&](Tree &t) {
      t.scatter(t.alu(AluKind::Pass, t.read(values.buffer, v)),
                state.parts[v].values, 0, east);
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
  int64_t vector;

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
    auto half = [&](Tree &t) {
      Value part = t.read(query, vector);
      if (side == Side::East)
        part = t.sub(part,
                     t.convert(t.convert(t.read(query, vector), e.f16), e.f32));
      return t.convert(t.alu(AluKind::Mask, part, t.read(lanes)), e.f16);
    };
    // A long loop would meet itself, unless it reads one thing only.
    Value made;
    if (copies == 1) {
      made = e.temporary(name + ".query", at, 1, e.f16);
      e.cluster(name + ".query", [&](Tree &t) { t.write(half(t), made); });
    }
    e.cluster(
        name + ".query",
        [&](Tree &t) {
          Value row = made ? t.alu(AluKind::Pass, t.read(made)) : half(t);
          int64_t first = head * plan.size;
          t.writeByte(row, 0, plan.low[int(side)], first, copies, copies);
          t.writeByte(row, 1, plan.high[int(side)], first, copies, copies);
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
    overBlocks(".scores", kEvery,
               [&](Tree &t, int64_t first) { scoreBlock(t, weights, first); });
  }

  void scoreBlock(Tree &t, const std::array<Value, 2> &weights, int64_t first) {
    Value seen = plan.visibility[int(Emitter::sideOf(plan.hidden))];
    auto key = [&](Value keys) { return t.read(keys, first, 1); };
    Value low =
        t.multiply(key(state.parts[vector].low), weights[int(Side::West)]);
    Value sum = t.add(
        t.alu(AluKind::Pass, low),
        t.multiply(key(state.parts[vector].high), weights[int(Side::West)]));
    sum = t.add(sum, t.multiply(key(state.parts[vector].copy),
                                weights[int(Side::East)]));
    sum = t.add(sum, t.gather(plan.hidden, first, seen, /*step=*/1));
    t.write(sum, plan.scores[half(first)], place(first), 1);
  }

  /// Which buffer a block lies in, and where.
  static int64_t half(int64_t first) { return first / kBlock % 2; }
  static int64_t place(int64_t first) { return first / kBlock / 2 * kBlock; }

  void overBlocks(StringRef what, int64_t every,
                  function_ref<void(Tree &, int64_t first)> body) {
    for (int64_t first = 0; first < plan.context; first += kBlock)
      e.cluster(
          name + what, [&](Tree &t) { body(t, first); },
          std::min(kBlock, plan.context - first), every);
  }

  /// term(position) of all positions as one: results for each place in a block,
  /// which are folded in the end.
  Value overPositions(StringRef what, AluKind kind,
                      function_ref<Value(Tree &, int64_t)> term) {
    Side side = Emitter::sideOf(plan.scores[0]);
    int64_t count = std::min(kBlock, plan.context);
    Value running = e.temporary(name + what.str(), side, count);
    overBlocks(what, 1, [&](Tree &t, int64_t first) {
      Value value = term(t, first);
      if (first)
        value = t.alu(kind, value, t.read(running, 0, 1));
      else if (value.getDefiningOp<ReadOp>())
        value = t.alu(AluKind::Pass, value);
      t.write(value, running, 0, 1);
    });
    return foldTerms(e, name + what, count, kind, side, e.f32,
                     [&](Tree &t, int64_t i) { return t.read(running, i); });
  }

  Value readScore(Tree &t, int64_t first) {
    return t.read(plan.scores[half(first)], place(first), 1);
  }

  /// A buffer of powers for each of those who read them: both do in each cycle.
  enum Reader { Total, Values };
  Value readPower(Tree &t, Reader reader, int64_t first) {
    return t.read(plan.powers[reader][half(first)], place(first), 1);
  }

  void raisePowers(Value largest) {
    overBlocks(".powers", 1, [&](Tree &t, int64_t first) {
      Value below = t.sub(readScore(t, first), t.read(largest));
      Value power = t.alu(AluKind::Exp2, below);
      for (Reader reader : {Total, Values})
        t.write(power, plan.powers[reader][half(first)], place(first), 1);
    });
  }

  void attend(Value query, Value result) {
    scorePositions(query);
    Value largest =
        overPositions(".largest", AluKind::Max, [&](Tree &t, int64_t first) {
          return readScore(t, first);
        });
    raisePowers(largest);
    Value total =
        overPositions(".total", AluKind::Add, [&](Tree &t, int64_t first) {
          return readPower(t, Total, first);
        });
    Value weighted =
        overPositions(".values", AluKind::Add, [&](Tree &t, int64_t first) {
          return t.mul(readPower(t, Values, first),
                       t.read(state.parts[vector].values, first, 1));
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
    HeadsInVector{e, plan, name.str(), state, v}.attend(scaled, y.buffer);
  return y;
}
