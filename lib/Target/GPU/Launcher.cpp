//===- Launcher.cpp - kernels, and the host code that launches them -------===//
#include "Launcher.h"
#include "Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/HostCode/AbiCalls.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::KernelBuilder;

Value moe::cuda::blocksFor(KernelBuilder &b, Value count, int64_t size) {
  return b.div(b.add(count, size - 1), size);
}

static std::string nameOfShape(MemRefType type) {
  std::string name = "_";
  llvm::raw_string_ostream stream(name);
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      stream << size << "x";
  stream << type.getElementType();
  return name;
}

/// What a kernel takes for a host value.
static Type kernelType(KernelBuilder &b, Type type) {
  if (isa<MemRefType, LLVM::LLVMPointerType>(type))
    return LLVM::LLVMPointerType::get(b.getContext(), kGlobal);
  if (isa<IndexType>(type))
    return b.getI32Type();
  return type;
}

static Value kernelArgument(KernelBuilder &b, Value value) {
  if (isa<IndexType>(value.getType()))
    return arith::IndexCastOp::create(b, b.getI32Type(), value);
  if (isa<MemRefType>(value.getType()))
    value = host::addressOf(b, value);
  if (isa<LLVM::LLVMPointerType>(value.getType()))
    return LLVM::AddrSpaceCastOp::create(b, kernelType(b, value.getType()),
                                         value);
  return value;
}

void Launcher::launch(std::string name, Grid grid, int64_t threads,
                      ArrayRef<Value> arguments,
                      function_ref<void(ThreadBuilder &, ValueRange)> emit) {
  SmallVector<Type> types;
  for (Value argument : arguments) {
    if (auto type = dyn_cast<MemRefType>(argument.getType()))
      name += nameOfShape(type);
    types.push_back(kernelType(b, argument.getType()));
  }
  gpu::GPUFuncOp kernel = getKernel(name, threads, types, emit);
  auto emitLaunch = [&] {
    Value one = b.index(1);
    gpu::KernelDim3 blocks{grid.x, grid.y ? grid.y : one, one};
    gpu::KernelDim3 block{b.index(threads), one, one};
    SmallVector<Value> operands;
    for (Value argument : arguments)
      operands.push_back(kernelArgument(b, argument));
    gpu::LaunchFuncOp::create(b, kernel, blocks, block,
                              /*dynamicSharedMemorySize=*/Value(), operands);
  };
  if (guard)
    guard(emitLaunch);
  else
    emitLaunch();
}

gpu::GPUFuncOp
Launcher::getKernel(const std::string &name, int64_t threads, TypeRange types,
                    function_ref<void(ThreadBuilder &, ValueRange)> emit) {
  auto [it, isNew] = functions.try_emplace(name);
  if (!isNew)
    return it->second;
  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  Location loc = b.getLoc();
  auto function = gpu::GPUFuncOp::create(builder, loc, name,
                                         builder.getFunctionType(types, {}));
  it->second = function;
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  function.setKnownBlockSizeAttr(
      builder.getDenseI32ArrayAttr({int32_t(threads), 1, 1}));
  builder.setInsertionPointToStart(&function.getBody().front());
  ThreadBuilder thread(loc, builder, threads);
  emit(thread, function.getArguments());
  gpu::ReturnOp::create(thread);
  function->setAttr(kSharedBytes,
                    builder.getI64IntegerAttr(thread.sharedBytes()));
  return function;
}

std::string Launcher::nameOf(CodeAttr code) {
  std::string name = code.getName().str();
  for (char &c : name)
    if (!isalnum(c))
      c = '_'; // PTX has no dashes in names
  std::string base = name;
  for (int64_t number = 1;; ++number) {
    auto [it, isNew] = codes.try_emplace(name, code);
    if (isNew || it->second == code)
      return name;
    name = (base + "_" + Twine(number)).str();
  }
}

Value Launcher::getTable(ThreadBuilder &thread, StringRef name,
                         DenseElementsAttr values) {
  auto [it, isNew] = tables.try_emplace(name);
  if (isNew) {
    OpBuilder builder = OpBuilder::atBlockBegin(kernels.getBody());
    ShapedType shape = values.getType();
    auto type = LLVM::LLVMArrayType::get(shape.getElementType(),
                                         shape.getNumElements());
    it->second = LLVM::GlobalOp::create(
        builder, b.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
        name, values, /*alignment=*/16, kGlobal);
  }
  return LLVM::AddressOfOp::create(thread, it->second);
}
