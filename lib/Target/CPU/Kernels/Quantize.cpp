//===- Quantize.cpp - rows become 8-bit levels, and back ------------------===//
#include "StoredKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "moe/Quant/Rotation.h"
#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

namespace {

/// The Hadamard matrix and signs of moe.quantize on blocks of one row, in place.
class Rotation {
public:
  Rotation(KernelBuilder &b, KernelLibrary &library, int64_t features,
           int64_t block)
      : b(b), features(features), block(block) {
    if (block == 0)
      return;
    std::vector<float> values;
    for (int64_t i = 0; i < std::max(block, kLanes); ++i)
      values.push_back(getRotationSign(i % block));
    signs = library.getTable(b, "signs_" + std::to_string(block), values);
  }

  /// target = H S source / sqrt(block)
  void rotate(RowRef source, RowRef target) {
    forVectors([&](Value column, int64_t lanes) {
      Value x = b.fmul(b.load(source, column, lanes), signsAt(column, lanes));
      b.store(withinVector(x, lanes), target, column);
    });
    acrossVectors(target);
    forVectors([&](Value column, int64_t lanes) {
      b.store(scaled(b.load(target, column, lanes)), target, column);
    });
  }

  /// target = S H source / sqrt(block)
  void unrotate(RowRef source, RowRef target) {
    forVectors([&](Value column, int64_t lanes) {
      b.store(withinVector(b.load(source, column, lanes), lanes), target,
              column);
    });
    acrossVectors(target);
    forVectors([&](Value column, int64_t lanes) {
      Value x = scaled(b.load(target, column, lanes));
      b.store(b.fmul(x, signsAt(column, lanes)), target, column);
    });
  }

private:
  /// Vectors of 16 features, then the rest, of which a block is a part.
  void forVectors(function_ref<void(Value, int64_t)> body) {
    int64_t whole = features / kLanes * kLanes;
    b.loop(b.index(0), b.index(whole), kLanes,
           [&](Value column) { body(column, kLanes); });
    if (features > whole)
      body(b.index(whole), features - whole);
  }

  Value signsAt(Value column, int64_t lanes) {
    Value inside = arith::RemUIOp::create(
        b, column, b.index(std::max(block, kLanes)));
    return vector::LoadOp::create(b, b.vector(lanes), signs, inside);
  }

  Value scaled(Value x) {
    return b.fmul(x, b.like(x, float(1.0 / std::sqrt(double(block)))));
  }

  /// Levels 1, 2, 4 and 8: lane j with j + h, sum below and difference above.
  Value withinVector(Value x, int64_t lanes) {
    for (int64_t h = 1; h < std::min(block, kLanes); h *= 2) {
      SmallVector<int64_t> swapped;
      SmallVector<float> signOf;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        swapped.push_back(lane ^ h);
        signOf.push_back(lane & h ? -1 : 1);
      }
      Value other = vector::ShuffleOp::create(b, x, x, swapped);
      Value sign = arith::ConstantOp::create(
          b, DenseElementsAttr::get(b.vector(lanes), ArrayRef<float>(signOf)));
      // The product with a sign is exact: this rounds like a plain sum.
      x = b.fma(x, sign, other);
    }
    return x;
  }

  /// Levels from 16 on, two at a time while there are two.
  void acrossVectors(RowRef row) {
    int64_t h = kLanes;
    for (; 4 * h <= block; h *= 4)
      level(row, h, 4);
    if (2 * h <= block)
      level(row, h, 2);
  }

  /// Levels h and, with `radix` 4, 2h of every block.
  void level(RowRef row, int64_t h, int64_t radix) {
    b.loop(b.index(0), b.index(features), radix * h, [&](Value base) {
      b.loop(base, b.add(base, h), kLanes, [&](Value column) {
        SmallVector<Value> at, x;
        for (int64_t i = 0; i < radix; ++i) {
          at.push_back(b.add(column, i * h));
          x.push_back(b.load(row, at.back(), kLanes));
        }
        for (int64_t step = 1; step < radix; step *= 2)
          for (int64_t i = 0; i < radix; ++i)
            if (!(i & step)) {
              Value sum = b.fadd(x[i], x[i + step]);
              x[i + step] = b.fsub(x[i], x[i + step]);
              x[i] = sum;
            }
        for (int64_t i = 0; i < radix; ++i)
          b.store(x[i], row, at[i]);
      });
    });
  }

  KernelBuilder &b;
  int64_t features, block;
  Value signs;
};

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

/// Levels, scale and sums of one row of features.
class LevelWriter {
public:
  LevelWriter(KernelBuilder &b, const QuantizedRows &rows, int64_t features)
      : b(b), rows(rows), features(features) {}

  void write(RowRef source, Value row) {
    Value zero = b.index(0);
    Value largest = absoluteMaximum(source);
    // What is so small that its inverse overflows counts as zeros.
    Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, largest,
                                         b.f32(0x1p-100));
    Value none = b.f32(0);
    Value inverse = b.select(isZero, none, b.fdiv(b.f32(127), largest));
    Value scale = b.select(isZero, none, b.fdiv(largest, b.f32(127)));
    b.store(scale, {rows.scales, row}, zero);
    int64_t columns = columnsOf(rows.levels);
    int64_t whole = features / sumColumns * sumColumns;
    Value total =
        b.loop(zero, b.index(whole), sumColumns, intZero(),
               [&](Value column, ValueRange carried) -> SmallVector<Value> {
                 Value sum = writeGroup(source, row, inverse, column, sumColumns);
                 return {addInt(carried.front(), sum)};
               })
            .front();
    for (int64_t column = whole; column < columns; column += sumColumns) {
      int64_t there = std::clamp<int64_t>(features - column, 0, sumColumns);
      total = addInt(
          total, writeGroup(source, row, inverse, b.index(column), there));
    }
    storeSum(total, row, b.index(columns / sumColumns));
  }

private:
  Value intZero() {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  }
  Value addInt(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  void storeSum(Value sum, Value row, Value place) {
    memref::StoreOp::create(b, sum, rows.sums, ValueRange{row, place});
  }

  /// Bits of numbers that are not negative are in the order of the numbers, with
  /// NaN above all: a row that has one must not look like a row without.
  Value absoluteMaximum(RowRef source) {
    int64_t whole = features / kLanes * kLanes;
    auto ints = VectorType::get({kLanes}, b.getI32Type());
    auto larger = [&](Value most, Value x) -> Value {
      x = arith::BitcastOp::create(b, ints, math::AbsFOp::create(b, x));
      return arith::MaxSIOp::create(b, most, x);
    };
    Value none = arith::ConstantOp::create(
        b, DenseElementsAttr::get(ints, b.getI32IntegerAttr(0)));
    Value most =
        b.loop(b.index(0), b.index(whole), kLanes, none,
               [&](Value column, ValueRange carried) -> SmallVector<Value> {
                 Value x = b.load(source, column, kLanes);
                 return {larger(carried.front(), x)};
               })
            .front();
    if (features > whole) {
      Value x = b.load(source, b.index(whole), features - whole);
      most = larger(most, b.padded(x));
    }
    Value bits = vector::ReductionOp::create(
        b, vector::CombiningKind::MAXSI, most);
    return arith::BitcastOp::create(b, b.getF32Type(), bits);
  }

  /// Levels of 32 columns, of which the row has the first `there`.
  Value writeGroup(RowRef source, Value row, Value inverse, Value column,
                   int64_t there) {
    Value sum = intZero();
    for (int64_t i = 0; i < sumColumns; i += kLanes) {
      int64_t lanes = std::clamp<int64_t>(there - i, 0, kLanes);
      Value at = b.add(column, i);
      Value x = lanes ? b.padded(b.load(source, at, lanes)) : b.zeros(kLanes);
      Value level = levelOf(x, inverse);
      auto type = VectorType::get({kLanes}, b.getI8Type());
      Value narrow = arith::TruncIOp::create(b, type, level);
      vector::StoreOp::create(b, narrow, rows.levels, ValueRange{row, at});
      sum = addInt(sum, vector::ReductionOp::create(
                            b, vector::CombiningKind::ADD, level));
    }
    Value place = b.div(column, sumColumns);
    storeSum(sum, row, place);
    return sum;
  }

  Value levelOf(Value x, Value inverse) {
    Value y = b.fmul(x, b.broadcast(inverse, kLanes));
    y = math::RoundEvenOp::create(b, y);
    auto type = VectorType::get({kLanes}, b.getI32Type());
    return arith::FPToSIOp::create(b, type, y);
  }

  KernelBuilder &b;
  const QuantizedRows &rows;
  int64_t features;
};

} // namespace

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void moe::cpu::emitQuantizeRows(KernelBuilder &b, KernelLibrary &library,
                                int64_t rotation, Value input, Value work,
                                const QuantizedRows &rows, Value begin,
                                Value end) {
  int64_t features = columnsOf(input);
  Rotation rotator(b, library, features, rotation);
  LevelWriter levels(b, rows, features);
  b.loop(begin, end, 1, [&](Value row) {
    RowRef source{input, row};
    if (rotation) {
      RowRef rotated{work, row};
      rotator.rotate(source, rotated);
      source = rotated;
    }
    levels.write(source, row);
  });
}

void moe::cpu::emitQuantize(KernelBuilder &b, KernelLibrary &library,
                            int64_t rotation, ValueRange args) {
  Value input = args[1], work = args[2];
  QuantizedRows rows{args[3], args[4], args[5]};
  b.parallel(args[0], b.rowsOf(input), [&](Value begin, Value end) {
    emitQuantizeRows(b, library, rotation, input, work, rows, begin, end);
  });
}

void moe::cpu::emitDequantize(KernelBuilder &b, KernelLibrary &library,
                              int64_t rotation, ValueRange args) {
  Value result = args[4];
  QuantizedRows rows{args[1], args[2], args[3]};
  int64_t features = columnsOf(result);
  Rotation rotator(b, library, features, rotation);
  b.loop(b.index(0), b.rowsOf(result), 1, [&](Value row) {
    Value scale = b.loadScalar({rows.scales, row}, b.index(0));
    b.loop(b.index(0), b.index(features), 1, [&](Value column) {
      Value level =
          memref::LoadOp::create(b, rows.levels, ValueRange{row, column});
      Value x = arith::SIToFPOp::create(b, b.getF32Type(), level);
      b.store(b.fmul(x, scale), {result, row}, column);
    });
    if (rotation)
      rotator.unrotate({result, row}, {result, row});
  });
}
