//===- AbiCalls.cpp - calls from compiled code to the runtime -------------===//
#include "moe/HostCode/AbiCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe::host;

Type moe::host::pointerType(KernelBuilder &b) {
  return LLVM::LLVMPointerType::get(b.getContext());
}

Value moe::host::nullPointer(KernelBuilder &b) {
  return LLVM::ZeroOp::create(b, pointerType(b));
}

Value moe::host::isSet(KernelBuilder &b, Value pointer) {
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, pointer,
                              nullPointer(b));
}

Value moe::host::pointerIf(KernelBuilder &b, Value condition,
                          function_ref<Value()> make) {
  auto op = scf::IfOp::create(b, TypeRange{pointerType(b)}, condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(b, make());
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, nullPointer(b));
  return op.getResult(0);
}

Value moe::host::addressOf(KernelBuilder &b, Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  address = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, pointerType(b), address);
}

Value moe::host::number(KernelBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

Value moe::host::rowCount(KernelBuilder &b, Value buffer) {
  return arith::IndexCastOp::create(b, b.getI64Type(), b.rowsOf(buffer));
}

Value moe::host::hasField(KernelBuilder &b, Value arguments, int64_t field) {
  Value size = b.loadField(arguments, offsetof(moert_abi_forward_t, size),
                           b.getI32Type());
  Value least = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(field + sizeof(void *)));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, size, least);
}

Value moe::host::callWith(KernelBuilder &b, Value function, ValueRange arguments,
                         Type result) {
  if (!result)
    result = LLVM::LLVMVoidType::get(b.getContext());
  auto type = LLVM::LLVMFunctionType::get(
      result, llvm::to_vector(arguments.getTypes()));
  SmallVector<Value> operands = {function};
  llvm::append_range(operands, arguments);
  auto call = LLVM::CallOp::create(b, type, operands);
  return isa<LLVM::LLVMVoidType>(result) ? Value() : call.getResult();
}
