//===- OffloadCalls.cpp - what compiled code tells an expert store --------===//
#include "moe/HostCode/OffloadCalls.h"
#include "moe/HostCode/AbiCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe::host;

void OffloadCalls::begin(KernelBuilder &b, Value arguments) {
  using Args = moert_abi_forward_t;
  Value knows = hasField(b, arguments, offsetof(Args, offload));
  table = pointerIf(b, knows, [&] {
    return b.loadField(arguments, offsetof(Args, offload), pointerType(b));
  });
  recorder = load(b, offsetof(moert_abi_offload_t, record));
  prefetcher = load(b, offsetof(moert_abi_offload_t, prefetch));
  demander = load(b, offsetof(moert_abi_offload_t, demand));
  canceller = load(b, offsetof(moert_abi_offload_t, cancel));
  guessing = isSet(b, prefetcher);
  Value takes = isSet(b, load(b, offsetof(moert_abi_offload_t, take)));
  taker = pointerIf(b, takes, [&] { return table; });
}

Value OffloadCalls::load(KernelBuilder &b, int64_t field) const {
  return pointerIf(b, isSet(b, table), [&] {
    return b.loadField(table, field, pointerType(b));
  });
}

void OffloadCalls::call(KernelBuilder &b, Value function,
                        ValueRange arguments) const {
  b.when(isSet(b, function), [&] {
    SmallVector<Value> all = {table};
    llvm::append_range(all, arguments);
    callWith(b, function, all);
  });
}

void OffloadCalls::record(KernelBuilder &b, int64_t layer, Value logits,
                          Value experts, Value weights) const {
  call(b, recorder,
       {number(b, layer), rowCount(b, logits), number(b, columnsOf(logits)),
        addressOf(b, logits), number(b, columnsOf(experts)),
        addressOf(b, experts), addressOf(b, weights)});
}

void OffloadCalls::prefetch(KernelBuilder &b, int64_t layer, Value experts,
                            Value confidence, double threshold) const {
  call(b, prefetcher,
       {number(b, layer), rowCount(b, experts), number(b, columnsOf(experts)),
        addressOf(b, experts), addressOf(b, confidence), b.f32(threshold)});
}

void OffloadCalls::demand(KernelBuilder &b, int64_t layer,
                          Value experts) const {
  call(b, demander,
       {number(b, layer), rowCount(b, experts), number(b, columnsOf(experts)),
        addressOf(b, experts)});
}

void OffloadCalls::cancel(KernelBuilder &b, int64_t layer) const {
  call(b, canceller, {number(b, layer)});
}

Value OffloadCalls::take(KernelBuilder &b, Value taker, Value layer,
                         Value ready) {
  Value function =
      b.loadField(taker, offsetof(moert_abi_offload_t, take), pointerType(b));
  layer = arith::IndexCastOp::create(b, b.getI64Type(), layer);
  return b.toIndex(callWith(b, function, {taker, layer, addressOf(b, ready)},
                            b.getI64Type()));
}

/// Runs `wave` with `start`, then with what `next` says, until that is 0.
static void whileNotZero(KernelBuilder &b, Value start,
                         function_ref<void(Value)> wave,
                         function_ref<Value()> next) {
  auto loop = scf::WhileOp::create(
      b, TypeRange{b.getIndexType()}, ValueRange{start},
      [&](OpBuilder &builder, Location at, ValueRange carried) {
        Value zero = arith::ConstantIndexOp::create(builder, at, 0);
        Value isMore = arith::CmpIOp::create(
            builder, at, arith::CmpIPredicate::ne, carried.front(), zero);
        scf::ConditionOp::create(builder, at, isMore, carried);
      },
      [](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getAfterBody());
  wave(loop.getAfterArguments().front());
  scf::YieldOp::create(b, next());
}

/// One of two indices; only the one that counts is computed.
static Value indexFrom(KernelBuilder &b, Value condition,
                       function_ref<Value()> yes, function_ref<Value()> no) {
  auto op = scf::IfOp::create(b, TypeRange{b.getIndexType()}, condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, make] : {std::pair(op.thenBlock(), yes),
                             std::pair(op.elseBlock(), no)}) {
    b.setInsertionPointToStart(block);
    scf::YieldOp::create(b, make());
  }
  return op.getResult(0);
}

void OffloadCalls::forWaves(KernelBuilder &b, Value taker, Value layer,
                            Value ready, function_ref<Value()> all,
                            function_ref<void(Value)> wave) {
  auto takeMore = [&] { return take(b, taker, layer, ready); };
  Value comes = isSet(b, taker);
  Value start = indexFrom(b, comes, takeMore, all);
  whileNotZero(b, start, wave, [&] {
    return indexFrom(b, comes, takeMore, [&] { return b.index(0); });
  });
}
