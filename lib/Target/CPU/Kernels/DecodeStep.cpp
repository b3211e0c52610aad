//===- DecodeStep.cpp - 64 columns of 16 rows become levels ---------------===//
#include "StoredKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

static constexpr int64_t quadsOfStep = CodeAttr::stepColumns / 4;
static constexpr int64_t vectorBytes = 64;

Value StepDecoder::load(Value pointer, int64_t vector) {
  Value address = b.pointerAt(pointer, b.index(vector * vectorBytes));
  auto type = VectorType::get({vectorBytes}, b.getI8Type());
  return LLVM::LoadOp::create(b, type, address, alignment);
}

static Value shifted(KernelBuilder &b, Simd &simd, Value bytes, int64_t left) {
  if (left == 0)
    return bytes;
  Value amount = simd.bytes({std::abs(left)});
  if (left > 0)
    return arith::ShLIOp::create(b, bytes, amount);
  return arith::ShRUIOp::create(b, bytes, amount);
}

SmallVector<Value> StepDecoder::getStart() {
  if (code.getLayout() == CodeLayout::Planes)
    return {};
  return {simd.asWords(simd.bytes({0}))};
}

SmallVector<Value>
StepDecoder::decode(Value pointer, ValueRange before,
                    function_ref<void(int64_t, Value)> use) {
  if (code.getLayout() == CodeLayout::Planes) {
    decodePlanes(pointer, use);
    return {};
  }
  // words[j] and words[j - 1] hold the 16 bits of a lane that end before bit
  // 16 j of its stream in this step.
  SmallVector<Value> words(before);
  for (int64_t i = 0; i < 7; ++i)
    words.push_back(simd.asWords(load(pointer, i)));
  for (int64_t pair = 0; pair < quadsOfStep; ++pair) {
    int64_t end = 7 * (pair + 1);
    int64_t word = (end - 1) / 16, inside = end - 16 * word;
    Value state = words[word + 1];
    if (inside < 16) {
      Value amount = simd.asWords(simd.bytes({16 - inside, 0}));
      state = LLVM::FshlOp::create(b, state.getType(), state, words[word],
                                   amount);
    }
    use(pair, pairLevels(state));
  }
  return {words.back()};
}

Value StepDecoder::pairLevels(Value state) {
  ArrayRef<int64_t> levels = code.getLevels();
  if (code.isTrellis()) {
    Value mixed = simd.mixPairs(simd.asBytes(state), code.getWindow()[0],
                                code.getWindow()[1]);
    mixed = arith::AddIOp::create(b, mixed, state);
    return simd.lookUp(levels, simd.asBytes(mixed));
  }
  // The newest 7 bits, in both bytes of the pair.
  auto constant = [&](int64_t value) {
    return simd.asWords(simd.bytes({value & 255, value >> 8}));
  };
  Value number = arith::ShRUIOp::create(b, state, constant(9));
  Value both = arith::OrIOp::create(
      b, number, arith::ShLIOp::create(b, number, constant(8)));
  Value indices = simd.asBytes(both);
  Value first = simd.lookUp(levels.take_front(128), indices);
  if (levels.size() == 128)
    return first;
  Value second = simd.lookUp(levels.drop_front(128), indices);
  auto type = VectorType::get({vectorBytes}, b.getI1Type());
  SmallVector<bool> isFirst;
  for (int64_t i = 0; i < vectorBytes; ++i)
    isFirst.push_back(i % 2 == 0);
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<bool>(isFirst)));
  return arith::SelectOp::create(b, mask, first, second);
}

void StepDecoder::decodePlanes(Value pointer,
                               function_ref<void(int64_t, Value)> use) {
  // Vectors of each plane, the one with the fields' lowest bits first.
  struct Plane {
    int64_t bits, place;
    SmallVector<Value> vectors;
  };
  SmallVector<Plane> planes;
  int64_t vector = 0, place = 0;
  for (int64_t bits = 8; bits >= 1; bits /= 2)
    if (code.getBits() & bits) {
      Plane plane{bits, place, {}};
      for (int64_t i = 0; i < 2 * bits; ++i)
        plane.vectors.push_back(load(pointer, vector++));
      place += bits;
      planes.push_back(plane);
    }
  for (int64_t quad = 0; quad < quadsOfStep; ++quad) {
    Value field;
    for (const Plane &plane : planes) {
      int64_t perVector = 8 / plane.bits;
      Value bytes = plane.vectors[quad / perVector];
      int64_t from = quad % perVector * plane.bits;
      Value part = shifted(b, simd, bytes, plane.place - from);
      int64_t mask = ((1 << plane.bits) - 1) << plane.place;
      if (plane.bits < 8)
        part = arith::AndIOp::create(b, part, simd.bytes({mask}));
      field = field ? arith::OrIOp::create(b, field, part) : part;
    }
    ArrayRef<int64_t> levels = code.getLevels();
    if (!levels.empty()) {
      // Look-ups have 16, 128 or 256 entries; fields reach the first ones.
      SmallVector<int64_t> table(levels);
      table.resize(levels.size() <= 16 ? 16 : std::max<size_t>(128, levels.size()));
      field = simd.lookUp(table, field);
    }
    use(quad, field);
  }
}
