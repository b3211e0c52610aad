//===- Emulator.cpp - short words for calls of the emulator ---------------===//
#include "Emulator.h"

#include "Passes.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace moe::cuda;

static Type pointerType(OpBuilder &b) {
  return LLVM::LLVMPointerType::get(b.getContext());
}

Emulator::Emulator(LLVM::LLVMFuncOp kernel, Operation *after)
    : ImplicitLocOpBuilder(kernel.getLoc(), kernel.getContext()) {
  setInsertionPointAfter(after);
  Type pointer = pointerType(*this);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(getContext()),
                                          {pointer, pointer});
  function = LLVM::LLVMFuncOp::create(
      *this, (kEmulatedPrefix + kernel.getName()).str(), type);
  IRMapping mapping;
  kernel.getBody().cloneInto(&function.getBody(), mapping);
  // Parameters of the kernel are read before all else.
  Block *body = &function.front();
  Block *prologue = createBlock(body, {pointer, pointer}, {getLoc(), getLoc()});
  self = prologue->getArgument(0);
  for (BlockArgument argument : body->getArguments()) {
    Value cell = LLVM::GEPOp::create(
        *this, pointer, pointer, prologue->getArgument(1),
        ArrayRef<LLVM::GEPArg>{int32_t(argument.getArgNumber())});
    Value address = LLVM::LoadOp::create(*this, pointer, cell);
    argument.replaceAllUsesWith(
        LLVM::LoadOp::create(*this, argument.getType(), address).getResult());
  }
  body->eraseArguments(0, body->getNumArguments());
  prologueEnd = LLVM::BrOp::create(*this, ValueRange(), body);
}

Value Emulator::once(Value &known, function_ref<Value()> make) {
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(prologueEnd);
  return known = make();
}

Value Emulator::call(size_t field, ValueRange arguments, Type result) {
  Type pointer = pointerType(*this);
  Value callee = once(fields[field], [&]() -> Value {
    Value address = LLVM::GEPOp::create(*this, pointer, getI8Type(), self,
                                        ArrayRef<LLVM::GEPArg>{int32_t(field)});
    return LLVM::LoadOp::create(*this, pointer, address);
  });
  SmallVector<Value> operands = {callee, self};
  llvm::append_range(operands, arguments);
  SmallVector<Type> types(ValueRange(operands).drop_front().getTypes());
  auto type = LLVM::LLVMFunctionType::get(
      result ? result : LLVM::LLVMVoidType::get(getContext()), types);
  auto op = LLVM::CallOp::create(*this, type, operands);
  return result ? op.getResult() : Value();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value Emulator::i32(int64_t value) {
  return LLVM::ConstantOp::create(*this, getI32IntegerAttr(int32_t(value)));
}

Value Emulator::toBits(Value value) {
  return value.getType().isInteger(32)
             ? value
             : LLVM::BitcastOp::create(*this, getI32Type(), value).getResult();
}

Value Emulator::fromBits(Value bits, Type type) {
  return type.isInteger(32)
             ? bits
             : LLVM::BitcastOp::create(*this, type, bits).getResult();
}

Value Emulator::plain(Value pointer) {
  if (pointer.getType() == pointerType(*this))
    return pointer;
  return LLVM::AddrSpaceCastOp::create(*this, pointerType(*this), pointer);
}

Value Emulator::room(unsigned number) {
  return once(rooms[number], [&]() -> Value {
    return LLVM::AllocaOp::create(*this, pointerType(*this), getI32Type(),
                                  i32(4));
  });
}

Value Emulator::at(Value room, int64_t index) {
  return LLVM::GEPOp::create(*this, room.getType(), getI32Type(), room,
                             ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

Value Emulator::spill(unsigned number, ValueRange registers) {
  Value result = room(number);
  for (auto [i, value] : llvm::enumerate(registers))
    LLVM::StoreOp::create(*this, value, at(result, i));
  return result;
}

Value Emulator::reload(Value room, Type type) {
  auto structure = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structure)
    return LLVM::LoadOp::create(*this, type, room);
  Value result = LLVM::PoisonOp::create(*this, type);
  for (auto [i, member] : llvm::enumerate(structure.getBody())) {
    Value value = LLVM::LoadOp::create(*this, member, at(room, i));
    result = LLVM::InsertValueOp::create(*this, result, value, i);
  }
  return result;
}

LogicalResult Emulator::rewriteAddress(LLVM::AddressOfOp op) {
  unsigned space = cast<LLVM::LLVMPointerType>(op.getType()).getAddressSpace();
  Value address;
  if (space == 3)
    address = once(shared, [&]() -> Value {
      Value plain =
          call(offsetof(moert_emulator_t, shared), {}, pointerType(*this));
      return LLVM::AddrSpaceCastOp::create(*this, op.getType(), plain);
    });
  else
    address = LLVM::AddrSpaceCastOp::create(
        *this, op.getType(),
        LLVM::AddressOfOp::create(
            *this, pointerType(*this),
            (kEmulatedPrefix + op.getGlobalName()).str()));
  op.replaceAllUsesWith(address);
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Value Emulator::special(moert_emulator_special_t which) {
  return once(specials[which], [&] {
    return call(offsetof(moert_emulator_t, special), i32(which), getI32Type());
  });
}

void Emulator::access(Value address, int64_t bytes, int32_t kind,
                      int32_t site) {
  Value size = LLVM::ConstantOp::create(*this, getI64IntegerAttr(bytes));
  call(offsetof(moert_emulator_t, access),
       {plain(address), size, i32(kind), i32(site)});
}

void Emulator::barrier(Value id, Value threads, int32_t site) {
  call(offsetof(moert_emulator_t, barrier), {id, threads, i32(site)});
}

void Emulator::syncWarp(Value mask, int32_t site) {
  call(offsetof(moert_emulator_t, sync_warp), {mask, i32(site)});
}

Value Emulator::shuffle(moert_emulator_shuffle_t mode, Value mask, Value bits,
                        Value lane, Value clamp, int32_t site) {
  return call(offsetof(moert_emulator_t, shuffle),
              {i32(mode), mask, bits, lane, clamp, i32(site)}, getI32Type());
}

Value Emulator::ballot(Value mask, Value predicate, int32_t site) {
  return call(offsetof(moert_emulator_t, ballot), {mask, predicate, i32(site)},
              getI32Type());
}

void Emulator::multiply(int32_t shape, Value a, Value b, Value c, Value d,
                        int32_t site) {
  call(offsetof(moert_emulator_t, mma), {i32(shape), a, b, c, d, i32(site)});
}

void Emulator::loadMatrix(int32_t count, bool isTransposed, Value row,
                          Value result, int32_t site) {
  call(offsetof(moert_emulator_t, load_matrix),
       {i32(count), i32(isTransposed), plain(row), result, i32(site)});
}

void Emulator::copyAsync(Value shared, Value global, Value bytes, Value from,
                         int32_t site) {
  call(offsetof(moert_emulator_t, copy_async),
       {plain(shared), plain(global), bytes, from, i32(site)});
}

void Emulator::commitCopies() {
  call(offsetof(moert_emulator_t, commit_copies), {});
}

void Emulator::waitCopies(Value groups) {
  call(offsetof(moert_emulator_t, wait_copies), groups);
}
