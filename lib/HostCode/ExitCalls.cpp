//===- ExitCalls.cpp - what compiled code asks about rows that leave ------===//
#include "moe/HostCode/ExitCalls.h"
#include "moe/HostCode/AbiCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe::host;

/// Row sets that moe.exit has, more than moe.enter.
static constexpr int64_t mostSets = 5;

static Value loadTable(KernelBuilder &b, Value arguments) {
  using Args = moert_abi_forward_t;
  Value knows = hasField(b, arguments, offsetof(Args, exits));
  return pointerIf(b, knows, [&] {
    return b.loadField(arguments, offsetof(Args, exits), pointerType(b));
  });
}

Value ExitCalls::areThere(KernelBuilder &b, Value arguments) {
  return isSet(b, loadTable(b, arguments));
}

static Value allocate(KernelBuilder &b, Type element, int64_t count) {
  return LLVM::AllocaOp::create(b, pointerType(b), element, number(b, count));
}

void ExitCalls::begin(KernelBuilder &b, Value arguments) {
  table = loadTable(b, arguments);
  counts = allocate(b, b.getI64Type(), mostSets);
}

Value ExitCalls::load(KernelBuilder &b, int64_t field) const {
  return b.loadField(table, field, pointerType(b));
}

SmallVector<Value> ExitCalls::loadCounts(KernelBuilder &b, size_t count) const {
  SmallVector<Value> result;
  for (size_t i = 0; i < count; ++i)
    result.push_back(
        b.toIndex(b.loadField(counts, i * sizeof(int64_t), b.getI64Type())));
  return result;
}

SmallVector<Value> ExitCalls::enter(KernelBuilder &b, ValueRange sets) const {
  SmallVector<Value> arguments = {table};
  llvm::append_range(arguments, sets);
  arguments.push_back(counts);
  callWith(b, load(b, offsetof(moert_abi_exits_t, enter)), arguments);
  return loadCounts(b, sets.size());
}

SmallVector<Value> ExitCalls::leave(KernelBuilder &b, int64_t exit, Value scores,
                                    ValueRange watched, ValueRange sets) const {
  Value numbers = nullPointer(b);
  if (!watched.empty())
    numbers = allocate(b, pointerType(b), watched.size());
  for (auto [i, values] : llvm::enumerate(watched))
    LLVM::StoreOp::create(b, addressOf(b, values),
                          b.pointerAt(numbers, b.index(i * sizeof(void *))));
  SmallVector<Value> arguments = {table, number(b, exit), addressOf(b, scores),
                                  number(b, watched.size()), numbers};
  llvm::append_range(arguments, sets);
  arguments.push_back(counts);
  callWith(b, load(b, offsetof(moert_abi_exits_t, leave)), arguments);
  return loadCounts(b, sets.size());
}

SmallVector<Value> ExitCalls::settle(KernelBuilder &b, Value surplus,
                                     ValueRange sets) const {
  SmallVector<Value> arguments = {table, rowCount(b, surplus),
                                  addressOf(b, surplus)};
  llvm::append_range(arguments, sets);
  arguments.push_back(counts);
  callWith(b, load(b, offsetof(moert_abi_exits_t, settle)), arguments);
  return loadCounts(b, sets.size());
}

void ExitCalls::callWithFeatures(KernelBuilder &b, int64_t field,
                                 Value features) const {
  callWith(b, load(b, field),
           {table, number(b, columnsOf(features)), addressOf(b, features)});
}

void ExitCalls::resume(KernelBuilder &b, Value features) const {
  callWithFeatures(b, offsetof(moert_abi_exits_t, resume), features);
}

void ExitCalls::park(KernelBuilder &b, Value features) const {
  callWithFeatures(b, offsetof(moert_abi_exits_t, park), features);
}
