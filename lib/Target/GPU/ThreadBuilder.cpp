//===- ThreadBuilder.cpp - short words for what one thread does -----------===//
#include "ThreadBuilder.h"
#include "moe/HostCode/Exponential.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// Who am I
//===----------------------------------------------------------------------===//

static Value number(ThreadBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}

Value ThreadBuilder::threadId() {
  return number(*this, gpu::ThreadIdOp::create(*this, gpu::Dimension::x));
}
Value ThreadBuilder::lane() { return bitAnd(threadId(), kWarp - 1); }
Value ThreadBuilder::warp() { return shr(threadId(), 5); }
Value ThreadBuilder::blockX() {
  return number(*this, gpu::BlockIdOp::create(*this, gpu::Dimension::x));
}
Value ThreadBuilder::blockY() {
  return number(*this, gpu::BlockIdOp::create(*this, gpu::Dimension::y));
}
Value ThreadBuilder::blocksX() {
  return number(*this, gpu::GridDimOp::create(*this, gpu::Dimension::x));
}

//===----------------------------------------------------------------------===//
// Constants and types
//===----------------------------------------------------------------------===//

Value ThreadBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}
Value ThreadBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}
Value ThreadBuilder::i1(bool value) {
  return arith::ConstantOp::create(*this, getBoolAttr(value));
}
Value ThreadBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

/// A number or a splat of it.
static Value constantOf(ThreadBuilder &b, Type type, TypedAttr number) {
  if (auto shape = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(shape, number));
  return arith::ConstantOp::create(b, number);
}

Value ThreadBuilder::like(Value other, double value) {
  Type element = getElementTypeOrSelf(other.getType());
  return constantOf(*this, other.getType(), FloatAttr::get(element, value));
}
Type ThreadBuilder::pointer(unsigned space) {
  return LLVM::LLVMPointerType::get(getContext(), space);
}
VectorType ThreadBuilder::vectorOf(Type element, int64_t size) {
  return VectorType::get({size}, element);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static Value integerLike(ThreadBuilder &b, Value other, int64_t value) {
  Type element = getElementTypeOrSelf(other.getType());
  return constantOf(b, other.getType(), b.getIntegerAttr(element, value));
}

Value ThreadBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b);
}
Value ThreadBuilder::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, integerLike(*this, a, b));
}
Value ThreadBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}
Value ThreadBuilder::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b);
}
Value ThreadBuilder::mul(Value a, int64_t b) {
  return b == 1 ? a : mul(a, integerLike(*this, a, b));
}
Value ThreadBuilder::div(Value a, Value b) {
  return arith::DivUIOp::create(*this, a, b);
}
Value ThreadBuilder::div(Value a, int64_t b) {
  return b == 1 ? a : div(a, integerLike(*this, a, b));
}
Value ThreadBuilder::rem(Value a, Value b) {
  return arith::RemUIOp::create(*this, a, b);
}
Value ThreadBuilder::rem(Value a, int64_t b) {
  return rem(a, integerLike(*this, a, b));
}
Value ThreadBuilder::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}
Value ThreadBuilder::max(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}
Value ThreadBuilder::bitAnd(Value a, Value b) {
  return arith::AndIOp::create(*this, a, b);
}
Value ThreadBuilder::bitAnd(Value a, int64_t mask) {
  return bitAnd(a, integerLike(*this, a, mask));
}
Value ThreadBuilder::bitOr(Value a, Value b) {
  return arith::OrIOp::create(*this, a, b);
}
Value ThreadBuilder::bitXor(Value a, Value b) {
  return arith::XOrIOp::create(*this, a, b);
}
Value ThreadBuilder::shl(Value a, int64_t bits) {
  return bits ? arith::ShLIOp::create(*this, a, integerLike(*this, a, bits))
                    .getResult()
              : a;
}
Value ThreadBuilder::shr(Value a, int64_t bits) {
  return bits ? arith::ShRUIOp::create(*this, a, integerLike(*this, a, bits))
                    .getResult()
              : a;
}
Value ThreadBuilder::wide(Value a) {
  return a.getType().isInteger(64)
             ? a
             : arith::ExtUIOp::create(*this, getI64Type(), a).getResult();
}
Value ThreadBuilder::narrow(Value a) {
  return arith::TruncIOp::create(*this, getI32Type(), a);
}
Value ThreadBuilder::extend(Value a, Type type, bool isSigned) {
  return isSigned ? arith::ExtSIOp::create(*this, type, a).getResult()
                  : arith::ExtUIOp::create(*this, type, a).getResult();
}
Value ThreadBuilder::truncate(Value a, Type type) {
  return arith::TruncIOp::create(*this, type, a);
}
Value ThreadBuilder::bitcast(Value a, Type type) {
  // llvm's cast also goes between a number and a vector of smaller ones.
  return a.getType() == type ? a
                             : LLVM::BitcastOp::create(*this, type, a).getResult();
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

static Value compare(ThreadBuilder &b, arith::CmpIPredicate predicate, Value x,
                     Value y) {
  return arith::CmpIOp::create(b, predicate, x, y);
}
Value ThreadBuilder::less(Value a, Value b) {
  return compare(*this, arith::CmpIPredicate::slt, a, b);
}
Value ThreadBuilder::lessOrEqual(Value a, Value b) {
  return compare(*this, arith::CmpIPredicate::sle, a, b);
}
Value ThreadBuilder::equal(Value a, Value b) {
  return compare(*this, arith::CmpIPredicate::eq, a, b);
}
Value ThreadBuilder::notEqual(Value a, Value b) {
  return compare(*this, arith::CmpIPredicate::ne, a, b);
}
Value ThreadBuilder::both(Value a, Value b) { return bitAnd(a, b); }
Value ThreadBuilder::either(Value a, Value b) { return bitOr(a, b); }
Value ThreadBuilder::isGreater(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b);
}
Value ThreadBuilder::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(*this, condition, yes, no);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value ThreadBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value ThreadBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value ThreadBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value ThreadBuilder::fdiv(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
Value ThreadBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);
}
Value ThreadBuilder::fmax(Value a, Value b) {
  return select(isGreater(a, b), a, b);
}
Value ThreadBuilder::fabs(Value a) { return math::AbsFOp::create(*this, a); }
Value ThreadBuilder::sqrt(Value a) { return math::SqrtOp::create(*this, a); }
Value ThreadBuilder::roundEven(Value a) {
  return math::RoundEvenOp::create(*this, a);
}
/// The type of `value`, with elements of another type.
static Type withElement(Value value, Type element) {
  auto shape = dyn_cast<VectorType>(value.getType());
  return shape ? VectorType::get(shape.getShape(), element) : element;
}
Value ThreadBuilder::toFloat(Value integer) {
  Type type = withElement(integer, getF32Type());
  return arith::SIToFPOp::create(*this, type, integer);
}
Value ThreadBuilder::toInt(Value number) {
  Type type = withElement(number, getI32Type());
  return arith::FPToSIOp::create(*this, type, number);
}
Value ThreadBuilder::widen(Value number) {
  Type type = withElement(number, getF32Type());
  return number.getType() == type
             ? number
             : arith::ExtFOp::create(*this, type, number).getResult();
}

Value ThreadBuilder::exp(Value x) { return host::emitExp(*this, x); }

Value ThreadBuilder::sigmoid(Value x) {
  Value one = like(x, 1.0);
  Value e = exp(arith::NegFOp::create(*this, x));
  return fdiv(one, fadd(one, e));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value ThreadBuilder::at(Value pointer, Type element, Value index) {
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer,
                             ValueRange{wide(index)});
}
Value ThreadBuilder::at(Value pointer, Type element, int64_t index) {
  return index ? at(pointer, element, i64(index)) : pointer;
}

static int64_t bytesOf(Type type) {
  auto shape = dyn_cast<VectorType>(type);
  int64_t count = shape ? shape.getNumElements() : 1;
  Type element = getElementTypeOrSelf(type);
  int64_t bits = isa<LLVM::LLVMPointerType>(element)
                     ? 64
                     : element.getIntOrFloatBitWidth();
  return count * bits / 8;
}

static int64_t alignmentOf(Type type, int64_t given) {
  return given ? given
               : std::min<int64_t>(16, llvm::bit_floor(uint64_t(bytesOf(type))));
}

Value ThreadBuilder::load(Type type, Value pointer, Value index,
                          int64_t alignment) {
  Value address = at(pointer, getElementTypeOrSelf(type), index);
  return LLVM::LoadOp::create(*this, type, address, alignmentOf(type, alignment));
}
Value ThreadBuilder::load(Type type, Value pointer, int64_t index,
                          int64_t alignment) {
  Value address = at(pointer, getElementTypeOrSelf(type), index);
  return LLVM::LoadOp::create(*this, type, address, alignmentOf(type, alignment));
}
void ThreadBuilder::store(Value value, Value pointer, Value index,
                          int64_t alignment) {
  Type type = value.getType();
  LLVM::StoreOp::create(*this, value,
                        at(pointer, getElementTypeOrSelf(type), index),
                        alignmentOf(type, alignment));
}
void ThreadBuilder::store(Value value, Value pointer, int64_t index,
                          int64_t alignment) {
  Type type = value.getType();
  LLVM::StoreOp::create(*this, value,
                        at(pointer, getElementTypeOrSelf(type), index),
                        alignmentOf(type, alignment));
}
Value ThreadBuilder::loadConstant(Type type, Value pointer, Value index,
                                  bool streams, int64_t alignment) {
  Value address = at(pointer, getElementTypeOrSelf(type), index);
  // An invariant load of global memory becomes ld.global.nc.
  return LLVM::LoadOp::create(*this, type, address, alignmentOf(type, alignment),
                              /*isVolatile=*/false, /*isNonTemporal=*/streams,
                              /*isInvariant=*/true);
}
Value ThreadBuilder::extract(Value vector, int64_t index) {
  return vector::ExtractOp::create(*this, vector, index);
}
Value ThreadBuilder::insert(Value scalar, Value vector, int64_t index) {
  return vector::InsertOp::create(*this, scalar, vector, index);
}

static constexpr StringLiteral sharedSymbol = "moe_shared";

/// The one symbol behind which all dynamic shared memory of a block lies.
static LLVM::GlobalOp sharedGlobal(ThreadBuilder &b) {
  auto module = b.getInsertionBlock()
                    ->getParentOp()
                    ->getParentOfType<gpu::GPUModuleOp>();
  if (!module)
    module = cast<gpu::GPUModuleOp>(
        b.getInsertionBlock()->getParentOp()->getParentOp());
  if (auto global = module.lookupSymbol<LLVM::GlobalOp>(sharedSymbol))
    return global;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
  return LLVM::GlobalOp::create(b, type, /*isConstant=*/false,
                                LLVM::Linkage::External, sharedSymbol,
                                Attribute(), /*alignment=*/128, kShared);
}

Value ThreadBuilder::shared(int64_t bytes, int64_t alignment) {
  int64_t offset = llvm::alignTo(usedShared, alignment);
  usedShared = offset + bytes;
  Value base = LLVM::AddressOfOp::create(*this, sharedGlobal(*this));
  return at(base, getI8Type(), offset);
}

Value ThreadBuilder::atomicAdd(Value pointer, Value index, Value value) {
  return LLVM::AtomicRMWOp::create(
      *this, LLVM::AtomicBinOp::add, at(pointer, value.getType(), index), value,
      LLVM::AtomicOrdering::monotonic);
}

//===----------------------------------------------------------------------===//
// Together
//===----------------------------------------------------------------------===//

static constexpr int64_t allLanes = 0xffffffff;

void ThreadBuilder::barrier() { gpu::BarrierOp::create(*this); }

void ThreadBuilder::syncWarp() {
  NVVM::SyncWarpOp::create(*this, i32(allLanes));
}

static Value shuffled(ThreadBuilder &b, Value value, Value lane,
                      NVVM::ShflKind kind) {
  return NVVM::ShflOp::create(b, value.getType(), b.i32(allLanes), value, lane,
                              b.i32(kWarp - 1), kind, UnitAttr());
}
Value ThreadBuilder::shuffleXor(Value value, int64_t mask) {
  return shuffled(*this, value, i32(mask), NVVM::ShflKind::bfly);
}
Value ThreadBuilder::shuffle(Value value, Value lane) {
  return shuffled(*this, value, lane, NVVM::ShflKind::idx);
}
Value ThreadBuilder::ballot(Value condition) {
  return NVVM::VoteSyncOp::create(*this, getI32Type(), i32(allLanes), condition,
                                  NVVM::VoteSyncKind::ballot);
}
Value ThreadBuilder::sumInts(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask >= 1; mask /= 2)
    value = add(value, shuffleXor(value, mask));
  return value;
}
Value ThreadBuilder::maxOver(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask >= 1; mask /= 2) {
    Value other = shuffleXor(value, mask);
    value = value.getType().isF32() ? fmax(value, other) : max(value, other);
  }
  return value;
}
Value ThreadBuilder::sumSixteen(Value value) {
  // Lane i adds lanes i + 8, then i + 4; then (0 + 1) + (2 + 3). A sum of two has
  // the same bits in both orders.
  for (int64_t mask : {8, 4, 1, 2})
    value = fadd(value, shuffleXor(value, mask));
  return value;
}

//===----------------------------------------------------------------------===//
// Copies that do not wait
//===----------------------------------------------------------------------===//

void ThreadBuilder::copyAsync(Value shared, Value global, int64_t bytes,
                              Value from) {
  // Past the first-level cache where the hardware can: 16 bytes.
  auto kind = bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                          : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(*this, shared, global, uint32_t(bytes), kind, from);
}
void ThreadBuilder::commitCopies() {
  NVVM::CpAsyncCommitGroupOp::create(*this);
}
void ThreadBuilder::waitCopies(int64_t groups) {
  NVVM::CpAsyncWaitGroupOp::create(*this, uint32_t(groups));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value ThreadBuilder::dot4(Value a, Value b, Value acc, bool aSigned,
                          bool bSigned) {
  auto bytes = vectorOf(getI8Type(), 4);
  auto kind = [](bool isSigned) {
    return isSigned ? NVVM::DotAccumulateType::SIGNED
                    : NVVM::DotAccumulateType::UNSIGNED;
  };
  return NVVM::DotAccumulate4WayOp::create(*this, getI32Type(),
                                           bitcast(a, bytes), kind(aSigned),
                                           bitcast(b, bytes), kind(bSigned), acc);
}

static SmallVector<Value> membersOf(ThreadBuilder &b, Value structure,
                                    int64_t count) {
  SmallVector<Value> members;
  for (int64_t i = 0; i < count; ++i)
    members.push_back(LLVM::ExtractValueOp::create(b, structure, i));
  return members;
}

static SmallVector<Value>
multiply(ThreadBuilder &builder, ValueRange a, ValueRange b, ValueRange c,
         int64_t depth, NVVM::MMATypes typeA, NVVM::MMATypes typeB,
         std::optional<NVVM::MMAIntOverflow> overflow) {
  SmallVector<Type> four(4, c.front().getType());
  auto type =
      LLVM::LLVMStructType::getLiteral(builder.getContext(), four);
  std::array<NVVM::MMALayout, 2> layouts = {NVVM::MMALayout::row,
                                            NVVM::MMALayout::col};
  Value result = NVVM::MmaOp::create(
      builder, type, a, b, c, ArrayRef<int64_t>{16, 8, depth}, std::nullopt,
      overflow, std::array<NVVM::MMATypes, 2>{typeA, typeB}, layouts);
  return membersOf(builder, result, 4);
}

SmallVector<Value> ThreadBuilder::mmaBf16(ValueRange a, ValueRange b,
                                          ValueRange c) {
  return multiply(*this, a, b, c, 16, NVVM::MMATypes::bf16,
                  NVVM::MMATypes::bf16, std::nullopt);
}

SmallVector<Value> ThreadBuilder::mmaInt8(ValueRange a, ValueRange b,
                                          ValueRange c, bool bSigned) {
  return multiply(*this, a, b, c, 32, NVVM::MMATypes::s8,
                  bSigned ? NVVM::MMATypes::s8 : NVVM::MMATypes::u8,
                  NVVM::MMAIntOverflow::wrapped);
}

SmallVector<Value> ThreadBuilder::loadMatrix(Value shared, int64_t count,
                                             bool transposed) {
  Type type = getI32Type();
  if (count > 1)
    type = LLVM::LLVMStructType::getLiteral(getContext(),
                                            SmallVector<Type>(count, type));
  Value loaded = NVVM::LdMatrixOp::create(
      *this, type, shared, uint32_t(count),
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  return count > 1 ? membersOf(*this, loaded, count)
                   : SmallVector<Value>{loaded};
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void ThreadBuilder::loop(Value begin, Value end, Value step,
                         function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(*this, begin, end, step);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}

void ThreadBuilder::loop(int64_t begin, Value end, int64_t step,
                         function_ref<void(Value)> body) {
  loop(i32(begin), end, i32(step), body);
}

SmallVector<Value>
ThreadBuilder::loop(Value begin, Value end, Value step, ValueRange inits,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (inits.empty()) {
    loop(begin, end, step, [&](Value i) { body(i, {}); });
    return {};
  }
  auto op = scf::ForOp::create(*this, begin, end, step, inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  scf::YieldOp::create(*this,
                       body(op.getInductionVar(), op.getRegionIterArgs()));
  return SmallVector<Value>(op.getResults());
}

void ThreadBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body();
}

SmallVector<Value>
ThreadBuilder::choose(Value condition, TypeRange types,
                      function_ref<SmallVector<Value>()> yes,
                      function_ref<SmallVector<Value>()> no) {
  auto op = scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  for (auto [block, make] :
       {std::pair(op.thenBlock(), yes), std::pair(op.elseBlock(), no)}) {
    setInsertionPointToStart(block);
    scf::YieldOp::create(*this, make());
  }
  return SmallVector<Value>(op.getResults());
}
