//===- KernelBuilder.cpp - short words for writing kernels as IR ----------===//
#include "moe/HostCode/KernelBuilder.h"
#include "moe/HostCode/Exponential.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe::host;

//===----------------------------------------------------------------------===//
// Constants and arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value KernelBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value KernelBuilder::like(Value other, double value) {
  Type type = other.getType();
  FloatAttr attr = getF32FloatAttr(value);
  if (auto vectorType = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(*this,
                                     DenseElementsAttr::get(vectorType, attr));
  return arith::ConstantOp::create(*this, attr);
}

VectorType KernelBuilder::vector(int64_t lanes) {
  return VectorType::get({lanes}, getF32Type());
}

Value KernelBuilder::zeros(int64_t lanes) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vector(lanes), getF32FloatAttr(0)));
}

Value KernelBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b);
}
Value KernelBuilder::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, index(b));
}
Value KernelBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b);
}
Value KernelBuilder::mul(Value a, int64_t b) { return mul(a, index(b)); }
Value KernelBuilder::div(Value a, int64_t b) {
  return arith::DivUIOp::create(*this, a, index(b));
}
Value KernelBuilder::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}
Value KernelBuilder::toIndex(Value integer) {
  return arith::IndexCastOp::create(*this, getIndexType(), integer);
}
Value KernelBuilder::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}

Value KernelBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value KernelBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value KernelBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value KernelBuilder::fdiv(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);
}
Value KernelBuilder::fmax(Value a, Value b) {
  Value greater = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b);
  return arith::SelectOp::create(*this, greater, a, b);
}

Value KernelBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(*this, vector(lanes), scalar);
}

Value KernelBuilder::exp(Value x) { return emitExp(*this, x); }

Value KernelBuilder::sigmoid(Value x) {
  Value one = like(x, 1.0);
  Value e = exp(arith::NegFOp::create(*this, x));
  return fdiv(one, fadd(one, e));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::load(RowRef row, Value column, int64_t lanes) {
  Type element = cast<MemRefType>(row.buffer.getType()).getElementType();
  Value value = vector::LoadOp::create(*this, VectorType::get({lanes}, element),
                                       row.buffer, ValueRange{row.row, column});
  if (element.isF32())
    return value;
  return arith::ExtFOp::create(*this, vector(lanes), value);
}

Value KernelBuilder::loadScalar(RowRef row, Value column) {
  Value value =
      memref::LoadOp::create(*this, row.buffer, ValueRange{row.row, column});
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(*this, getF32Type(), value);
}

void KernelBuilder::store(Value value, RowRef row, Value column) {
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(*this, value, row.buffer,
                            ValueRange{row.row, column});
  else
    memref::StoreOp::create(*this, value, row.buffer,
                            ValueRange{row.row, column});
}

Value KernelBuilder::loadInt(Value buffer, ValueRange indices) {
  return toIndex(memref::LoadOp::create(*this, buffer, indices));
}

Value KernelBuilder::padded(Value value) {
  int64_t lanes = cast<VectorType>(value.getType()).getDimSize(0);
  if (lanes == kLanes)
    return value;
  return vector::InsertStridedSliceOp::create(
      *this, value, zeros(kLanes), ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
}

static Value slice(KernelBuilder &b, Value vector, int64_t first,
                   int64_t lanes) {
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{lanes},
      ArrayRef<int64_t>{1});
}

/// 16 lanes to 4: lane i becomes the sum of lanes i, i+4, i+8 and i+12.
static Value foldToFour(KernelBuilder &b, Value vector) {
  Value eight = b.fadd(slice(b, vector, 0, 8), slice(b, vector, 8, 8));
  return b.fadd(slice(b, eight, 0, 4), slice(b, eight, 4, 4));
}

Value KernelBuilder::sumLanes(Value vector) {
  Value four = foldToFour(*this, vector);
  auto lane = [&](int64_t i) -> Value {
    return vector::ExtractOp::create(*this, four, i);
  };
  return fadd(fadd(lane(0), lane(1)), fadd(lane(2), lane(3)));
}

Value KernelBuilder::sumLanesOfFour(ArrayRef<Value> vectors) {
  SmallVector<Value> f;
  for (Value v : vectors)
    f.push_back(foldToFour(*this, v));
  auto shuffle = [&](Value a, Value b, ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(*this, a, b, mask);
  };
  // A transpose of 4 x 4: lane i of rows[j] is lane j of f[i].
  Value ab01 = shuffle(f[0], f[1], {0, 4, 1, 5});
  Value ab23 = shuffle(f[0], f[1], {2, 6, 3, 7});
  Value cd01 = shuffle(f[2], f[3], {0, 4, 1, 5});
  Value cd23 = shuffle(f[2], f[3], {2, 6, 3, 7});
  Value row0 = shuffle(ab01, cd01, {0, 1, 4, 5});
  Value row1 = shuffle(ab01, cd01, {2, 3, 6, 7});
  Value row2 = shuffle(ab23, cd23, {0, 1, 4, 5});
  Value row3 = shuffle(ab23, cd23, {2, 3, 6, 7});
  return fadd(fadd(row0, row1), fadd(row2, row3));
}

Value KernelBuilder::maxLane(Value vector) {
  for (int64_t lanes = kLanes / 2; lanes >= 1; lanes /= 2)
    vector = fmax(slice(*this, vector, 0, lanes),
                  slice(*this, vector, lanes, lanes));
  return vector::ExtractOp::create(*this, vector, 0);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step,
                         function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(*this, begin, end, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}

SmallVector<Value>
KernelBuilder::loop(Value begin, Value end, int64_t step, ValueRange inits,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (inits.empty()) {
    loop(begin, end, step, [&](Value i) { body(i, {}); });
    return {};
  }
  auto op = scf::ForOp::create(*this, begin, end, index(step), inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  scf::YieldOp::create(*this,
                       body(op.getInductionVar(), op.getRegionIterArgs()));
  return SmallVector<Value>(op.getResults());
}

void KernelBuilder::tiles(Value begin, Value end, ArrayRef<int64_t> sizes,
                          function_ref<void(Value, int64_t)> body) {
  for (int64_t size : sizes) {
    Value last = end;
    if (size > 1)
      last = add(begin, mul(div(sub(end, begin), size), size));
    loop(begin, last, size, [&](Value first) { body(first, size); });
    begin = last;
  }
}

Value KernelBuilder::wholeSteps(Value begin, Value end, int64_t step,
                                int64_t size) {
  if (size % step == 0)
    return end;
  return add(begin, mul(div(sub(end, begin), step), step));
}

void KernelBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body();
}

void KernelBuilder::parallel(Value env, Value count,
                             function_ref<void(Value, Value)> body) {
  Value workers =
      toIndex(loadField(env, offsetof(moert_abi_env_t, workers), getI64Type()));
  Value slices = min(workers, count);
  auto op = scf::ParallelOp::create(*this, ValueRange{index(0)},
                                    ValueRange{slices}, ValueRange{index(1)});
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  Value slice = op.getInductionVars().front();
  auto bound = [&](Value s) -> Value {
    return arith::DivUIOp::create(*this, mul(s, count), slices);
  };
  body(bound(slice), bound(add(slice, 1)));
}

//===----------------------------------------------------------------------===//
// Raw memory of the ABI
//===----------------------------------------------------------------------===//

Value KernelBuilder::loadField(Value pointer, int64_t byteOffset, Type type) {
  Value address = LLVM::GEPOp::create(
      *this, LLVM::LLVMPointerType::get(getContext()), getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{int32_t(byteOffset)});
  return LLVM::LoadOp::create(*this, type, address);
}

Value KernelBuilder::rowsOf(Value buffer) {
  return memref::DimOp::create(*this, buffer, 0);
}

Value KernelBuilder::addressOf(RowRef row) {
  auto type = cast<MemRefType>(row.buffer.getType());
  int64_t bytes = type.getDimSize(1) * type.getElementTypeBitWidth() / 8;
  Value base =
      memref::ExtractAlignedPointerAsIndexOp::create(*this, row.buffer);
  Value address = arith::IndexCastOp::create(*this, getI64Type(),
                                             add(base, mul(row.row, bytes)));
  return LLVM::IntToPtrOp::create(
      *this, LLVM::LLVMPointerType::get(getContext()), address);
}

Value KernelBuilder::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(*this, condition, yes, no);
}

Value KernelBuilder::pointerAt(Value pointer, Value byteOffset) {
  Value offset = arith::IndexCastOp::create(*this, getI64Type(), byteOffset);
  return LLVM::GEPOp::create(*this, LLVM::LLVMPointerType::get(getContext()),
                             getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{offset});
}

MemRefType KernelBuilder::rowsType(int64_t columns, Type element) {
  return MemRefType::get({ShapedType::kDynamic, columns}, element);
}

Value KernelBuilder::bufferAt(Value pointer, MemRefType type,
                              ValueRange sizes) {
  return makeBuffer(*this, pointer, type, sizes);
}

int64_t moe::host::columnsOf(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getDimSize(1);
}

Value moe::host::makeBuffer(ImplicitLocOpBuilder &b, Value pointer,
                           MemRefType type, ValueRange sizes) {
  // The descriptor that the conversion of memref to llvm expects.
  MLIRContext *context = b.getContext();
  auto pointerType = LLVM::LLVMPointerType::get(context);
  Type i64 = b.getI64Type();
  auto array = LLVM::LLVMArrayType::get(i64, type.getRank());
  auto descriptorType = LLVM::LLVMStructType::getLiteral(
      context, {pointerType, pointerType, i64, array, array});
  Value descriptor = LLVM::PoisonOp::create(b, descriptorType);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(b, descriptor, value, position);
  };
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(constant(0), {2});
  int64_t stride = 1;
  int64_t dynamic = sizes.size();
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    Value size;
    if (type.isDynamicDim(i))
      size = arith::IndexCastOp::create(b, i64, sizes[--dynamic]);
    else
      size = constant(type.getDimSize(i));
    insert(size, {3, i});
    insert(constant(stride), {4, i});
    // Only the first dimension may be dynamic, so the strides are known.
    if (i > 0)
      stride *= type.getDimSize(i);
  }
  return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
}
