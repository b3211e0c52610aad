//===- OffloadCalls.cpp - what compiled code tells an expert store --------===//
#include "OffloadCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe::cpu;

static Type pointerType(KernelBuilder &b) {
  return LLVM::LLVMPointerType::get(b.getContext());
}

static Value null(KernelBuilder &b) {
  return LLVM::ZeroOp::create(b, pointerType(b));
}

static Value isSet(KernelBuilder &b, Value pointer) {
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, pointer, null(b));
}

/// What `make` returns if the condition holds, else null.
static Value pointerIf(KernelBuilder &b, Value condition,
                       function_ref<Value()> make) {
  auto op = scf::IfOp::create(b, TypeRange{pointerType(b)}, condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(b, make());
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, null(b));
  return op.getResult(0);
}

static Value addressOf(KernelBuilder &b, Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  address = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, pointerType(b), address);
}

static Value number(KernelBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

static Value rowsOf(KernelBuilder &b, Value buffer) {
  return arith::IndexCastOp::create(b, b.getI64Type(), b.rowsOf(buffer));
}

void OffloadCalls::begin(KernelBuilder &b, Value arguments) {
  using Args = moert_abi_forward_t;
  Value size =
      b.loadField(arguments, offsetof(Args, size), b.getI32Type());
  Value least = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(offsetof(Args, offload) + sizeof(void *)));
  Value knows = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, size, least);
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

static Value callWith(KernelBuilder &b, Value function, Type result,
                      ValueRange arguments) {
  auto type = LLVM::LLVMFunctionType::get(
      result, llvm::to_vector(arguments.getTypes()));
  SmallVector<Value> operands = {function};
  llvm::append_range(operands, arguments);
  auto call = LLVM::CallOp::create(b, type, operands);
  return isa<LLVM::LLVMVoidType>(result) ? Value() : call.getResult();
}

void OffloadCalls::call(KernelBuilder &b, Value function,
                        ValueRange arguments) const {
  b.when(isSet(b, function), [&] {
    SmallVector<Value> all = {table};
    llvm::append_range(all, arguments);
    callWith(b, function, LLVM::LLVMVoidType::get(b.getContext()), all);
  });
}

void OffloadCalls::record(KernelBuilder &b, int64_t layer, Value logits,
                          Value experts, Value weights) const {
  call(b, recorder,
       {number(b, layer), rowsOf(b, logits), number(b, columnsOf(logits)),
        addressOf(b, logits), number(b, columnsOf(experts)),
        addressOf(b, experts), addressOf(b, weights)});
}

void OffloadCalls::prefetch(KernelBuilder &b, int64_t layer, Value experts,
                            Value confidence, double threshold) const {
  call(b, prefetcher,
       {number(b, layer), rowsOf(b, experts), number(b, columnsOf(experts)),
        addressOf(b, experts), addressOf(b, confidence), b.f32(threshold)});
}

void OffloadCalls::demand(KernelBuilder &b, int64_t layer,
                          Value experts) const {
  call(b, demander,
       {number(b, layer), rowsOf(b, experts), number(b, columnsOf(experts)),
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
  return b.toIndex(callWith(b, function, b.getI64Type(),
                            {taker, layer, addressOf(b, ready)}));
}
