//===- Rows.cpp - rows that are moved, added, clamped ---------------------===//
#include "RowWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

namespace {

/// One pack of one row, as launchPacks hands it out.
struct Pack {
  ThreadBuilder &t;
  Value row, column;
  int64_t columns, size;

  Value place(Value inRow) const {
    return t.add(rowStart(t, inRow, columns), t.wide(column));
  }
  Value load(Value buffer, Value inRow, Type element = {}) const {
    Type type = packOf(t, element ? element : t.getF32Type(), size);
    return t.widen(t.load(type, buffer, place(inRow)));
  }
  Value load(Value buffer) const { return load(buffer, row); }
  void store(Value value, Value buffer, Value inRow) const {
    t.store(value, buffer, place(inRow));
  }
  void store(Value value, Value buffer) const { store(value, buffer, row); }
  /// A number of a list, for this row.
  Value number(Value list) const { return t.load(t.getI32Type(), list, row); }
};

} // namespace

static void launch(Launcher &l, std::string name, Value like,
                   ArrayRef<Value> arguments,
                   function_ref<void(const Pack &, ValueRange)> body) {
  int64_t columns = columnsOf(like);
  launchPacks(l, std::move(name), like, arguments,
              [&](ThreadBuilder &t, ValueRange args, Value row, Value column,
                  int64_t size) {
                body({t, row, column, columns, size}, args);
              });
}

void moe::cuda::launchEmbed(Launcher &l, Value tokens, Value table,
                            Value result) {
  Type element = elementOf(table);
  launch(l, "embed", result, {tokens, table, result},
         [&](const Pack &pack, ValueRange args) {
           Value token = pack.number(args[0]);
           pack.store(pack.load(args[1], token, element), args[2]);
         });
}

void moe::cuda::launchPick(Launcher &l, Value input, Value rows, Value result) {
  launch(l, "pick", result, {input, rows, result},
         [](const Pack &pack, ValueRange args) {
           pack.store(pack.load(args[0], pack.number(args[1])), args[2]);
         });
}

void moe::cuda::launchPickNumbers(Launcher &l, Value input, Value rows,
                                  Value result) {
  launchRows(l, "pick_numbers", rows, {input, rows, result},
             [](ThreadBuilder &t, ValueRange args, Value row) {
               Value number = t.load(t.getI32Type(), args[1], row);
               t.store(t.load(t.getI32Type(), args[0], number), args[2], row);
             });
}

void moe::cuda::launchAdd(Launcher &l, Value lhs, Value rhs, Value result) {
  launch(l, "add", result, {lhs, rhs, result},
         [](const Pack &pack, ValueRange args) {
           pack.store(pack.t.fadd(pack.load(args[0]), pack.load(args[1])),
                      args[2]);
         });
}

void moe::cuda::launchClamp(Launcher &l, double limit, Value input,
                            Value result) {
  launch(l, "clamp_" + nameOfNumber(limit), result, {input, result},
         [&](const Pack &pack, ValueRange args) {
           ThreadBuilder &t = pack.t;
           Value x = pack.load(args[0]);
           Value high = t.like(x, limit), low = t.like(x, -limit);
           x = t.select(t.isGreater(x, high), high, x);
           x = t.select(t.isGreater(low, x), low, x);
           pack.store(x, args[1]);
         });
}

void moe::cuda::launchPlace(Launcher &l, Value input, Value places,
                            Value table) {
  launch(l, "place", input, {input, places, table},
         [](const Pack &pack, ValueRange args) {
           pack.store(pack.load(args[0]), args[2], pack.number(args[1]));
         });
}

void moe::cuda::launchCopyRows(Launcher &l, Value input, Value result) {
  launch(l, "copy_rows", input, {input, result},
         [](const Pack &pack, ValueRange args) {
           pack.store(pack.load(args[0]), args[1]);
         });
}

void moe::cuda::launchZeros(Launcher &l, Value result) {
  launch(l, "zeros", result, {result}, [](const Pack &pack, ValueRange args) {
    Value zero = pack.t.f32(0);
    pack.store(splat(pack.t, zero, pack.size), args[0]);
  });
}
