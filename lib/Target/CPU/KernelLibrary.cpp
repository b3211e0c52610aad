//===- KernelLibrary.cpp - functions that are written on first use --------===//
#include "KernelLibrary.h"

#include "moert/abi/module.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

func::FuncOp
KernelLibrary::get(StringRef name, TypeRange types,
                   function_ref<void(KernelBuilder &, ValueRange)> emit) {
  auto [it, isNew] = functions.try_emplace(name);
  if (!isNew)
    return it->second;
  KernelBuilder b(loc, OpBuilder::atBlockEnd(module.getBody()));
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  // The body may ask for further functions, which moves the table's entries.
  it->second = function;
  function.setPrivate();
  b.setInsertionPointToStart(function.addEntryBlock());
  emit(b, function.getArguments());
  func::ReturnOp::create(b);
  return function;
}

std::string KernelLibrary::nameOf(CodeAttr code) {
  std::string name = code.getName().str();
  for (int64_t number = 1;; ++number) {
    auto [it, isNew] = codes.try_emplace(name, code);
    if (isNew || it->second == code)
      return name;
    name = (code.getName() + "_" + Twine(number)).str();
  }
}

Value KernelLibrary::getTable(KernelBuilder &b, StringRef name,
                              ArrayRef<float> values) {
  auto type =
      RankedTensorType::get({int64_t(values.size())}, b.getF32Type());
  return getTable(b, name, DenseElementsAttr::get(type, values));
}

Value KernelLibrary::getTable(KernelBuilder &b, StringRef name,
                              ArrayRef<int32_t> values) {
  auto type =
      RankedTensorType::get({int64_t(values.size())}, b.getI32Type());
  return getTable(b, name, DenseElementsAttr::get(type, values));
}

Value KernelLibrary::getTable(KernelBuilder &b, StringRef name,
                              DenseElementsAttr values) {
  ShapedType shape = values.getType();
  auto type = MemRefType::get(shape.getShape(), shape.getElementType());
  auto [it, isNew] = tables.try_emplace(name);
  if (isNew) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    it->second = memref::GlobalOp::create(
        b, name, b.getStringAttr("private"), type, values, /*constant=*/true,
        b.getI64IntegerAttr(MOERT_ABI_ALIGNMENT));
  }
  return memref::GetGlobalOp::create(b, type, it->second.getSymName());
}
