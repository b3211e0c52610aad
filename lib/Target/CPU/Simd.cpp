//===- Simd.cpp - integer instructions of one feature level ---------------===//
#include "Simd.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moe::cpu;
using namespace moe::host;

static constexpr int64_t vectorBytes = 64;

SimdLevel SimdLevel::get(ArrayRef<std::string> features) {
  auto has = [&](const char *name) {
    return llvm::is_contained(features, name);
  };
  SimdLevel level;
  level.hasBytes = has("avx512bw");
  level.hasVnni = level.hasBytes && has("avx512vnni");
  level.hasVbmi = level.hasBytes && has("avx512vbmi");
  return level;
}

static VectorType vectorOf(Type element, int64_t lanes) {
  return VectorType::get({lanes}, element);
}

//===----------------------------------------------------------------------===//
// Vectors and their halves
//===----------------------------------------------------------------------===//

Value Simd::call(StringRef intrinsic, Type result, ArrayRef<Value> arguments) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(intrinsic),
                                       ValueRange(arguments))
      .getResult(0);
}

static Value bitcast(KernelBuilder &b, Value vector, Type element) {
  auto type = cast<VectorType>(vector.getType());
  int64_t lanes = type.getNumElements() *
                  type.getElementTypeBitWidth() / element.getIntOrFloatBitWidth();
  return vector::BitCastOp::create(b, vectorOf(element, lanes), vector);
}

Value Simd::asBytes(Value words) { return bitcast(b, words, b.getI8Type()); }
Value Simd::asWords(Value bytes) { return bitcast(b, bytes, b.getI16Type()); }

Value Simd::bytes(ArrayRef<int64_t> pattern) {
  SmallVector<int8_t> values;
  for (int64_t i = 0; i < vectorBytes; ++i)
    values.push_back(pattern[i % pattern.size()]);
  auto type = vectorOf(b.getI8Type(), vectorBytes);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int8_t>(values)));
}

Value Simd::half(Value vector, int64_t which) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements() / 2;
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{which * lanes}, ArrayRef<int64_t>{lanes},
      ArrayRef<int64_t>{1});
}

Value Simd::join(Value low, Value high) {
  int64_t lanes = 2 * cast<VectorType>(low.getType()).getNumElements();
  return vector::ShuffleOp::create(
      b, low, high, llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
}

Value Simd::byHalves(ArrayRef<Value> vectors,
                     function_ref<Value(ArrayRef<Value>)> apply) {
  Value results[2];
  for (int64_t which : {0, 1}) {
    SmallVector<Value> halves;
    for (Value vector : vectors)
      halves.push_back(half(vector, which));
    results[which] = apply(halves);
  }
  return join(results[0], results[1]);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Activations Simd::loadActivations(Value pointer) {
  Value four = LLVM::LoadOp::create(b, b.getI32Type(), pointer, /*alignment=*/4);
  auto all = vectorOf(b.getI32Type(), vectorBytes / 4);
  if (level.hasVnni)
    return {{asBytes(vector::BroadcastOp::create(b, all, four))}};
  // Words of the even and of the odd activations, for 32 bytes of weights.
  auto half = vectorOf(b.getI32Type(), vectorBytes / 8);
  Value words = asWords(vector::BroadcastOp::create(b, half, four));
  Value eight = arith::ConstantOp::create(
      b, DenseElementsAttr::get(cast<VectorType>(words.getType()),
                                b.getI16IntegerAttr(8)));
  Value odd = arith::ShRSIOp::create(b, words, eight);
  Value even = arith::ShRSIOp::create(
      b, arith::ShLIOp::create(b, words, eight), eight);
  return {{even, odd}};
}

Value Simd::dot(Value sums, Value bytes, const Activations &activations) {
  if (level.hasVnni)
    return call("llvm.x86.avx512.vpdpbusd.512", sums.getType(),
                {sums, bytes, activations.parts[0]});
  // vpmaddubsw would saturate: bytes are widened to words instead.
  Value words = asWords(bytes);
  auto type = cast<VectorType>(words.getType());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getI16IntegerAttr(value)));
  };
  Value even = arith::AndIOp::create(b, words, constant(255));
  Value odd = arith::ShRUIOp::create(b, words, constant(8));
  auto eight = vectorOf(b.getI32Type(), vectorBytes / 8);
  return byHalves({sums, even, odd}, [&](ArrayRef<Value> parts) -> Value {
    Value sum = parts[0];
    for (int64_t i : {0, 1}) {
      Value products = call("llvm.x86.avx2.pmadd.wd", eight,
                            {parts[i + 1], activations.parts[i]});
      sum = arith::AddIOp::create(b, sum, products);
    }
    return sum;
  });
}

Value Simd::mixPairs(Value vector, int64_t even, int64_t odd) {
  Value factors = bytes({even, odd});
  auto words = vectorOf(b.getI16Type(), vectorBytes / 2);
  if (level.hasBytes)
    return call("llvm.x86.avx512.pmaddubs.w.512", words, {vector, factors});
  auto half = vectorOf(b.getI16Type(), vectorBytes / 4);
  return byHalves({vector, factors}, [&](ArrayRef<Value> parts) {
    return call("llvm.x86.avx2.pmadd.ub.sw", half, parts);
  });
}

//===----------------------------------------------------------------------===//
// Look-ups
//===----------------------------------------------------------------------===//

/// Indices have bit 7 clear.
Value Simd::lookUp16(ArrayRef<int64_t> table, Value indices) {
  Value entries = bytes(table);
  if (level.hasBytes)
    return call("llvm.x86.avx512.pshuf.b.512", indices.getType(),
                {entries, indices});
  auto half = vectorOf(b.getI8Type(), vectorBytes / 2);
  return byHalves({entries, indices}, [&](ArrayRef<Value> parts) {
    return call("llvm.x86.avx2.pshuf.b", half, parts);
  });
}

Value Simd::lookUp(ArrayRef<int64_t> table, Value indices) {
  if (table.size() == 16)
    return lookUp16(table, indices);
  if (table.size() == 256) {
    Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, indices,
                                         bytes({0}));
    return arith::SelectOp::create(b, isHigh,
                                   lookUp(table.drop_front(128), indices),
                                   lookUp(table.take_front(128), indices));
  }
  assert(table.size() == 128 && "tables of other sizes do not occur");
  if (level.hasVbmi)
    return call("llvm.x86.avx512.vpermi2var.qi.512", indices.getType(),
                {bytes(table.take_front(64)), indices,
                 bytes(table.drop_front(64))});
  // Sixteen entries at a time; the three bits above choose among them.
  Value low = arith::AndIOp::create(b, indices, bytes({15}));
  SmallVector<Value> found;
  for (int64_t i = 0; i < 8; ++i)
    found.push_back(lookUp16(table.slice(16 * i, 16), low));
  for (int64_t bit = 16; found.size() > 1; bit *= 2) {
    Value isSet = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ne,
        arith::AndIOp::create(b, indices, bytes({bit})), bytes({0}));
    SmallVector<Value> next;
    for (size_t i = 0; i < found.size(); i += 2)
      next.push_back(
          arith::SelectOp::create(b, isSet, found[i + 1], found[i]));
    found = std::move(next);
  }
  return found.front();
}
