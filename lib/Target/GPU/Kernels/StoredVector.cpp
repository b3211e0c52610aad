//===- StoredVector.cpp - few quantised rows times stored matrices --------===//
//
// Each weight is read once and as fast as the memory can: a lane takes 4 rows of
// a tile, so that it loads 16 bytes at once, through one step of 64 columns; a
// warp 8 steps. The first codes are on their way while tables are filled, the next
// ones while sums are finished; else warps hide each other's waiting. Products
// are integers, summed in any order; then threads go through the groups of one
// output each, in order.
//
// Loads of codes and of rows are plain ones on purpose: what LLVM knows to be
// constant it moves to where it is used, or out of loops into registers.
//===----------------------------------------------------------------------===//
#include "Stored.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// Rows of a tile that a lane takes, and steps that a warp takes.
static constexpr int64_t rowsOfLane = 4, stepsOfWarp = 8;
static constexpr int64_t lanesOfStep = tileRows / rowsOfLane;
/// Most shared memory for sums of groups.
static constexpr int64_t mostSumBytes = 64 * 1024;

static int64_t getSumBytes(const StoredShape &shape, const VectorPlan &plan) {
  if (!shape.isGrouped())
    return 2 * plan.warps * plan.rows * tileRows * 4;
  return plan.tilesOfBlock() * tileRows * 4 *
         (shape.units() * plan.rows + shape.groups());
}

VectorPlan VectorPlan::get(const StoredShape &shape, int64_t rows,
                           int64_t copies) {
  int64_t chunks = llvm::divideCeil(shape.steps(), stepsOfWarp);
  auto planFor = [&](int64_t warps, int64_t rows) {
    VectorPlan plan{rows, warps, 1, chunks};
    // As many warps for a tile as have something to do.
    for (int64_t of = 2; of <= warps; of *= 2) {
      int64_t turns = llvm::divideCeil(chunks, of);
      if (of * turns * 8 <= chunks * 10) {
        plan.warpsOfTile = of;
        plan.turns = turns;
      }
    }
    return plan;
  };
  // Small matrices in small blocks, so that every processor has some; and at
  // least two blocks at once, of which one works while the other waits.
  constexpr int64_t manyBlocks = 264;
  VectorPlan plan = planFor(8, rows);
  if (plan.warpsAtOnce(shape) < 2 * plan.warps ||
      shape.tiles() * copies < manyBlocks * plan.tilesOfBlock())
    plan = planFor(4, rows);
  while (plan.rows > 0 && getSumBytes(shape, plan) > mostSumBytes)
    plan.rows /= 2;
  return plan;
}

namespace {

class VectorKernel : StoredThread {
public:
  VectorKernel(Launcher &l, ThreadBuilder &b, const StoredShape &shape,
               const VectorPlan &plan, ValueRange arguments)
      : StoredThread(l, b, shape, arguments), plan(plan),
        decoder(l, b, shape.code) {}

  void run() {
    bytesOfSums = b.shared(getSumBytes(shape, plan));
    sets = b.i32(llvm::divideCeil(shape.tiles(), plan.tilesOfBlock()));
    stepOfLane = b.div(b.lane(), lanesOfStep);
    rowsPlace = b.rem(b.lane(), lanesOfStep);
    tileOfWarp = b.div(b.warp(), plan.warpsOfTile);
    partOfWarp = b.rem(b.warp(), plan.warpsOfTile);
    if (!shape.ofExperts) {
      firstRow = b.mul(b.blockY(), plan.rows);
      lastRow = b.min(b.add(firstRow, plan.rows), args.count);
      setRows();
      Codes first = loadFirst();
      allSets(first, b.i1(false), b.i32(0));
      return;
    }
    forExpert([&](Value begin, Value end) {
      SmallVector<Value> carried = loadFirst();
      carried.push_back(b.i32(0));
      b.loop(begin, end, b.i32(plan.rows), carried,
             [&](Value row, ValueRange carried) {
               firstRow = row;
               Value next = b.add(row, plan.rows);
               lastRow = b.min(next, end);
               setRows();
               return allSets(carried.drop_back(), b.less(next, end),
                              carried.back());
             });
    });
  }

private:
  /// What a lane has loaded: the vectors of a step and, of a trellis, the one
  /// before, each of the words of 4 rows.
  using Codes = SmallVector<Value>;
  using Sums = SmallVector<Value>; ///< [row of the lane][row of the input]

  // Which rows: [firstRow, lastRow), at most plan.rows of them.
  Value rowAt(int64_t i) {
    return b.min(b.add(firstRow, i), b.add(lastRow, -1));
  }
  void setRows() {
    levels.clear();
    for (int64_t i = 0; i < plan.rows; ++i) {
      Value bytes = b.mul(b.wide(inputRow(rowAt(i))),
                          shape.steps() * CodeAttr::stepColumns);
      levels.push_back(b.at(args.levels, b.getI8Type(), bytes));
    }
  }

  // Loads.
  VectorType fourWords() { return b.vectorOf(b.getI32Type(), rowsOfLane); }
  Value zeroWords() {
    return arith::ConstantOp::create(b, b.getZeroAttr(fourWords()));
  }
  Value stepAt(Value turn) {
    Value chunk = b.add(partOfWarp, b.mul(turn, plan.warpsOfTile));
    return b.add(b.mul(chunk, stepsOfWarp), stepOfLane);
  }
  int64_t vectors() { return shape.stepBytes() / vectorBytes; }
  int64_t codeCount() { return vectors() + shape.code.isTrellis(); }

  Codes loadFirst() {
    Codes first = loadCodes(b.blockX(), b.i32(0));
    // The tables are filled while the first codes come.
    if (decoder.fillTables())
      b.barrier();
    return first;
  }

  Value tileAt(Value set, Value tileOfBlock) {
    return b.add(b.mul(set, plan.tilesOfBlock()), tileOfBlock);
  }

  Codes loadCodes(Value set, Value turn) {
    Value tile = b.min(tileAt(set, tileOfWarp), b.i32(shape.tiles() - 1));
    Value step = b.min(stepAt(turn), b.i32(shape.steps() - 1));
    Value base = b.at(placeOf(tile).codes, b.getI8Type(),
                      b.mul(b.wide(step), shape.stepBytes()));
    base = b.at(base, fourWords(), rowsPlace);
    int64_t alignment = std::min<int64_t>(16, shape.alignment);
    auto load = [&](Value index) {
      return b.load(fourWords(), base, index, alignment);
    };
    constexpr int64_t words = vectorBytes / 4;
    Codes codes;
    for (int64_t i = 0; i < vectors(); ++i)
      codes.push_back(load(b.i64(i * words)));
    if (shape.code.isTrellis()) {
      Value isFirst = b.equal(step, b.i32(0));
      Value before = load(b.select(isFirst, b.i64(0), b.i64(-words)));
      codes.push_back(b.select(isFirst, zeroWords(), before));
    }
    return codes;
  }

  /// The codes for a turn if there is one.
  Codes loadNext(Value isNext, Value set, Value turn) {
    SmallVector<Type> types(codeCount(), fourWords());
    return b.choose(
        isNext, types, [&] { return loadCodes(set, turn); },
        [&] { return Codes(codeCount(), zeroWords()); });
  }

  // Products.

  /// The levels of a quad of a lane's row.
  class StepWords {
  public:
    StepWords(VectorKernel &kernel, ValueRange codes)
        : k(kernel), codes(codes) {}
    Value quad(int64_t quad, int64_t row) {
      return k.shape.isPairs() ? pairs(quad, row) : planes(quad, row);
    }

  private:
    Value word(int64_t vector, int64_t row) {
      return k.b.extract(codes[vector], row);
    }
    Value planes(int64_t quad, int64_t row) {
      SmallVector<Value> words;
      SmallVector<int64_t> from;
      for (const Plane &plane : getPlanes(k.shape.code)) {
        int64_t count = plane.quadsOfVector();
        words.push_back(word(plane.vector + quad / count, row));
        from.push_back(quad % count * plane.bits);
      }
      return k.decoder.quadOfPlanes(words, from);
    }
    Value pairs(int64_t quad, int64_t row) {
      int64_t end = 7 * (quad + 1), last = (end - 1) / 16;
      auto &[even, odd] = streams[{last, row}];
      if (!even) {
        Value newer = word(last, row), older;
        if (last > 0)
          older = word(last - 1, row);
        else
          older = k.shape.code.isTrellis() ? word(k.vectors(), row) : newer;
        even = k.decoder.joinLow(older, newer);
        odd = k.decoder.joinHigh(older, newer);
      }
      return k.decoder.quadOfPairs(even, odd, end - 16 * last);
    }

    VectorKernel &k;
    ValueRange codes;
    std::map<std::pair<int64_t, int64_t>, std::pair<Value, Value>> streams;
  };

  Sums noSums() { return Sums(rowsOfLane * plan.rows, b.i32(0)); }

  /// Adds the products of one step; `finish` gets the sums of each unit.
  Sums addStep(ValueRange codes, Value step, Sums sums,
               function_ref<Sums(int64_t unit, Sums)> finish) {
    StepWords words(*this, codes);
    constexpr int64_t quadsOfLoad = 4;
    for (int64_t quad = 0; quad < quadsOfStep; quad += quadsOfLoad) {
      SmallVector<Value> inputs;
      Value index = b.add(b.mul(step, quadsOfStep), quad);
      for (Value row : levels)
        inputs.push_back(b.load(fourWords(), row, index));
      for (int64_t i = 0; i < quadsOfLoad; ++i)
        for (int64_t row = 0; row < rowsOfLane; ++row) {
          Value weights = words.quad(quad + i, row);
          for (int64_t m = 0; m < plan.rows; ++m) {
            Value &sum = sums[row * plan.rows + m];
            sum = b.dot4(weights, b.extract(inputs[m], i), sum,
                         /*aSigned=*/false, /*bSigned=*/true);
          }
        }
      int64_t quads = quadsOfStep / shape.unitsOfStep();
      if ((quad + quadsOfLoad) % quads == 0)
        sums = finish(quad / quads, sums);
    }
    return sums;
  }

  /// One turn: products of the lane's step, if the row of codes is that long.
  Sums addTurn(ValueRange codes, Value turn, Sums sums) {
    Value step = stepAt(turn);
    bool isWhole = plan.turns * plan.warpsOfTile * stepsOfWarp == shape.steps();
    if (!shape.isGrouped()) {
      auto add = [&] {
        return addStep(codes, step, sums,
                       [](int64_t, Sums sums) { return sums; });
      };
      if (isWhole)
        return add();
      return b.choose(b.less(step, b.i32(shape.steps())),
                      ValueRange(sums).getTypes(), add, [&] { return sums; });
    }
    auto add = [&] {
      addStep(codes, step, noSums(), [&](int64_t unit, Sums sums) {
        storeUnit(b.add(b.mul(step, shape.unitsOfStep()), unit), sums);
        return noSums();
      });
    };
    if (isWhole)
      add();
    else
      b.when(b.less(step, b.i32(shape.steps())), add);
    return {};
  }

  /// All sets of tiles of this block, with these rows; returns the codes of the
  /// first once more if `isMore`, and which half of the shared memory is free.
  SmallVector<Value> allSets(ValueRange first, Value isMore,
                             Value firstHalf) {
    SmallVector<Value> carried(first);
    carried.push_back(firstHalf);
    return b.loop(
        b.blockX(), sets, b.blocksX(), carried,
        [&](Value set, ValueRange carried) {
          Value nextSet = b.add(set, b.blocksX());
          Value isNext = b.less(nextSet, sets);
          Value goesOn = b.either(isNext, isMore);
          nextSet = b.select(isNext, nextSet, b.blockX());
          half = carried.back();
          SmallVector<Value> codes =
              oneSet(set, carried.drop_back(), nextSet, goesOn);
          codes.push_back(b.bitXor(half, b.i32(1)));
          return codes;
        });
  }

  Codes oneSet(Value set, ValueRange codes, Value nextSet, Value goesOn) {
    Sums sums = shape.isGrouped() ? Sums() : noSums();
    Codes next;
    if (plan.turns == 1) {
      sums = addTurn(codes, b.i32(0), sums);
      next = loadNext(goesOn, nextSet, b.i32(0));
    } else {
      SmallVector<Value> carried(codes);
      llvm::append_range(carried, sums);
      carried = b.loop(
          b.i32(0), b.i32(plan.turns), b.i32(1), carried,
          [&](Value turn, ValueRange carried) {
            Sums sums(carried.drop_front(codeCount()));
            sums = addTurn(carried.take_front(codeCount()), turn, sums);
            Value after = b.add(turn, 1);
            Value stays = b.less(after, b.i32(plan.turns));
            SmallVector<Value> all =
                loadNext(b.either(stays, goesOn), b.select(stays, set, nextSet),
                         b.select(stays, after, b.i32(0)));
            llvm::append_range(all, sums);
            return all;
          });
      next.assign(carried.begin(), carried.begin() + codeCount());
      sums.assign(carried.begin() + codeCount(), carried.end());
    }
    if (shape.isGrouped())
      finishGroups(set);
    else
      finishRows(set, sums);
    return next;
  }

  // Outputs. An item is a row of a tile and a row of the input.

  int64_t itemCount() { return plan.tilesOfBlock() * plan.rows * tileRows; }
  struct Item {
    Value row, input, rest;
  };
  Item splitItem(Value item) {
    Value above = b.div(item, tileRows);
    return {b.rem(item, tileRows), b.rem(above, plan.rows),
            b.div(above, plan.rows)};
  }
  Value itemOf(int64_t turn) {
    return b.add(b.threadId(), turn * b.threadCount());
  }
  int64_t itemTurns() {
    return llvm::divideCeil(itemCount(), b.threadCount());
  }
  /// Whether an item's tile and row of the input are there.
  Value isThere(Value set, Value number, const Item &item) {
    Value there = b.both(b.less(tileAt(set, item.rest), b.i32(shape.tiles())),
                         b.less(b.add(firstRow, item.input), lastRow));
    return itemCount() % b.threadCount() == 0
               ? there
               : b.both(there, b.less(number, b.i32(itemCount())));
  }

  /// What an output needs of memory that may be far away. Scales belong to
  /// groups but the row's, which is the last.
  struct Factors {
    Value scale, correction, rowScale;
  };
  Factors loadFactors(Value set, int64_t turn) {
    Value number = itemOf(turn);
    Item item = splitItem(number);
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    bool hasGroups = shape.isGrouped();
    auto load = [&]() -> SmallVector<Value> {
      Value input = inputRow(b.add(firstRow, item.input)), zero = b.i32(0);
      Value rowScale = b.load(f32, args.scales, input);
      if (hasGroups)
        return {b.f32(0), zero, rowScale};
      TilePlace place = placeOf(tileAt(set, item.rest));
      Value correction = zero;
      if (Value offset = loadZero(place, zero, item.row))
        correction = b.mul(offset, loadSum(input, zero, 0));
      return {loadScale(place, zero, item.row), correction, rowScale};
    };
    SmallVector<Value> values =
        b.choose(isThere(set, number, item), {f32, i32, f32}, load,
                 [&]() -> SmallVector<Value> {
                   return {b.f32(0), b.i32(0), b.f32(0)};
                 });
    return {values[0], values[1], values[2]};
  }
  SmallVector<Factors> loadAllFactors(Value set) {
    SmallVector<Factors> factors;
    for (int64_t turn = 0; turn < itemTurns(); ++turn)
      factors.push_back(loadFactors(set, turn));
    return factors;
  }

  /// Stores the outputs that are items of this thread.
  void storeOutputs(Value set, ArrayRef<Factors> factors,
                    function_ref<Value(const Item &, const Factors &)> sumOf) {
    for (auto [turn, own] : llvm::enumerate(factors)) {
      Value number = itemOf(turn);
      Item item = splitItem(number);
      const Factors &values = own;
      b.when(isThere(set, number, item), [&] {
        TilePlace place = placeOf(tileAt(set, item.rest));
        Value output = b.add(b.mul(place.tile, tileRows), item.row);
        b.when(b.less(output, place.outputs), [&] {
          storeResult(sumOf(item, values), place, item.row, values.rowScale,
                      b.add(firstRow, item.input));
        });
      });
    }
  }

  Value fourOf(const Sums &sums, int64_t m) {
    Value four = LLVM::PoisonOp::create(b, fourWords());
    for (int64_t row = 0; row < rowsOfLane; ++row)
      four = b.insert(sums[row * plan.rows + m], four, row);
    return four;
  }

  /// One scale for whole rows: sums of lanes, then of warps.
  void finishRows(Value set, Sums sums) {
    for (Value &sum : sums)
      for (int64_t mask = lanesOfStep; mask < kWarp; mask *= 2)
        sum = b.add(sum, b.shuffleXor(sum, mask));
    int64_t perWarp = plan.rows * tileRows;
    // Warps may be one set ahead of others, but not two.
    Value base = b.at(bytesOfSums, b.getI32Type(),
                      b.mul(half, plan.warps * perWarp));
    b.when(b.less(b.lane(), b.i32(lanesOfStep)), [&] {
      for (int64_t m = 0; m < plan.rows; ++m)
        b.store(fourOf(sums, m), base,
                b.add(b.add(b.mul(b.warp(), perWarp), m * tileRows),
                      b.mul(b.lane(), rowsOfLane)));
    });
    SmallVector<Factors> factors = loadAllFactors(set);
    b.barrier();
    storeOutputs(set, factors, [&](const Item &item, const Factors &values) {
      Value index = b.add(b.mul(item.rest, plan.warpsOfTile * perWarp),
                          b.add(b.mul(item.input, tileRows), item.row));
      Value products;
      for (int64_t i = 0; i < plan.warpsOfTile; ++i) {
        Value part = b.load(b.getI32Type(), base, b.add(index, i * perWarp));
        products = products ? b.add(products, part) : part;
      }
      Value rounded = b.toFloat(b.sub(products, values.correction));
      return b.fma(values.scale, rounded, b.f32(0));
    });
  }

  // Groups: the sums of each unit go to shared memory, [tile][unit][input][row];
  // behind them are scales, [tile][group][row].

  Value unitIndex(Value tile, Value unit, Value input) {
    Value index = b.add(b.mul(tile, shape.units()), unit);
    return b.mul(b.add(b.mul(index, plan.rows), input), tileRows);
  }
  Value scalesOfGroups() {
    return b.at(bytesOfSums, b.getI32Type(),
                plan.tilesOfBlock() * shape.units() * plan.rows * tileRows);
  }

  void storeUnit(Value unit, const Sums &sums) {
    for (int64_t m = 0; m < plan.rows; ++m)
      b.store(fourOf(sums, m), bytesOfSums,
              b.add(unitIndex(tileOfWarp, unit, b.i32(m)),
                    b.mul(rowsPlace, rowsOfLane)));
  }

  void finishGroups(Value set) {
    b.barrier();
    b.loop(b.threadId(), b.i32(itemCount() * shape.groups()),
           b.i32(b.threadCount()), [&](Value number) {
             Item item = splitItem(number);
             roundGroup(set, b.div(item.rest, shape.groups()),
                        b.rem(item.rest, shape.groups()), item);
           });
    SmallVector<Factors> factors = loadAllFactors(set);
    b.barrier();
    storeOutputs(set, factors, [&](const Item &item, const Factors &) {
      return addGroups(item.rest, item);
    });
    b.barrier();
  }

  /// Puts the rounded sum of a group where its first unit was.
  void roundGroup(Value set, Value tileOfBlock, Value group, const Item &item) {
    Value tile = b.min(tileAt(set, tileOfBlock), b.i32(shape.tiles() - 1));
    TilePlace place = placeOf(tile);
    Value unit = b.mul(group, shape.unitsOfGroup());
    Value row = b.min(b.add(firstRow, item.input), b.add(lastRow, -1));
    Value zero = loadZero(place, group, item.row), input = inputRow(row);
    auto products = [&](Value unit) {
      return b.load(b.getI32Type(), bytesOfSums,
                    b.add(unitIndex(tileOfBlock, unit, item.input), item.row));
    };
    Value end = b.min(b.add(unit, shape.unitsOfGroup()), b.i32(shape.units()));
    SmallVector<Value> sums = {products(unit), b.i32(0)};
    if (zero)
      sums[1] = loadSum(input, unit, 1);
    if (shape.unitsOfGroup() > 1)
      sums = b.loop(b.add(unit, 1), end, b.i32(1), sums,
                    [&](Value unit, ValueRange before) -> SmallVector<Value> {
                      Value levels = before[1];
                      if (zero)
                        levels = b.add(levels, loadSum(input, unit, 1));
                      return {b.add(before[0], products(unit)), levels};
                    });
    Value rounded = round(sums[0], zero, sums[1]);
    b.store(rounded, bytesOfSums,
            b.add(unitIndex(tileOfBlock, unit, item.input), item.row));
    b.when(b.equal(item.input, b.i32(0)), [&] {
      Value index = b.add(b.mul(tileOfBlock, shape.groups()), group);
      b.store(loadScale(place, group, item.row), scalesOfGroups(),
              b.add(b.mul(index, tileRows), item.row));
    });
  }

  /// fma over the groups, in order.
  Value addGroups(Value tileOfBlock, const Item &item) {
    Type f32 = b.getF32Type();
    Value sums = b.at(bytesOfSums, f32,
                      b.add(unitIndex(tileOfBlock, b.i32(0), item.input),
                            item.row));
    Value scales = b.at(scalesOfGroups(), f32,
                        b.add(b.mul(tileOfBlock, shape.groups() * tileRows),
                              item.row));
    int64_t stride = shape.unitsOfGroup() * plan.rows * tileRows;
    auto add = [&](Value first, int64_t count, Value sum) {
      for (int64_t i = 0; i < count; ++i) {
        Value group = b.add(first, i);
        Value rounded = b.load(f32, sums, b.mul(group, stride));
        sum = b.fma(b.load(f32, scales, b.mul(group, tileRows)), rounded, sum);
      }
      return sum;
    };
    constexpr int64_t together = 8;
    int64_t rest = shape.groups() % together, whole = shape.groups() - rest;
    Value sum = b.f32(0);
    if (whole)
      sum = b.loop(b.i32(0), b.i32(whole), b.i32(together), {sum},
                   [&](Value group, ValueRange carried) -> SmallVector<Value> {
                     return {add(group, together, carried.front())};
                   })
                .front();
    return add(b.i32(whole), rest, sum);
  }

  const VectorPlan &plan;
  StoredDecoder decoder;
  Value bytesOfSums, sets, stepOfLane, rowsPlace, tileOfWarp, partOfWarp;
  Value firstRow, lastRow, half;
  SmallVector<Value> levels; ///< of each row
};

} // namespace

void moe::cuda::emitVectorKernel(Launcher &l, ThreadBuilder &b,
                                 const StoredShape &shape,
                                 const VectorPlan &plan, ValueRange arguments) {
  if (shape.isPairs() || plan.rows > 1)
    leaveRegisters(b, plan.warpsAtOnce(shape) / plan.warps);
  VectorKernel(l, b, shape, plan, arguments).run();
}
