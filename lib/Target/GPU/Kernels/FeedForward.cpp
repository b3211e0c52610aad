//===- FeedForward.cpp - around the matrices of gated networks ------------===//
#include "RowLevels.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;
using host::KernelBuilder;

static Value activated(ThreadBuilder &t, Activation activation, Value x) {
  switch (activation) {
  case Activation::Silu:
    return t.fmul(x, t.sigmoid(x));
  case Activation::GeluTanh: {
    // 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3).
    Value cube = t.fmul(t.fmul(x, x), x);
    Value u = t.fmul(t.fma(cube, t.like(x, 0.044715), x),
                     t.like(x, 2 * 0.7978845608028654));
    return t.fmul(x, t.sigmoid(u));
  }
  case Activation::Relu:
    return t.fmax(x, t.like(x, 0.0));
  case Activation::Identity:
    return x;
  }
  llvm_unreachable("covered switch");
}

//===----------------------------------------------------------------------===//
// Rows of a wave
//===----------------------------------------------------------------------===//

namespace {

/// Blocks for rows, each in `pieces`: for all of them, or for the assignments
/// of the experts of a wave. Nobody knows on the host how many these have, so
/// some blocks share them, and maybe have none.
class RowBlocks {
public:
  RowBlocks(Launcher &l, int64_t pieces, Value count,
            const Assignments *assignments)
      : pieces(pieces), isWave(assignments != nullptr) {
    KernelBuilder &b = l.host();
    if (!isWave) {
      grid.x = b.mul(count, pieces);
      return;
    }
    Value most = b.mul(assignments->rows, assignments->chosen);
    grid.x = b.mul(b.min(assignments->rows, b.index(kShares)), pieces);
    grid.y = b.min(most, b.index(assignments->experts));
    arguments = {assignments->first, assignments->ready,
                 assignments->readyCount};
  }

  Grid grid;
  /// What the kernel gets last.
  SmallVector<Value> arguments;

  /// In the kernel: runs `body` for each row of this block.
  void forRows(ThreadBuilder &t, ValueRange args,
               function_ref<void(Value row, Value piece)> body) const {
    Value piece = t.rem(t.blockX(), pieces);
    Value share = t.div(t.blockX(), pieces);
    if (!isWave)
      return body(share, piece);
    args = args.take_back(3);
    Type i32 = t.getI32Type();
    Value isThere = t.less(t.blockY(), t.load(i32, args[2], int64_t(0)));
    t.when(isThere, [&] {
      Value expert = t.load(i32, args[1], t.blockY());
      Value begin = t.load(i32, args[0], expert);
      Value end = t.load(i32, args[0], t.add(expert, 1));
      Value shares = t.div(t.blocksX(), pieces);
      t.loop(t.add(begin, share), end, shares,
             [&](Value row) { body(row, piece); });
    });
  }

private:
  /// Most blocks that share the rows of one expert.
  static constexpr int64_t kShares = 16;

  int64_t pieces;
  bool isWave;
};

} // namespace

static std::string nameOf(Activation activation, const Assignments *wave) {
  std::string name = "activate_" + stringifyActivation(activation).str();
  return wave ? name + "_wave" : name;
}

void moe::cuda::launchActivate(Launcher &l, Activation activation, Value gated,
                               Value upped, Value count,
                               const Assignments *assignments) {
  int64_t columns = columnsOf(gated), pack = getPack(columns);
  int64_t packs = columns / pack, threads = getRowThreads(packs);
  RowBlocks blocks(l, llvm::divideCeil(packs, threads), count, assignments);
  SmallVector<Value> args = {gated, upped};
  args.append(blocks.arguments);
  l.launch(nameOf(activation, assignments), blocks.grid, threads, args,
           [&](ThreadBuilder &t, ValueRange args) {
             blocks.forRows(t, args, [&](Value row, Value piece) {
               Value number = t.add(t.mul(piece, threads), t.threadId());
               t.when(t.less(number, t.i32(packs)), [&] {
                 Value at = t.add(rowStart(t, row, columns),
                                  t.wide(t.mul(number, pack)));
                 Type type = packOf(t, t.getF32Type(), pack);
                 Value g = t.load(type, args[0], at);
                 Value u = t.load(type, args[1], at);
                 t.store(t.fmul(activated(t, activation, g), u), args[0], at);
               });
             });
           });
}

void moe::cuda::launchActivateQuantize(Launcher &l, Activation activation,
                                       Value gated, Value upped, Value count,
                                       const Assignments *assignments,
                                       int64_t rotation,
                                       const QuantizedRows &rows) {
  int64_t columns = columnsOf(gated);
  RowBlocks blocks(l, /*pieces=*/1, count, assignments);
  SmallVector<Value> args = {gated, upped, rows.levels, rows.scales, rows.sums};
  args.append(blocks.arguments);
  std::string name =
      nameOf(activation, assignments) + "_levels_" + std::to_string(rotation);
  l.launch(name, blocks.grid, getLevelThreads(columns), args,
           [&](ThreadBuilder &t, ValueRange args) {
             Value scratch = t.shared(getLevelFloats(columns) * sizeof(float));
             Rotation rotator(l, t, rotation);
             blocks.forRows(t, args, [&](Value row, Value) {
               Value first = rowStart(t, row, columns);
               RowSource gate{args[0], first}, up{args[1], first};
               emitLevels(t, rotator, columns, {args[2], args[3], args[4]}, row,
                          scratch, [&](Value column, int64_t pack) {
                            Value g = gate.load(t, column, pack);
                            Value u = up.load(t, column, pack);
                            return t.fmul(activated(t, activation, g), u);
                          });
               if (assignments)
                 t.barrier(); // the next row takes the same memory
             });
           });
}

//===----------------------------------------------------------------------===//
// Shared experts
//===----------------------------------------------------------------------===//

void moe::cuda::launchShare(Launcher &l, Value input, Value gate, Value share) {
  int64_t columns = columnsOf(input), pack = getPack(columns);
  Type element = elementOf(gate);
  bool fits = 2 * columns <= kRowCapacity;
  auto emit = [&](ThreadBuilder &t, ValueRange args) {
    Value row = t.blockX(), first = rowStart(t, row, columns);
    Value x, w;
    if (fits) {
      x = t.shared(columns * sizeof(float));
      w = t.shared(columns * sizeof(float));
      forPacks(t, columns, pack, [&](Value column) {
        Type f32 = packOf(t, t.getF32Type(), pack);
        Value at = t.add(first, t.wide(column));
        t.store(t.load(f32, args[0], at), x, column);
        Type type = packOf(t, element, pack);
        t.store(t.widen(t.loadConstant(type, args[1], column)), w, column);
      });
      t.barrier();
    }
    t.when(t.less(t.threadId(), t.i32(kWarp)), [&] {
      Type f32 = t.getF32Type();
      Value dot = sumInOrder(
          t, columns,
          [&](Value column) -> SmallVector<Value> {
            if (fits)
              return {t.load(f32, x, column), t.load(f32, w, column)};
            return {t.load(f32, args[0], t.add(first, t.wide(column))),
                    t.widen(t.loadConstant(element, args[1], column))};
          },
          [&](Value sum, ValueRange xw) { return t.fma(xw[0], xw[1], sum); });
      t.when(t.equal(t.threadId(), t.i32(0)),
             [&] { t.store(t.sigmoid(dot), args[2], row); });
    });
  };
  l.launch("share", {l.host().rowsOf(input), {}}, getRowThreads(columns / pack),
           {input, gate, share}, emit);
}

void moe::cuda::launchScaleRows(Launcher &l, Value share, Value result) {
  int64_t columns = columnsOf(result);
  launchPacks(l, "scale_rows", result, {share, result},
              [&](ThreadBuilder &t, ValueRange args, Value row, Value column,
                  int64_t pack) {
                Value at = t.add(rowStart(t, row, columns), t.wide(column));
                Value factor = t.load(t.getF32Type(), args[0], row);
                Value y = t.load(packOf(t, t.getF32Type(), pack), args[1], at);
                t.store(t.fmul(y, splat(t, factor, pack)), args[1], at);
              });
}

//===----------------------------------------------------------------------===//
// The parts of a row
//===----------------------------------------------------------------------===//

Value moe::cuda::combine(ThreadBuilder &t, const Combination &from,
                         int64_t chosen, Value row, Value column,
                         int64_t columns, int64_t pack) {
  Value first = rowStart(t, row, chosen);
  Type type = packOf(t, t.getF32Type(), pack);
  auto add = [&](Value sum, Value j) {
    Value assignment = t.load(t.getI32Type(), from.ofRow, j);
    Value w = t.load(t.getF32Type(), from.weights, j);
    Value at = t.add(rowStart(t, assignment, columns), t.wide(column));
    return t.fma(splat(t, w, pack), t.load(type, from.parts, at), sum);
  };
  Value sum = splat(t, t.f32(0), pack);
  if (chosen <= 16) {
    for (int64_t j = 0; j < chosen; ++j)
      sum = add(sum, t.add(first, j));
    return sum;
  }
  return t
      .loop(t.i32(0), t.i32(chosen), t.i32(1), sum,
            [&](Value j, ValueRange carried) -> SmallVector<Value> {
              return {add(carried.front(), t.add(first, t.wide(j)))};
            })
      .front();
}

void moe::cuda::launchCombine(Launcher &l, Value ofRow, Value weights,
                              Value parts, Value result) {
  int64_t columns = columnsOf(result), chosen = columnsOf(ofRow);
  launchPacks(l, "combine", result, {ofRow, weights, parts, result},
              [&](ThreadBuilder &t, ValueRange args, Value row, Value column,
                  int64_t pack) {
                Value sum = combine(t, {args[0], args[1], args[2]}, chosen, row,
                                    column, columns, pack);
                t.store(sum, args[3],
                        t.add(rowStart(t, row, columns), t.wide(column)));
              });
}
