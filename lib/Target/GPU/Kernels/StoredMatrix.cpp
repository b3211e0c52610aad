//===- StoredMatrix.cpp - many quantised rows times stored matrices -------===//
//
// A warp decodes tiles of its own, each weight once for all rows of the block,
// straight into operands of the tensor cores: which lane gets which columns
// is free as long as both operands agree, so a lane takes neighbouring quads of
// one row, that is a run of bits of a code, and 16 bytes of a row of the input.
// These rows come through shared memory, some steps ahead.
//===----------------------------------------------------------------------===//
#include "Stored.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// Rows and outputs of one product, and rows of the halves that a lane has of
/// each.
static constexpr int64_t rowsOfProduct = 16, halfRows = 8;
/// Bytes of a row in one step, and what one copy moves.
static constexpr int64_t stepLevels = CodeAttr::stepColumns, copyBytes = 16;
/// Steps that rows of the input are ahead, and the room for them.
static constexpr int64_t stages = 4;

MatrixPlan MatrixPlan::get(const StoredShape &shape) {
  // Sums of groups take as many registers again.
  bool isGrouped = shape.isGrouped();
  return {isGrouped || shape.ofExperts ? 64 : 128, /*warps=*/4,
          /*tilesOfWarp=*/isGrouped ? 1 : 2};
}

namespace {

/// Quads `base` + `count` * lane mod 4, and `count` in all.
struct Run {
  int64_t base, count;
};

class MatrixKernel : StoredThread {
public:
  MatrixKernel(Launcher &l, ThreadBuilder &b, const StoredShape &shape,
               const MatrixPlan &plan, ValueRange arguments)
      : StoredThread(l, b, shape, arguments), plan(plan),
        decoder(l, b, shape.code) {}

  void run() {
    stageRows = b.shared(stages * stageBytes());
    if (isSummed())
      groupSums = b.shared(2 * shape.unitsOfStep() * plan.rows * 4);
    group = b.div(b.lane(), 4);
    place = b.rem(b.lane(), 4);
    decoder.fillTables();
    auto rowsFrom = [&](Value first, Value last) {
      firstRow = first;
      lastRow = last;
      product();
    };
    if (!shape.ofExperts) {
      setTiles();
      rowsFrom(b.mul(b.blockY(), plan.rows), args.count);
      return;
    }
    forExpert([&](Value begin, Value end) {
      setTiles();
      b.loop(begin, end, b.i32(plan.rows), [&](Value first) {
        rowsFrom(first, end);
        b.barrier(); // before others are copied to the same place
      });
    });
  }

private:
  using Words = SmallVector<Value>;

  // What there is.
  int64_t stageBytes() { return plan.rows * stepLevels; }
  int64_t products() { return plan.rows / rowsOfProduct; }
  int64_t halves() { return 2 * plan.tilesOfWarp; }
  int64_t sumCount() { return products() * halves() * 4; }
  bool hasZero() { return shape.code.getOffset() || shape.code.getZeros(); }
  /// Whether sums of levels come group by group.
  bool isSummed() { return shape.isGrouped() && hasZero(); }
  SmallVector<Run, 2> runs() {
    // The first product has the columns of the first half of a step.
    if (shape.hasHalves())
      return {{0, 2}, {8, 2}};
    return {{0, 4}};
  }

  void setTiles() {
    tiles.clear();
    isTile.clear();
    Value first = b.add(b.mul(b.blockX(), plan.tilesOfBlock()),
                        b.mul(b.warp(), plan.tilesOfWarp));
    for (int64_t i = 0; i < plan.tilesOfWarp; ++i) {
      Value tile = b.add(first, i), count = b.i32(shape.tiles());
      isTile.push_back(b.less(tile, count));
      tiles.push_back(placeOf(b.min(tile, b.add(count, -1))));
    }
  }

  //===--------------------------------------------------------------------===//
  // Rows of the input
  //===--------------------------------------------------------------------===//

  Value rowAt(Value row) {
    return b.min(b.add(firstRow, row), b.add(lastRow, -1));
  }

  /// Where the copies of this thread come from and, in a stage, go to.
  void setCopies() {
    sources.clear();
    targets.clear();
    constexpr int64_t parts = stepLevels / copyBytes;
    for (int64_t from = 0; from < plan.rows * parts; from += b.threadCount()) {
      Value number = b.add(b.threadId(), from);
      Value row = inputRow(rowAt(b.div(number, parts)));
      Value start = b.add(b.mul(b.wide(row), shape.steps() * stepLevels),
                          b.wide(b.mul(b.rem(number, parts), copyBytes)));
      sources.push_back(b.at(args.levels, b.getI8Type(), start));
      targets.push_back(b.mul(number, copyBytes));
    }
  }

  void copyStep(Value step) {
    Value stage = b.mul(b.bitAnd(step, stages - 1), stageBytes());
    auto copy = [&] {
      Value columns = b.mul(b.wide(step), stepLevels);
      for (auto [source, target] : llvm::zip(sources, targets))
        b.copyAsync(b.at(stageRows, b.getI8Type(), b.add(stage, target)),
                    b.at(source, b.getI8Type(), columns), copyBytes);
    };
    b.when(b.less(step, b.i32(shape.steps())), copy);
    b.commitCopies();
  }

  /// The words of a lane's quads, of rows `group` and `group` + 8 of a product:
  /// those of the one row, then of the other.
  Words loadInputs(Value stage, int64_t product, ArrayRef<Run> runs) {
    Words words;
    for (int64_t half : {0, 1}) {
      Value row = b.add(group, product * rowsOfProduct + half * halfRows);
      Value base = b.at(stage, b.getI8Type(), b.mul(row, stepLevels));
      for (Run run : runs) {
        Value index = b.add(b.mul(place, run.count), run.base);
        auto type = b.vectorOf(b.getI32Type(), run.count);
        Value some = b.load(type, base, index);
        for (int64_t i = 0; i < run.count; ++i)
          words.push_back(b.extract(some, i));
      }
    }
    return words;
  }

  //===--------------------------------------------------------------------===//
  // Codes
  //===--------------------------------------------------------------------===//

  static constexpr int64_t wordsOfVector = vectorBytes / 4;

  /// Loads word `vector` of a row's step: there may be a row before it.
  Value loadWord(const TilePlace &tile, Value step, Value vector, Value row) {
    Value first = b.mul(b.wide(step), shape.stepBytes() / 4);
    Value inside = b.add(b.mul(vector, wordsOfVector), row);
    Value index = b.add(first, b.extend(inside, b.getI64Type(), true));
    return b.loadConstant(b.getI32Type(), tile.codes, index, /*streams=*/false,
                          std::min<int64_t>(4, shape.alignment));
  }

  /// First bit of a run in the streams of its row, 16 bits before its codes'.
  Value firstBit(Run run) {
    return b.mul(b.add(b.mul(place, run.count), run.base), 7);
  }
  static int64_t wordsOfRun(Run run) { return run.count == 4 ? 4 : 3; }

  /// All words of one step that a lane needs of its rows `group` + 8 `half`.
  Words loadCodes(const TilePlace &tile, Value step, int64_t half) {
    Value row = b.add(group, half * halfRows);
    Words words;
    for (Run run : runs()) {
      if (shape.isPairs()) {
        Value word = b.add(b.shr(firstBit(run), 4), -1);
        Value zero = b.i32(0);
        Value isBefore = b.both(b.less(word, zero), b.equal(step, zero));
        for (int64_t i = 0; i < wordsOfRun(run); ++i) {
          // What is behind a step is not asked for, before the first are zeros.
          Value at = b.min(b.add(word, i), b.i32(6));
          if (i == 0)
            at = b.select(isBefore, zero, at);
          Value loaded = loadWord(tile, step, at, row);
          words.push_back(i == 0 ? b.select(isBefore, zero, loaded) : loaded);
        }
        continue;
      }
      for (const Plane &plane : getPlanes(shape.code)) {
        int64_t quads = plane.quadsOfVector();
        if (run.count >= quads) {
          int64_t each = run.count / quads;
          for (int64_t i = 0; i < each; ++i) {
            int64_t from = plane.vector + run.base / quads + i;
            words.push_back(
                loadWord(tile, step, b.add(b.mul(place, each), from), row));
          }
          continue;
        }
        int64_t lanes = quads / run.count;
        int64_t from = plane.vector + run.base / quads;
        Value word =
            loadWord(tile, step, b.add(b.div(place, lanes), from), row);
        words.push_back(word);
      }
    }
    return words;
  }
  int64_t codeCount() {
    int64_t count = 0;
    for (Run run : runs()) {
      if (shape.isPairs())
        count += wordsOfRun(run);
      else
        for (const Plane &plane : getPlanes(shape.code))
          count += std::max<int64_t>(1, run.count / plane.quadsOfVector());
    }
    return count;
  }
  Words loadAllCodes(Value step) {
    Words all;
    for (const TilePlace &tile : tiles)
      for (int64_t half : {0, 1})
        llvm::append_range(all, loadCodes(tile, step, half));
    return all;
  }

  /// The four quads of a lane's row.
  Words decode(ArrayRef<Value> words) {
    Words quads;
    for (Run run : runs()) {
      if (shape.isPairs()) {
        decodePairs(run, words.take_front(wordsOfRun(run)), quads);
        words = words.drop_front(wordsOfRun(run));
      } else {
        words = decodePlanes(run, words, quads);
      }
    }
    return quads;
  }

  void decodePairs(Run run, ArrayRef<Value> words, Words &quads) {
    Value amount = b.bitAnd(firstBit(run), 15);
    // 16 bits before the run's codes, and these: in two words for each stream.
    auto streamOf = [&](auto join) {
      Value last = words.size() > 3 ? words[3] : words[2];
      Value low = join(words[0], words[1]), high = join(words[2], last);
      Type i32 = b.getI32Type();
      Value first = LLVM::FshrOp::create(b, i32, high, low, amount);
      Value second = arith::ShRUIOp::create(b, high, amount);
      Value middle = LLVM::FshrOp::create(b, i32, second, first, b.i32(16));
      return std::pair(first, middle);
    };
    auto even =
        streamOf([&](Value x, Value y) { return decoder.joinLow(x, y); });
    auto odd =
        streamOf([&](Value x, Value y) { return decoder.joinHigh(x, y); });
    for (int64_t i = 0; i < run.count; ++i) {
      int64_t end = 7 * (i + 1);
      if (end <= 16)
        quads.push_back(decoder.quadOfPairs(even.first, odd.first, end));
      else
        quads.push_back(decoder.quadOfPairs(even.second, odd.second, end - 16));
    }
  }

  /// Returns the words behind the run's.
  ArrayRef<Value> decodePlanes(Run run, ArrayRef<Value> words, Words &quads) {
    struct PlaneWords {
      SmallVector<Value> words;
      int64_t quads, bits;
    };
    SmallVector<PlaneWords> planes;
    for (const Plane &plane : getPlanes(shape.code)) {
      int64_t count = plane.quadsOfVector();
      PlaneWords own{{}, count, plane.bits};
      int64_t each = std::max<int64_t>(1, run.count / count);
      own.words.append(words.begin(), words.begin() + each);
      words = words.drop_front(each);
      if (run.count < count) {
        // Several lanes share a word.
        Value turn = b.rem(place, count / run.count);
        own.words[0] = arith::ShRUIOp::create(
            b, own.words[0], b.mul(turn, run.count * plane.bits));
      }
      planes.push_back(own);
    }
    for (int64_t i = 0; i < run.count; ++i) {
      SmallVector<Value> parts;
      SmallVector<int64_t> from;
      for (const PlaneWords &plane : planes) {
        parts.push_back(plane.words[i / plane.quads]);
        from.push_back(i % plane.quads * plane.bits);
      }
      quads.push_back(decoder.quadOfPlanes(parts, from));
    }
    return words;
  }

  //===--------------------------------------------------------------------===//
  // The product
  //===--------------------------------------------------------------------===//

  /// Sums of a lane: [product][half of a tile][4].
  using Sums = SmallVector<Value>;
  Sums noInts() { return Sums(sumCount(), b.i32(0)); }

  MutableArrayRef<Value> sumsOf(Sums &sums, int64_t product, int64_t half) {
    return MutableArrayRef<Value>(sums).slice((product * halves() + half) * 4,
                                              4);
  }

  /// Adds the products of rows of the input and of the weights' quads from
  /// `quad` on.
  void multiply(int64_t product, ArrayRef<Value> inputs,
                ArrayRef<Words> weights, int64_t quad, Sums &sums) {
    int64_t count = inputs.size() / 2;
    for (int64_t i = 0; i < count; i += 2) {
      Value a[] = {inputs[i], inputs[i + count], inputs[i + 1],
                   inputs[i + 1 + count]};
      for (int64_t half = 0; half < halves(); ++half) {
        Value w[] = {weights[half][quad + i], weights[half][quad + i + 1]};
        MutableArrayRef<Value> own = sumsOf(sums, product, half);
        llvm::copy(b.mmaInt8(a, w, own, /*bSigned=*/false), own.begin());
      }
    }
  }

  void product() {
    setCopies();
    Value begin = b.i32(0), end = b.i32(shape.steps());
    if (isSummed())
      putGroupSums(begin, loadGroupSums(begin));
    for (int64_t i = 0; i < stages - 1; ++i)
      copyStep(b.i32(i));
    Sums state = noInts();
    if (shape.isGrouped())
      state.append(sumCount(), b.f32(0));
    llvm::append_range(state, loadAllCodes(begin));
    state = b.loop(begin, end, b.i32(1), state,
                   [&](Value step, ValueRange carried) {
                     return oneStep(step, Sums(carried));
                   });
    finish(state);
  }

  Sums oneStep(Value step, Sums state) {
    bool isGrouped = shape.isGrouped();
    Sums sums(ArrayRef<Value>(state).take_front(sumCount())), floats;
    if (isGrouped)
      floats.append(state.begin() + sumCount(), state.begin() + 2 * sumCount());
    ArrayRef<Value> codes =
        ArrayRef<Value>(state).drop_front((1 + isGrouped) * sumCount());

    b.waitCopies(stages - 2);
    b.barrier();
    copyStep(b.add(step, stages - 1));
    Value next = b.min(b.add(step, 1), b.i32(shape.steps() - 1));
    Words nextCodes = loadAllCodes(next);
    // Sums of levels come one group ahead.
    SmallVector<Value> ahead;
    Value aheadStep = b.add(step, stepsOfGroup()), end = b.i32(shape.steps());
    if (isSummed())
      ahead = loadGroupSums(b.min(aheadStep, b.add(end, -1)));

    SmallVector<Words> weights;
    for (int64_t half = 0; half < halves(); ++half)
      weights.push_back(decode(codes.slice(half * codeCount(), codeCount())));
    Value stage = b.at(stageRows, b.getI8Type(),
                       b.mul(b.bitAnd(step, stages - 1), stageBytes()));
    auto all = runs();
    int64_t each = all.size() / shape.unitsOfStep(), quad = 0;
    for (int64_t unit = 0; unit < shape.unitsOfStep(); ++unit) {
      auto own = ArrayRef<Run>(all).slice(unit * each, each);
      // Groups that end with each unit: few sums of integers live at once.
      bool ends = isGrouped && stepsOfGroup() == 1;
      GroupFactors factors;
      if (ends)
        factors = loadFactors(unitAt(step, unit));
      for (int64_t p = 0; p < products(); ++p) {
        multiply(p, loadInputs(stage, p, own), weights, quad, sums);
        if (ends)
          addGroup(p, factors, unitAt(step, unit), sumsOf(step, unit), sums,
                   floats);
      }
      quad += own.size() * own.front().count;
    }
    if (isGrouped && stepsOfGroup() > 1)
      finishGroup(step, sums, floats);
    // The last group's own stay as they are: others may still read them.
    if (isSummed())
      b.when(b.less(aheadStep, end), [&] { putGroupSums(aheadStep, ahead); });

    Sums result(sums);
    llvm::append_range(result, floats);
    llvm::append_range(result, nextCodes);
    return result;
  }

  //===--------------------------------------------------------------------===//
  // Groups
  //===--------------------------------------------------------------------===//

  int64_t stepsOfGroup() {
    return std::max<int64_t>(1, shape.unitsOfGroup() / shape.unitsOfStep());
  }
  /// The place of the sums of levels of a step's group; null without any.
  Value sumsOf(Value step, int64_t half) {
    if (!isSummed())
      return {};
    Value parity = b.bitAnd(b.div(step, stepsOfGroup()), 1);
    Value index = b.add(b.mul(parity, shape.unitsOfStep()), half);
    return b.at(groupSums, b.getI32Type(), b.mul(index, plan.rows));
  }

  /// Thread r has the sums of row r, in the group that a step is in.
  SmallVector<Value> loadGroupSums(Value step) {
    Value row = inputRow(rowAt(b.rem(b.threadId(), plan.rows)));
    if (shape.hasHalves()) {
      Value unit = b.mul(step, 2);
      return {loadSum(row, unit, 1), loadSum(row, b.add(unit, 1), 1)};
    }
    int64_t steps = stepsOfGroup();
    Value first = b.mul(b.div(step, steps), steps);
    if (steps <= 4 && shape.steps() % steps == 0)
      return {loadSum(row, first, steps)};
    Value end = b.min(b.add(first, steps), b.i32(shape.steps()));
    return b.loop(first, end, b.i32(1), {b.i32(0)},
                  [&](Value unit, ValueRange sum) -> SmallVector<Value> {
                    return {b.add(sum.front(), loadSum(row, unit, 1))};
                  });
  }
  void putGroupSums(Value step, ArrayRef<Value> sums) {
    auto put = [&] {
      for (auto [half, sum] : llvm::enumerate(sums))
        b.store(sum, sumsOf(step, half), b.threadId());
    };
    if (plan.rows < b.threadCount())
      b.when(b.less(b.threadId(), b.i32(plan.rows)), put);
    else
      put();
  }

  /// The number of a group that ends with each unit.
  Value unitAt(Value step, int64_t unit) {
    return b.add(b.mul(step, shape.unitsOfStep()), unit);
  }

  /// Adds a group of several steps to the floats if this is its last one.
  void finishGroup(Value step, Sums &sums, Sums &floats) {
    int64_t steps = stepsOfGroup();
    Sums all(sums);
    llvm::append_range(all, floats);
    auto finish = [&]() -> SmallVector<Value> {
      Value number = b.div(step, steps);
      Sums ints(sums), added(floats);
      addGroups(number, sumsOf(step, 0), ints, added);
      llvm::append_range(ints, added);
      return ints;
    };
    Value isLast =
        b.either(b.equal(b.rem(step, steps), b.i32(steps - 1)),
                 b.equal(step, b.i32(shape.steps() - 1)));
    all = b.choose(isLast, ValueRange(all).getTypes(), finish,
                   [&]() -> SmallVector<Value> { return all; });
    sums.assign(all.begin(), all.begin() + sumCount());
    floats.assign(all.begin() + sumCount(), all.end());
  }

  /// Outputs of a lane within a tile: two neighbours in each half.
  Value outputAt(int64_t half, int64_t i) {
    return b.add(b.mul(place, 2), half % 2 * halfRows + i);
  }

  /// Of the outputs of a lane, [half][2].
  struct GroupFactors {
    SmallVector<Value> scales, zeros;
  };
  GroupFactors loadFactors(Value number) {
    GroupFactors factors;
    for (int64_t half = 0; half < halves(); ++half)
      for (int64_t i : {0, 1}) {
        const TilePlace &tile = tiles[half / 2];
        factors.scales.push_back(loadScale(tile, number, outputAt(half, i)));
        factors.zeros.push_back(loadZero(tile, number, outputAt(half, i)));
      }
    return factors;
  }

  void addGroups(Value number, Value sumsOfLevels, Sums &sums, Sums &floats) {
    GroupFactors factors = loadFactors(number);
    for (int64_t p = 0; p < products(); ++p)
      addGroup(p, factors, number, sumsOfLevels, sums, floats);
  }

  /// Adds a group's sums to the floats, and makes them zeros.
  void addGroup(int64_t product, const GroupFactors &factors, Value number,
                Value sumsOfLevels, Sums &sums, Sums &floats) {
    Value levels[2];
    for (int64_t r : {0, 1}) {
      Value row = b.add(group, product * rowsOfProduct + r * halfRows);
      if (isSummed())
        levels[r] = b.load(b.getI32Type(), sumsOfLevels, row);
      else if (hasZero())
        levels[r] = loadSum(inputRow(rowAt(row)), number, 0);
    }
    for (int64_t half = 0; half < halves(); ++half)
      for (int64_t i = 0; i < 4; ++i) {
        int64_t at = (product * halves() + half) * 4 + i;
        int64_t output = 2 * half + i % 2;
        Value rounded = round(sums[at], factors.zeros[output], levels[i / 2]);
        floats[at] = b.fma(factors.scales[output], rounded, floats[at]);
        sums[at] = b.i32(0);
      }
  }

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  void finish(const Sums &state) {
    Sums ints(ArrayRef<Value>(state).take_front(sumCount()));
    Sums sums(sumCount(), b.f32(0));
    if (shape.isGrouped())
      sums.assign(state.begin() + sumCount(), state.begin() + 2 * sumCount());
    else
      addGroups(b.i32(0), Value(), ints, sums);
    for (int64_t p = 0; p < products(); ++p)
      for (int64_t r : {0, 1}) {
        Value row =
            b.add(firstRow, b.add(group, p * rowsOfProduct + r * halfRows));
        b.when(b.less(row, lastRow), [&] {
          Value scale =
              b.loadConstant(b.getF32Type(), args.scales, inputRow(row));
          for (int64_t t = 0; t < plan.tilesOfWarp; ++t)
            b.when(isTile[t], [&] { storeTile(sums, p, r, t, row, scale); });
        });
      }
  }

  void storeTile(ArrayRef<Value> sums, int64_t product, int64_t half,
                 int64_t tile, Value row, Value scale) {
    bool isWhole = llvm::all_of(shape.maps, [](const StoredMap &map) {
      return map.outputs % tileRows == 0;
    });
    for (int64_t h = 2 * tile; h < 2 * tile + 2; ++h)
      for (int64_t i : {0, 1}) {
        Value sum = sums[(product * halves() + h) * 4 + 2 * half + i];
        auto store = [&] {
          storeResult(sum, tiles[tile], outputAt(h, i), scale, row);
        };
        if (isWhole) {
          store();
          continue;
        }
        Value output =
            b.add(b.mul(tiles[tile].tile, tileRows), outputAt(h, i));
        b.when(b.less(output, tiles[tile].outputs), store);
      }
  }

  const MatrixPlan &plan;
  StoredDecoder decoder;
  Value stageRows, groupSums;
  Value group, place; ///< of the lane: row / 4 and mod 4
  Value firstRow, lastRow;
  SmallVector<TilePlace> tiles;
  SmallVector<Value> isTile;
  SmallVector<Value> sources, targets; ///< of copies
};

} // namespace

void moe::cuda::emitMatrixKernel(Launcher &l, ThreadBuilder &b,
                                 const StoredShape &shape,
                                 const MatrixPlan &plan, ValueRange arguments) {
  leaveRegisters(b, plan.tilesOfWarp > 1 ? 2 : 3);
  MatrixKernel(l, b, shape, plan, arguments).run();
}
