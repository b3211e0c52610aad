//===- StoredProduct.cpp - quantised rows times a stored matrix -----------===//
//
// Two ways, with the same integers and the same order of float operations. Few
// rows: codes are decoded in registers and meet each row at once. Many rows: a
// panel of tiles is decoded to memory, then multiplied by all rows.
//===----------------------------------------------------------------------===//
#include "StoredKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

constexpr int64_t tileRows = CodeAttr::tileRows;
constexpr int64_t stepColumns = CodeAttr::stepColumns;
constexpr int64_t quadBytes = 4 * tileRows;
constexpr int64_t quadsOfStep = stepColumns / 4;

/// Result rows that share one pass over the codes, and that share a panel.
constexpr int64_t fewRows[] = {4, 2, 1};
constexpr int64_t panelRows = 6;

/// One row of input and of the result, as pointers.
struct RowPointers {
  Value levels, sums, scale, result;
};

/// What is known of a product when its code is written.
struct Shape {
  CodeAttr code;
  int64_t outputs, columns;
  int64_t alignment; ///< of the matrix

  int64_t steps() const {
    return CodeAttr::getPaddedColumns(columns) / stepColumns;
  }
  int64_t quads() const { return steps() * quadsOfStep; }
  int64_t tileBytes() const { return steps() * code.getStepBytes(); }
  int64_t groups() const { return code.getGroups(columns); }
  bool isGrouped() const { return code.getColumns() != 0; }
  /// Quads of a whole group.
  int64_t groupQuads() const {
    return isGrouped() ? code.getColumns() / 4 : quads();
  }
  int64_t scalesOfGroup() const { return tileRows / code.getScaleRows(columns); }
};

//===----------------------------------------------------------------------===//
// What both ways share
//===----------------------------------------------------------------------===//

class ProductBuilder {
public:
  ProductBuilder(KernelBuilder &b, KernelLibrary &library, const Shape &shape)
      : b(b), simd(b, library.getSimdLevel()), shape(shape) {}

protected:
  VectorType ints() { return VectorType::get({tileRows}, b.getI32Type()); }

  Value noInts() {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(ints(), b.getI32IntegerAttr(0)));
  }

  Value loadAt(Type type, Value pointer, Value byteOffset, int64_t alignment) {
    return LLVM::LoadOp::create(b, type, b.pointerAt(pointer, byteOffset),
                                alignment);
  }

  /// The scales of 16 rows of one group.
  Value loadScales(Value tile, Value group) {
    int64_t count = shape.scalesOfGroup();
    Value index = b.add(b.mul(tile, shape.groups()), group);
    auto type = VectorType::get({count}, b.getF16Type());
    Value scales = loadAt(type, scalesPointer, b.mul(index, count * 2), 2);
    SmallVector<int64_t> row;
    for (int64_t i = 0; i < tileRows; ++i)
      row.push_back(i * count / tileRows);
    if (count < tileRows)
      scales = vector::ShuffleOp::create(b, scales, scales, row);
    return arith::ExtFOp::create(b, b.vector(tileRows), scales);
  }

  /// offset + zero of 16 rows.
  Value loadZeros(Value tile, Value group) {
    Value offset = arith::ConstantOp::create(
        b, DenseElementsAttr::get(
               ints(), b.getI32IntegerAttr(shape.code.getOffset())));
    if (!shape.code.getZeros())
      return offset;
    Value index = b.add(b.mul(tile, shape.groups()), group);
    auto type = VectorType::get({tileRows}, b.getI8Type());
    Value zeros = loadAt(type, zerosPointer, b.mul(index, tileRows),
                         std::min(tileRows, shape.alignment));
    return arith::AddIOp::create(
        b, arith::ExtUIOp::create(b, ints(), zeros), offset);
  }

  /// Sum of the levels of one row that a group's columns meet. `quads` of the
  /// group exist.
  Value loadSum(const RowPointers &row, Value group, int64_t quads) {
    Type i32 = b.getI32Type();
    int64_t all = shape.steps() * stepColumns / sumColumns;
    if (!shape.isGrouped())
      return loadAt(i32, row.sums, b.index(all * 4), 4);
    Value first = b.mul(group, shape.groupQuads() * 4 / sumColumns * 4);
    Value sum;
    for (int64_t i = 0; i < quads * 4 / sumColumns; ++i) {
      Value part = loadAt(i32, row.sums, b.add(first, i * 4), 4);
      sum = sum ? arith::AddIOp::create(b, sum, part) : part;
    }
    return sum;
  }

  /// sum + scales * (products - zeros * sum of levels), of one group.
  Value addGroup(Value sum, Value products, Value scales, Value zeros,
                 Value sumOfLevels) {
    Value all = vector::BroadcastOp::create(b, ints(), sumOfLevels);
    Value correction = arith::MulIOp::create(b, zeros, all);
    Value exact = arith::SubIOp::create(b, products, correction);
    Value rounded = arith::SIToFPOp::create(b, b.vector(tileRows), exact);
    return b.fma(scales, rounded, sum);
  }

  void storeResult(Value sum, const RowPointers &row, Value tile) {
    Value value = b.fmul(sum, b.broadcast(row.scale, tileRows));
    Value address = b.pointerAt(row.result, b.mul(tile, tileRows * 4));
    int64_t rest = shape.outputs % tileRows;
    auto store = [&](Value vector) {
      LLVM::StoreOp::create(b, vector, address, /*alignment=*/4);
    };
    if (rest == 0)
      return store(value);
    Value isWhole = b.less(tile, b.index(shape.outputs / tileRows));
    auto branch = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    store(value);
    b.setInsertionPointToStart(branch.elseBlock());
    store(vector::ExtractStridedSliceOp::create(b, value, ArrayRef<int64_t>{0},
                                                ArrayRef<int64_t>{rest},
                                                ArrayRef<int64_t>{1}));
  }

  KernelBuilder &b;
  Simd simd;
  const Shape &shape;
  Value scalesPointer, zerosPointer;
};

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

/// codes, scales, zeros, first tile, last tile, then levels, sums, scale and
/// result of each row.
class FewRows : ProductBuilder {
public:
  FewRows(KernelBuilder &b, KernelLibrary &library, const Shape &shape,
          ValueRange args)
      : ProductBuilder(b, library, shape), decoder(b, simd, shape.code, shape.alignment) {
    codes = args[0];
    scalesPointer = args[1];
    zerosPointer = args[2];
    for (size_t i = 5; i < args.size(); i += 4)
      rows.push_back({args[i], args[i + 1], args[i + 2], args[i + 3]});
    // One row alone would wait for its own sums.
    chains = std::max<int64_t>(1, 4 / rows.size());
  }

  /// Scales and zeros are read so rarely that the processor does not see them
  /// come: one line of a cache for some ten thousand weights.
  void prefetch(Value tile) {
    int64_t scaleBytes = shape.groups() * shape.scalesOfGroup() * 2;
    prefetchAt(scalesPointer, tile, scaleBytes);
    if (shape.code.getZeros())
      prefetchAt(zerosPointer, tile, shape.groups() * tileRows);
  }

  void tile(Value index) {
    tileIndex = index;
    prefetch(b.add(index, 1));
    tileCodes = b.pointerAt(codes, b.mul(index, shape.tileBytes()));
    Carried state{SmallVector<Value>(rows.size(), b.zeros(tileRows)),
                  decoder.getStart()};
    // Groups of half a step go two by two.
    int64_t steps = std::max<int64_t>(1, shape.groupQuads() / quadsOfStep);
    int64_t whole = shape.steps() / steps;
    if (whole == 1)
      state = parts(b.index(0), steps, state);
    else if (whole > 1)
      state = state.from(b.loop(b.index(0), b.index(whole), 1, state.all(),
                                [&](Value part, ValueRange carried) {
                                  return parts(part, steps, state.from(carried))
                                      .all();
                                }));
    if (int64_t rest = shape.steps() - whole * steps)
      state = parts(b.index(whole), rest, state);
    for (auto [row, sum] : llvm::zip(rows, state.sums))
      storeResult(sum, row, index);
  }

private:
  /// What goes from group to group.
  struct Carried {
    SmallVector<Value> sums, decoder;

    SmallVector<Value> all() const {
      SmallVector<Value> values(sums);
      llvm::append_range(values, decoder);
      return values;
    }
    Carried from(ValueRange values) const {
      return {SmallVector<Value>(values.take_front(sums.size())),
              SmallVector<Value>(values.drop_front(sums.size()))};
    }
  };

  /// The lines of a tile's `bytes` bytes.
  void prefetchAt(Value pointer, Value tile, int64_t bytes) {
    constexpr int64_t line = 64;
    Value first = b.mul(tile, bytes);
    for (int64_t i = 0; i < bytes; i += line)
      LLVM::Prefetch::create(b, b.pointerAt(pointer, b.add(first, i)),
                             /*rw=*/0, /*hint=*/3, /*cache=*/1);
  }

  /// Part `part` of `steps` steps: one group, or two of half a step.
  Carried parts(Value part, int64_t steps, Carried state) {
    Value first = b.mul(part, std::max<int64_t>(
                                  1, shape.groupQuads() / quadsOfStep));
    int64_t perStep = std::max<int64_t>(1, quadsOfStep / shape.groupQuads());
    int64_t count = rows.size() * chains;
    SmallVector<Value> products(perStep * count, noInts());
    auto oneStep = [&](Value step, SmallVectorImpl<Value> &sums,
                       ValueRange before) {
      return decoder.decode(
          b.pointerAt(tileCodes, b.mul(step, shape.code.getStepBytes())), before,
          [&](int64_t quad, Value levels) {
            int64_t group = quad * perStep / quadsOfStep;
            for (auto [m, row] : llvm::enumerate(rows)) {
              Value offset = b.add(b.mul(step, stepColumns), quad * 4);
              Activations a =
                  simd.loadActivations(b.pointerAt(row.levels, offset));
              Value &sum =
                  sums[group * count + m * chains + quad % chains];
              sum = simd.dot(sum, levels, a);
            }
          });
    };
    if (steps <= 2) {
      for (int64_t i = 0; i < steps; ++i)
        state.decoder = oneStep(b.add(first, i), products, state.decoder);
    } else {
      SmallVector<Value> inits(products);
      llvm::append_range(inits, state.decoder);
      inits = b.loop(first, b.add(first, steps), 1, inits,
                     [&](Value step, ValueRange carried) {
                       SmallVector<Value> sums(
                           carried.take_front(products.size()));
                       SmallVector<Value> after = oneStep(
                           step, sums, carried.drop_front(products.size()));
                       llvm::append_range(sums, after);
                       return sums;
                     });
      ArrayRef<Value> all(inits);
      llvm::copy(all.take_front(products.size()), products.begin());
      state.decoder.assign(all.begin() + products.size(), all.end());
    }
    for (int64_t i = 0; i < perStep; ++i) {
      Value group = b.add(b.mul(part, perStep), i);
      int64_t quads = std::min(shape.groupQuads(), steps * quadsOfStep);
      addGroups(group, quads, ArrayRef<Value>(products).slice(i * count, count),
                state.sums);
    }
    return state;
  }

  void addGroups(Value group, int64_t quads, ArrayRef<Value> products,
                 SmallVectorImpl<Value> &sums) {
    Value scales = loadScales(tileIndex, group);
    Value zeros = loadZeros(tileIndex, group);
    for (auto [m, row] : llvm::enumerate(rows)) {
      Value product = products[m * chains];
      for (int64_t i = 1; i < chains; ++i)
        product = arith::AddIOp::create(b, product, products[m * chains + i]);
      sums[m] = addGroup(sums[m], product, scales, zeros,
                         loadSum(row, group, quads));
    }
  }

  StepDecoder decoder;
  SmallVector<RowPointers> rows;
  int64_t chains;
  Value codes, tileIndex, tileCodes;
};

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

/// Tiles of a panel: its levels should stay in a second-level cache, and sums of
/// groups double the registers that a tile takes.
int64_t getPanelTiles(const Shape &shape) {
  constexpr int64_t cacheBytes = 512 * 1024;
  int64_t tiles = shape.isGrouped() ? 2 : 4;
  while (tiles > 1 && tiles * shape.quads() * quadBytes > cacheBytes)
    tiles /= 2;
  return tiles;
}

/// panel, scales, zeros, first tile, then levels, sums, scale and result of each
/// row: `tiles` tiles of a decoded panel times the rows.
class PanelProduct : ProductBuilder {
public:
  PanelProduct(KernelBuilder &b, KernelLibrary &library, const Shape &shape,
               int64_t tiles, ValueRange args)
      : ProductBuilder(b, library, shape), tiles(tiles), panel(args[0]),
        firstTile(args[3]) {
    scalesPointer = args[1];
    zerosPointer = args[2];
    for (size_t i = 4; i < args.size(); i += 4)
      rows.push_back({args[i], args[i + 1], args[i + 2], args[i + 3]});
  }

  void run() {
    SmallVector<Value> sums(rows.size() * tiles, b.zeros(tileRows));
    int64_t whole = shape.quads() / shape.groupQuads();
    if (whole == 1)
      sums = addGroup(b.index(0), shape.groupQuads(), sums);
    else if (whole > 1)
      sums = b.loop(b.index(0), b.index(whole), 1, sums,
                    [&](Value group, ValueRange carried) {
                      return addGroup(group, shape.groupQuads(), carried);
                    });
    if (int64_t rest = shape.quads() - whole * shape.groupQuads())
      sums = addGroup(b.index(whole), rest, sums);
    for (size_t m = 0; m < rows.size(); ++m)
      for (int64_t t = 0; t < tiles; ++t)
        storeResult(sums[m * tiles + t], rows[m], b.add(firstTile, t));
  }

private:
  SmallVector<Value> addGroup(Value group, int64_t quads, ValueRange before) {
    constexpr int64_t unrolled = 8;
    Value first = b.mul(group, shape.groupQuads());
    SmallVector<Value> products(rows.size() * tiles, noInts());
    products = b.loop(first, b.add(first, quads), unrolled, products,
                      [&](Value quad, ValueRange carried) {
                        SmallVector<Value> next(carried);
                        for (int64_t i = 0; i < unrolled; ++i)
                          addQuad(b.add(quad, i), next);
                        return next;
                      });
    SmallVector<Value> sums(before);
    for (int64_t t = 0; t < tiles; ++t) {
      Value tile = b.add(firstTile, t);
      Value scales = loadScales(tile, group), zeros = loadZeros(tile, group);
      for (auto [m, row] : llvm::enumerate(rows)) {
        int64_t i = m * tiles + t;
        sums[i] = ProductBuilder::addGroup(sums[i], products[i], scales, zeros,
                                           loadSum(row, group, quads));
      }
    }
    return sums;
  }

  void addQuad(Value quad, SmallVectorImpl<Value> &products) {
    auto type = VectorType::get({quadBytes}, b.getI8Type());
    SmallVector<Value> levels;
    for (int64_t t = 0; t < tiles; ++t) {
      Value offset = b.mul(b.add(b.mul(quad, tiles), t), quadBytes);
      levels.push_back(loadAt(type, panel, offset, quadBytes));
    }
    for (auto [m, row] : llvm::enumerate(rows)) {
      Activations a =
          simd.loadActivations(b.pointerAt(row.levels, b.mul(quad, 4)));
      for (int64_t t = 0; t < tiles; ++t) {
        Value &product = products[m * tiles + t];
        product = simd.dot(product, levels[t], a);
      }
    }
  }

  int64_t tiles;
  Value panel, firstTile;
  SmallVector<RowPointers> rows;
};

//===----------------------------------------------------------------------===//
// Rows and tiles of one product
//===----------------------------------------------------------------------===//

/// codes, scales, zeros, first tile, last tile, first row, last row, levels,
/// scales, sums, result, [row of].
class ProductDriver {
public:
  ProductDriver(KernelBuilder &b, KernelLibrary &library, const Shape &shape,
                const std::string &name, ValueRange args)
      : b(b), library(library), shape(shape), name(name), codes(args[0]),
        scales(args[1]), zeros(args[2]), firstTile(args[3]), lastTile(args[4]),
        firstRow(args[5]), lastRow(args[6]), rows{args[7], args[8], args[9]},
        result(args[10]), rowOf(args.size() > 11 ? args[11] : Value()) {}

  void run() {
    Value panelsEnd = firstTile;
    // Panels lie on the stack of a thread; rows that long are not of this world.
    if (shape.quads() * quadBytes <= mostPanelBytes)
      panelsEnd = runPanels();
    b.tiles(firstRow, lastRow, fewRows, [&](Value row, int64_t number) {
      callFew(panelsEnd, lastTile, row, number);
    });
  }

private:
  static constexpr int64_t mostPanelBytes = int64_t(1) << 20;

  /// Whole panels, if there are rows for one group; returns the first tile that
  /// is left. What is left goes the other way, which costs less than further
  /// kinds of panels would.
  Value runPanels() {
    int64_t tiles = getPanelTiles(shape);
    Value bytes = LLVM::ConstantOp::create(
        b, b.getI64Type(),
        b.getI64IntegerAttr(tiles * shape.quads() * quadBytes));
    Value panel = LLVM::AllocaOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), b.getI8Type(), bytes,
        /*alignment=*/quadBytes);
    Value isFew = b.less(b.sub(lastRow, firstRow), b.index(panelRows));
    Value whole = b.mul(b.div(b.sub(lastTile, firstTile), tiles), tiles);
    Value end = b.select(isFew, firstTile, b.add(firstTile, whole));
    b.loop(firstTile, end, tiles, [&](Value tile) {
      b.loop(b.index(0), b.index(tiles), 1,
             [&](Value i) { decodeTile(b.add(tile, i), panel, i); });
      // The last group ends with the last row: it repeats some rows, which come
      // out the same.
      Value lastGroup = b.sub(lastRow, b.index(panelRows));
      b.loop(firstRow, lastRow, panelRows, [&](Value row) {
        callPanel(panel, tile, tiles, b.min(row, lastGroup));
      });
    });
    return end;
  }

  void addRows(SmallVectorImpl<Value> &args, Value row, int64_t number) {
    for (int64_t i = 0; i < number; ++i) {
      Value to = b.add(row, i), zero = b.index(0);
      Value from = rowOf ? b.loadInt(rowOf, {to, zero}) : to;
      args.push_back(b.addressOf({rows.levels, from}));
      args.push_back(b.addressOf({rows.sums, from}));
      args.push_back(b.loadScalar({rows.scales, from}, zero));
      args.push_back(b.addressOf({result, to}));
    }
  }

  void call(const std::string &function, ArrayRef<Value> args,
            function_ref<void(KernelBuilder &, ValueRange)> emit) {
    func::FuncOp callee = library.get(function, ValueRange(args).getTypes(), emit);
    func::CallOp::create(b, callee, args);
  }

  void callFew(Value begin, Value end, Value row, int64_t number) {
    SmallVector<Value> args = {codes, scales, zeros, begin, end};
    addRows(args, row, number);
    call("few_" + std::to_string(number) + "_" + name, args,
         [&](KernelBuilder &k, ValueRange values) {
           FewRows few(k, library, shape, values);
           few.prefetch(values[3]);
           k.loop(values[3], values[4], 1, [&](Value tile) { few.tile(tile); });
         });
  }

  void callPanel(Value panel, Value tile, int64_t tiles, Value row) {
    SmallVector<Value> args = {panel, scales, zeros, tile};
    addRows(args, row, panelRows);
    call("panel_" + name, args, [&](KernelBuilder &k, ValueRange values) {
           PanelProduct(k, library, shape, tiles, values).run();
         });
  }

  /// The levels of one tile at place `i` of the panel, which holds the first quad
  /// of all its tiles, then the second: one stream to read.
  void decodeTile(Value tile, Value panel, Value i) {
    int64_t quadStride = getPanelTiles(shape) * quadBytes;
    Simd simd(b, library.getSimdLevel());
    StepDecoder decoder(b, simd, shape.code, shape.alignment);
    Value source = b.pointerAt(codes, b.mul(tile, shape.tileBytes()));
    Value target = b.pointerAt(panel, b.mul(i, quadBytes));
    b.loop(b.index(0), b.index(shape.steps()), 1, decoder.getStart(),
           [&](Value step, ValueRange before) {
             Value to = b.pointerAt(target, b.mul(step, quadsOfStep * quadStride));
             return decoder.decode(
                 b.pointerAt(source, b.mul(step, shape.code.getStepBytes())),
                 before, [&](int64_t quad, Value levels) {
                   LLVM::StoreOp::create(
                       b, levels, b.pointerAt(to, b.index(quad * quadStride)),
                       /*alignment=*/quadBytes);
                 });
           });
  }

  KernelBuilder &b;
  KernelLibrary &library;
  const Shape &shape;
  std::string name;
  Value codes, scales, zeros, firstTile, lastTile, firstRow, lastRow;
  QuantizedRows rows;
  Value result, rowOf;
};

} // namespace

void moe::cpu::emitStoredProduct(KernelBuilder &b, KernelLibrary &library,
                                 const StoredWeight &weight,
                                 const QuantizedRows &rows, Value result,
                                 const ProductRange &range) {
  Shape shape{weight.code, weight.rows, weight.columns, weight.alignment};
  uint64_t codeBytes = weight.code.getCodeBytes(weight.rows, weight.columns);
  uint64_t scaleBytes = weight.code.getScaleBytes(weight.rows, weight.columns);
  Value scales = b.pointerAt(weight.address, b.index(codeBytes));
  Value zeros = b.pointerAt(weight.address, b.index(codeBytes + scaleBytes));
  SmallVector<Value> args = {weight.address,  scales,         zeros,
                             range.firstTile, range.lastTile, range.firstRow,
                             range.lastRow,   rows.levels,    rows.scales,
                             rows.sums,       result};
  if (range.rowOf)
    args.push_back(range.rowOf);
  // Functions of one code and row length differ only in the last tile's outputs.
  std::string name =
      library.nameOf(weight.code) + "_" + std::to_string(weight.columns);
  if (weight.alignment < 64)
    name += "_at" + std::to_string(weight.alignment);
  if (int64_t rest = weight.rows % tileRows)
    name += "_rest" + std::to_string(rest) + "of" + std::to_string(weight.rows);
  std::string driver = "product_" + name + "_to" +
                       std::to_string(weight.rows) + (range.rowOf ? "_of" : "");
  func::FuncOp callee = library.get(
      driver, ValueRange(args).getTypes(),
      [&](KernelBuilder &k, ValueRange values) {
        ProductDriver(k, library, shape, name, values).run();
      });
  func::CallOp::create(b, callee, args);
}
