//===- Rope.cpp - rotary positions, and the state of keys and values ------===//
//
// Rope reads and writes 8 bytes of each feature, append the same: on an H200
// both cost a launch and, for few rows, nothing else.
//===----------------------------------------------------------------------===//
#include "Attention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

namespace {

constexpr int64_t kThreads = 128;

/// What turns: heads of `size` features. A unit of work is a pair, or one of
/// the features beyond the pairs, which pass unchanged.
struct Turns {
  RopeLayout layout;
  int64_t size, frequencies;

  int64_t units() const { return size - frequencies; }

  /// Does unit `unit` of a head; `angles` is the row's: F cosines, then F
  /// sines.
  void turn(ThreadBuilder &b, Value unit, Value angles, Value from,
            Value to) const {
    if (units() == frequencies)
      return pair(b, unit, angles, from, to);
    Value isPair = b.less(unit, b.i32(frequencies));
    b.when(isPair, [&] { pair(b, unit, angles, from, to); });
    b.when(b.lessOrEqual(b.i32(frequencies), unit), [&] {
      Value at = b.add(unit, frequencies);
      b.store(b.load(b.getF32Type(), from, at), to, at);
    });
  }

  void pair(ThreadBuilder &b, Value i, Value angles, Value from,
            Value to) const {
    bool isHalf = layout == RopeLayout::Half;
    Type f32 = b.getF32Type();
    Value first = isHalf ? i : b.mul(i, 2);
    Value second = b.add(first, isHalf ? frequencies : 1);
    Value x = b.load(f32, from, first), y = b.load(f32, from, second);
    Value cos = b.load(f32, angles, i);
    Value sin = b.load(f32, angles, b.add(i, frequencies));
    b.store(b.fsub(b.fmul(x, cos), b.fmul(y, sin)), to, first);
    b.store(b.fadd(b.fmul(y, cos), b.fmul(x, sin)), to, second);
  }

  std::string name() const {
    return (Twine(layout == RopeLayout::Half ? "half" : "interleaved") + "_" +
            Twine(size))
        .str();
  }
};

} // namespace

static Value rowOf(ThreadBuilder &b, Value buffer, Value row, int64_t columns) {
  return b.at(buffer, b.getF32Type(), b.mul(b.wide(row), columns));
}

static Value anglesOf(ThreadBuilder &b, Value table, Value position,
                      int64_t frequencies) {
  return rowOf(b, table, position, 2 * frequencies);
}

/// One thread for each of `units` things of a row: blocks by row, then by
/// units.
static Grid gridOf(host::KernelBuilder &b, Value input, int64_t units) {
  return {b.rowsOf(input), b.index(llvm::divideCeil(units, kThreads))};
}

/// Runs `body` with the number of this thread's unit if that is one of `units`.
static void forUnit(ThreadBuilder &b, int64_t units,
                    function_ref<void(Value)> body) {
  Value unit = b.add(b.mul(b.blockY(), b.threadCount()), b.threadId());
  b.when(b.less(unit, b.i32(units)), [&] { body(unit); });
}

void moe::cuda::launchRope(Launcher &l, RopeLayout layout, int64_t heads,
                           Value input, Value positions, Value table,
                           Value result) {
  int64_t features = columnsOf(input);
  Turns turns{layout, features / heads, columnsOf(table) / 2};
  int64_t units = heads * turns.units();
  l.launch("rope_" + turns.name(), gridOf(l.host(), input, units), kThreads,
           {input, positions, table, result},
           [&](ThreadBuilder &b, ValueRange args) {
             forUnit(b, units, [&](Value unit) {
               Value row = b.blockX();
               Value position = b.load(b.getI32Type(), args[1], row);
               Value head = b.div(unit, turns.units());
               auto headOf = [&](Value buffer) {
                 return b.at(rowOf(b, buffer, row, features), b.getF32Type(),
                             b.mul(head, turns.size));
               };
               turns.turn(b, b.rem(unit, turns.units()),
                          anglesOf(b, args[2], position, turns.frequencies),
                          headOf(args[0]), headOf(args[3]));
             });
           });
}

//===----------------------------------------------------------------------===//
// Key/value state
//===----------------------------------------------------------------------===//

namespace {

/// The arguments of a kernel that come of a KvPlace, and the row's place in it.
struct AppendRow {
  ThreadBuilder &b;
  KvType kv;
  Value states, capacity, layer;
  Value row, sequence, position;

  AppendRow(ThreadBuilder &b, KvType kv, ValueRange args)
      : b(b), kv(kv), states(args[0]), capacity(args[1]), layer(args[2]),
        row(b.blockX()), sequence(b.load(b.getI32Type(), args[3], row)),
        position(b.load(b.getI32Type(), args[4], row)) {}

  /// Features of a head at the row's position.
  Value at(int64_t which, Value head) const {
    return rowOf(b,
                 headState(b, kv, states, capacity, layer, sequence, which,
                           head),
                 position, kv.getHeadDim());
  }
  Value features(Value buffer, Value head) const {
    return b.at(rowOf(b, buffer, row, kv.getHeads() * kv.getHeadDim()),
                b.getF32Type(), b.mul(head, kv.getHeadDim()));
  }
  void copy(Value unit, int64_t which, Value buffer) const {
    int64_t dim = kv.getHeadDim();
    Value head = b.div(unit, dim), feature = b.rem(unit, dim);
    b.store(b.load(b.getF32Type(), features(buffer, head), feature),
            at(which, head), feature);
  }
};

} // namespace

static std::string nameOf(KvType kv) {
  return (Twine(kv.getHeads()) + "x" + Twine(kv.getHeadDim())).str();
}

void moe::cuda::launchKvAppend(Launcher &l, const KvPlace &place, Value keys,
                               Value values) {
  int64_t units = place.kv.getHeads() * place.kv.getHeadDim();
  l.launch("kv_append_" + nameOf(place.kv), gridOf(l.host(), keys, units),
           kThreads,
           {place.states, place.capacity, place.layer, place.sequences,
            place.positions, keys, values},
           [&](ThreadBuilder &b, ValueRange args) {
             forUnit(b, units, [&](Value unit) {
               AppendRow to(b, place.kv, args);
               to.copy(unit, 0, args[5]);
               to.copy(unit, 1, args[6]);
             });
           });
}

void moe::cuda::launchRopeAppend(Launcher &l, RopeLayout layout, int64_t heads,
                                 const KvPlace &place, Value queries,
                                 Value keys, Value values, Value table,
                                 Value result) {
  KvType kv = place.kv;
  int64_t features = columnsOf(queries), dim = kv.getHeadDim();
  Turns turns{layout, dim, columnsOf(table) / 2};
  int64_t ofQueries = heads * turns.units();
  int64_t ofKeys = kv.getHeads() * turns.units();
  int64_t units = ofQueries + ofKeys + kv.getHeads() * dim;
  l.launch(
      "rope_append_" + turns.name() + "_" + nameOf(kv),
      gridOf(l.host(), queries, units), kThreads,
      {place.states, place.capacity, place.layer, place.sequences,
       place.positions, queries, keys, values, table, result},
      [&](ThreadBuilder &b, ValueRange args) {
        forUnit(b, units, [&](Value unit) {
          AppendRow to(b, kv, args);
          Value angles =
              anglesOf(b, args[8], to.position, turns.frequencies);
          Value ownKeys = b.i32(ofQueries);
          Value ownValues = b.i32(ofQueries + ofKeys);
          b.when(b.less(unit, ownKeys), [&] {
            Value head = b.mul(b.div(unit, turns.units()), dim);
            auto headOf = [&](Value buffer) {
              return b.at(rowOf(b, buffer, to.row, features), b.getF32Type(),
                          head);
            };
            turns.turn(b, b.rem(unit, turns.units()), angles, headOf(args[5]),
                       headOf(args[9]));
          });
          b.when(b.both(b.lessOrEqual(ownKeys, unit), b.less(unit, ownValues)),
                 [&] {
                   Value own = b.sub(unit, ownKeys);
                   Value head = b.div(own, turns.units());
                   turns.turn(b, b.rem(own, turns.units()), angles,
                              to.features(args[6], head), to.at(0, head));
                 });
          b.when(b.lessOrEqual(ownValues, unit),
                 [&] { to.copy(b.sub(unit, ownValues), 1, args[7]); });
        });
      });
}
