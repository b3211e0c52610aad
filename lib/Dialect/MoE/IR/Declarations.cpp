//===- Declarations.cpp - what a model and its constants demand -----------===//
#include "moe/Dialect/MoE/IR/Verify.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <limits>

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// ModelOp
//===----------------------------------------------------------------------===//

// model_c1: tokens and positions are i32.
static LogicalResult verifyCount(ModelOp model, StringRef name, int64_t count) {
  constexpr int64_t largest = std::numeric_limits<int32_t>::max();
  if (count >= 1 && count <= largest)
    return success();
  return model.emitOpError() << name << " is " << count
                             << " when it should lie between 1 and " << largest;
}

LogicalResult ModelOp::verify() {
  if (failed(verifyCount(*this, "context", getContext())))
    return failure();
  return verifyCount(*this, "vocabulary", getVocabulary());
}

// model_c2
static LogicalResult verifyForward(ModelOp model) {
  Operation *symbol = SymbolTable::lookupSymbolIn(model, "forward");
  if (!symbol)
    return success();
  auto forward = dyn_cast<func::FuncOp>(symbol);
  if (!forward)
    return symbol->emitOpError(
        "is called forward, so it should be a func.func");
  if (forward.isExternal())
    return forward.emitOpError("is called forward, so it should have a body");

  FunctionType type = forward.getFunctionType();
  auto kv =
      type.getNumInputs() == 5 ? dyn_cast<KvType>(type.getInput(4)) : KvType();
  if (!kv)
    return forward.emitOpError()
           << "has inputs (" << type.getInputs()
           << ") when forward should have four tensor<?xi32> and a !moe.kv";
  Builder builder(model.getOperation());
  Type indices =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Type logits = RankedTensorType::get(
      {ShapedType::kDynamic, int64_t(model.getVocabulary())},
      builder.getF32Type());
  FunctionType expected = builder.getFunctionType(
      {indices, indices, indices, indices, kv}, {logits, kv});
  if (type != expected)
    return forward.emitOpError()
           << "has type " << type << " when forward should have " << expected;
  return success();
}

LogicalResult ModelOp::verifyRegions() {
  // model_c3: other dialects declare what belongs to a model too.
  for (Operation &op : getBody().front())
    if (!isa<WeightOp, RopeTableOp, func::FuncOp>(op) &&
        !op.hasTrait<OpTrait::HasParent<ModelOp>::Impl>())
      return op.emitOpError("lies in a moe.model, which holds only moe.weight, "
                            "moe.rope_table, func.func and operations that "
                            "lie only in a moe.model");
  return verifyForward(*this);
}

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

/// Bytes of a static tensor; none if they do not fit 63 bits.
static std::optional<int64_t> countBytes(RankedTensorType type) {
  std::optional<int64_t> bytes = type.getElementTypeBitWidth() / 8;
  for (int64_t size : type.getShape())
    if (bytes)
      bytes = llvm::checkedMul(*bytes, size);
  return bytes;
}

uint64_t WeightOp::getByteSize() { return *countBytes(getTensorType()); }

int64_t WeightOp::getMatrices() {
  RankedTensorType type = getTensorType();
  return type.getRank() == 3 ? type.getDimSize(0) : 1;
}

int64_t WeightOp::getRows() {
  RankedTensorType type = getTensorType();
  return type.getRank() > 1 ? type.getDimSize(type.getRank() - 2) : 1;
}

int64_t WeightOp::getColumns() { return getTensorType().getShape().back(); }

uint64_t WeightOp::getStoredSize() {
  if (CodeAttr code = getCodeAttr())
    return llvm::SaturatingMultiply<uint64_t>(
        getMatrices(), code.getMatrixBytes(getRows(), getColumns()));
  return getByteSize();
}

// weight_c1
static LogicalResult verifyTensor(WeightOp weight) {
  RankedTensorType type = weight.getTensorType();
  if (!type.hasStaticShape() || llvm::is_contained(type.getShape(), 0))
    return weight.emitOpError() << "has type " << type
                                << " when every dimension should be a number "
                                   "of at least 1";
  if (!isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType()))
    return weight.emitOpError() << "has elements of " << type.getElementType()
                                << " when they should be f32, f16 or bf16";
  if (!countBytes(type))
    return weight.emitOpError()
           << "has type " << type << ", which has more than "
           << std::numeric_limits<int64_t>::max() << " bytes";
  return success();
}

// weight_c2
static LogicalResult verifySources(WeightOp weight) {
  ArrayAttr sources = weight.getSources();
  bool areExtents = llvm::all_of(sources, llvm::IsaPred<ExtentAttr>);
  bool isComputed =
      sources.size() == 1 && isa<SplatAttr, RandomAttr, ValuesAttr>(sources[0]);
  if (!sources.empty() && (areExtents || isComputed))
    return success();
  return weight.emitOpError()
         << "has sources " << sources << " when it should have extents, or one "
         << "splat, random or values";
}

// weight_c3
static LogicalResult verifyAmount(WeightOp weight) {
  ArrayAttr sources = weight.getSources();
  if (auto values = dyn_cast<ValuesAttr>(sources[0])) {
    int64_t listed = values.getElements().size();
    int64_t elements = weight.getTensorType().getNumElements();
    if (listed != elements)
      return weight.emitOpError()
             << "lists " << listed << " values when its type has " << elements;
  }
  if (!isa<ExtentAttr>(sources[0]))
    return success();
  uint64_t bytes = 0;
  for (ExtentAttr extent : sources.getAsRange<ExtentAttr>())
    bytes = llvm::SaturatingAdd(bytes, extent.getLength());
  if (bytes != weight.getByteSize())
    return weight.emitOpError()
           << "has extents of " << bytes << " bytes when its type has "
           << weight.getByteSize();
  return success();
}

// weight_c4
static LogicalResult verifyCode(WeightOp weight) {
  if (!weight.getCode())
    return success();
  int64_t rank = weight.getTensorType().getRank();
  if (rank != 2 && rank != 3)
    return weight.emitOpError() << "of rank " << rank
                                << " is stored as a code when its rank should "
                                   "be 2 or 3";
  constexpr int64_t largest = std::numeric_limits<int64_t>::max();
  if (weight.getStoredSize() > uint64_t(largest))
    return weight.emitOpError()
           << "has type " << weight.getTensorType()
           << ", whose codes have more than " << largest << " bytes";
  return success();
}

// weight_c5
static LogicalResult verifyRotation(WeightOp weight, StringRef what,
                                    std::optional<uint64_t> block,
                                    int64_t size) {
  if (!block)
    return success();
  if (!weight.getCode())
    return weight.emitOpError() << "has rotated " << what
                                << " when only a weight stored as a code has";
  if (!isRotationBlock(*block))
    return weight.emitOpError()
           << "has rotated blocks of " << *block << " " << what
           << " when that should be a power of two between 2 and "
           << largestRotation;
  if (size % *block != 0)
    return weight.emitOpError() << "has rotated blocks of " << *block << " "
                                << what << " when that should divide " << size;
  return success();
}

LogicalResult WeightOp::verify() {
  if (failed(verifyTensor(*this)) || failed(verifySources(*this)) ||
      failed(verifyCode(*this)) ||
      failed(verifyRotation(*this, "columns", getColumnRotation(),
                            getColumns())) ||
      failed(verifyRotation(*this, "rows", getRowRotation(), getRows())))
    return failure();
  return verifyAmount(*this);
}

//===----------------------------------------------------------------------===//
// RopeTableOp
//===----------------------------------------------------------------------===//

LogicalResult RopeTableOp::verify() {
  // rope_table_c1
  if (getFrequencies().empty())
    return emitOpError("has 0 frequencies when it should have at least 1");
  for (auto [index, value] :
       llvm::enumerate(getFrequencies().getAsValueRange<FloatAttr>()))
    if (failed(verifyFinite(*this, ("frequency " + Twine(index)).str(), value)))
      return failure();
  // rope_table_c2
  return verifyFinite(*this, "gain", getGain());
}
