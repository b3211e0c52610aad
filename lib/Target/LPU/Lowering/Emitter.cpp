//===- Emitter.cpp - short words for writing lpu programs -----------------===//
#include "Lowering/Emitter.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe::lpu;

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

static Type elementOf(Value value) {
  if (auto stream = dyn_cast<StreamType>(value.getType()))
    return stream.getElementType();
  return cast<VectorsType>(value.getType()).getElementType();
}

static Type streamOf(Type element) {
  return StreamType::get(element.getContext(), element);
}

Value Tree::read(Value buffer, int64_t index, int64_t step) {
  return ReadOp::create(b, streamOf(elementOf(buffer)), buffer, index, step);
}

Value Tree::gather(Value buffer, int64_t index, Value map, int64_t step) {
  return GatherOp::create(b, streamOf(elementOf(buffer)), buffer, index, step,
                          read(map));
}

Value Tree::permute(Value value, Value map) {
  return PermuteOp::create(b, value.getType(), value, read(map));
}

Value Tree::multiply(Value value, Value weights) {
  Type element = cast<WeightsType>(weights.getType()).getElementType();
  Type result = element.isF16() ? Type(b.getF32Type()) : Type(b.getI32Type());
  return MultiplyOp::create(b, streamOf(result), value, weights);
}

Value Tree::alu(AluKind kind, Value lhs, Value rhs, Type result) {
  Type type = result ? streamOf(result) : lhs.getType();
  return AluOp::create(b, type, kind, lhs, rhs, /*saturate=*/false);
}

Value Tree::convert(Value value, Type element) {
  return alu(AluKind::Convert, value, {}, element);
}

void Tree::write(Value value, Value buffer, int64_t index, int64_t step) {
  WriteOp::create(b, value, IntegerAttr(), buffer, b.getI64IntegerAttr(index),
                  b.getI64IntegerAttr(step), b.getI64IntegerAttr(1));
}

void Tree::writeByte(Value value, int64_t byte, Value buffer, int64_t index,
                     int64_t step, int64_t copies) {
  WriteOp::create(b, value, b.getI64IntegerAttr(byte), buffer,
                  b.getI64IntegerAttr(index), b.getI64IntegerAttr(step),
                  b.getI64IntegerAttr(copies));
}

void Tree::scatter(Value value, Value buffer, int64_t index, Value map) {
  ScatterOp::create(b, value, buffer, index, 0, read(map));
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static Location locationOf(ProgramOp program) { return program.getLoc(); }

Emitter::Emitter(ProgramOp program, const moert::lpu::Machine &machine,
                 int64_t chip, bool results)
    : machine(machine), chip(chip), results(results),
      buffers(locationOf(program), program.getContext()),
      steps(locationOf(program), program.getContext()) {
  Block &body = program.getBody().front();
  steps.setInsertionPointToEnd(&body);
  // What marks the end of the buffers goes when all is written.
  buffers.setInsertionPointToStart(&body);
  f32 = steps.getF32Type();
  f16 = steps.getF16Type();
  i32 = steps.getI32Type();
  i16 = steps.getIntegerType(16);
  i8 = steps.getI8Type();
}

Value Emitter::buffer(BufferKind kind, StringRef name, Side side, int64_t count,
                      Type element) {
  auto type = VectorsType::get(buffers.getContext(), count, element);
  return BufferOp::create(buffers, type, kind, buffers.getStringAttr(name),
                          side, chip, /*values=*/ElementsAttr(),
                          /*loads=*/ArrayAttr(), /*place=*/PlaceAttr());
}

Value Emitter::parameter(StringRef name, Side side, int64_t count, Type element,
                         ArrayRef<Attribute> loads) {
  Value value = buffer(BufferKind::Parameter, name, side, count, element);
  value.getDefiningOp<BufferOp>().setLoadsAttr(buffers.getArrayAttr(loads));
  return value;
}

LoadAttr Emitter::load(StringRef name, int64_t parameter, int64_t matrix,
                       Field field, int64_t first, ArrayRef<int32_t> rows,
                       ArrayRef<int32_t> columns, bool transposed,
                       ArrayRef<float> factors) {
  MLIRContext *context = buffers.getContext();
  DenseF32ArrayAttr factorList;
  if (!factors.empty())
    factorList = buffers.getDenseF32ArrayAttr(factors);
  return LoadAttr::get(context, buffers.getStringAttr(name), parameter, matrix,
                       field, first, transposed,
                       IndicesAttr::get(context, rows),
                       IndicesAttr::get(context, columns), factorList);
}

Value Emitter::constant(std::string key, DenseElementsAttr values, Side side,
                        Type element, int64_t count) {
  key += stringifySide(side).str();
  Value &known = constants[key];
  if (!known) {
    known = buffer(BufferKind::Constant, "constant", side, count, element);
    known.getDefiningOp<BufferOp>().setValuesAttr(values);
  }
  return known;
}

static std::string keyOf(const void *data, size_t bytes) {
  return std::string(static_cast<const char *>(data), bytes);
}

Value Emitter::splatBits(uint32_t bits, Type element, Side side) {
  // Four bytes are written as one number.
  Type written = isa<VectorType>(element) ? i32 : element;
  auto type = RankedTensorType::get({1}, written);
  Attribute value;
  if (written.isF32())
    value = FloatAttr::get(written,
                           APFloat(APFloat::IEEEsingle(), APInt(32, bits)));
  else
    value = IntegerAttr::get(written, APInt(32, bits));
  std::string key = "s" + keyOf(&bits, 4);
  key += element.isF32() ? "f" : isa<VectorType>(element) ? "v" : "i";
  return constant(key, DenseElementsAttr::get(type, value), side, element, 1);
}

Value Emitter::splat(double value, Side side) {
  return splatBits(llvm::bit_cast<uint32_t>(float(value)), f32, side);
}

Value Emitter::lanes(ArrayRef<float> values, Side side) {
  auto type = RankedTensorType::get({1, width()}, f32);
  SmallVector<float> all(values);
  all.resize(width());
  return constant("f" + keyOf(all.data(), all.size() * 4),
                  DenseElementsAttr::get(type, ArrayRef<float>(all)), side, f32,
                  1);
}

Value Emitter::lanes(ArrayRef<int32_t> values, Type element, Side side) {
  auto type = RankedTensorType::get({1, width()}, element);
  SmallVector<APInt> all;
  for (int64_t i = 0; i < width(); ++i)
    all.push_back(APInt(element.getIntOrFloatBitWidth(),
                        i < int64_t(values.size()) ? values[i] : 0,
                        /*isSigned=*/true, /*implicitTrunc=*/true));
  std::string key = "i" + std::to_string(element.getIntOrFloatBitWidth()) +
                    keyOf(values.data(), values.size() * 4);
  return constant(key, DenseElementsAttr::get(type, all), side, element, 1);
}

Value Emitter::bytes(ArrayRef<int8_t> values, Side side) {
  int64_t count = values.size() / width();
  auto type = RankedTensorType::get({count, width()}, i8);
  return constant("b" + keyOf(values.data(), values.size()),
                  DenseElementsAttr::get(type, values), side, i8, count);
}

Value Emitter::splats(StringRef name, ArrayRef<float> values, Side side) {
  auto type = RankedTensorType::get({int64_t(values.size())}, f32);
  Value value = buffer(BufferKind::Constant, name, side, values.size(), f32);
  value.getDefiningOp<BufferOp>().setValuesAttr(
      DenseElementsAttr::get(type, values));
  return value;
}

Side Emitter::sideOf(Value buffer) {
  return buffer.getDefiningOp<BufferOp>().getSide();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void Emitter::cluster(const Twine &name, function_ref<void(Tree &)> body,
                      int64_t times, int64_t every) {
  auto op = ClusterOp::create(steps, steps.getStringAttr(name), times, every);
  OpBuilder::InsertionGuard guard(steps);
  steps.createBlock(&op.getBody());
  Tree tree(steps);
  body(tree);
}

Value Emitter::install(const Twine &name, Value tiles, int64_t index, Value map,
                       bool expand) {
  auto type = WeightsType::get(steps.getContext(), i8);
  return InstallOp::create(steps, type, tiles, /*high=*/Value(), index, map,
                           expand, steps.getStringAttr(name));
}

Value Emitter::installHalves(const Twine &name, Value low, Value high,
                             int64_t index) {
  auto type = WeightsType::get(steps.getContext(), f16);
  return InstallOp::create(steps, type, low, high, index, /*map=*/Value(),
                           /*expand=*/false, steps.getStringAttr(name));
}

void Emitter::transfer(const Twine &name, Value source, int64_t from,
                       Value target, int64_t into, int64_t link) {
  TransferOp::create(steps, steps.getStringAttr(name), source, from, target,
                     into, link);
}

Operation *Emitter::boundary(const Twine &name, Value score) {
  OpBuilder::InsertionGuard guard(steps);
  goBefore(nullptr);
  return BoundaryOp::create(steps, steps.getStringAttr(name), score);
}

void Emitter::goBefore(Operation *boundary) {
  if (boundary)
    steps.setInsertionPoint(boundary);
  else
    steps.setInsertionPointToEnd(steps.getBlock());
}

Value Emitter::copyTo(Side side, Value source) {
  if (sideOf(source) == side)
    return source;
  auto type = cast<VectorsType>(source.getType());
  Value copy = temporary("copy", side, type.getCount(), type.getElementType());
  this->copy("copy", source, copy);
  return copy;
}

void Emitter::copy(const Twine &name, Value from, Value into) {
  for (int64_t v = 0; v < countOf(from); ++v)
    cluster(name, [&](Tree &t) {
      t.write(t.alu(AluKind::Pass, t.read(from, v)), into, v);
    });
}
