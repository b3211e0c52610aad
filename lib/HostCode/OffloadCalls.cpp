//===- OffloadCalls.cpp - what compiled code tells an expert store --------===//
#include "moe/HostCode/OffloadCalls.h"
#include "moe/HostCode/AbiCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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
