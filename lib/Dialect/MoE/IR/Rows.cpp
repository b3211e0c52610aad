//===- Rows.cpp - what moves and changes rows one by one ------------------===//
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "moe/Dialect/MoE/IR/Verify.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// EmbedOp, PickOp
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::verify() {
  // embed_c2
  return verifySameRows(
      *this, {{"tokens", getTokens().getType()}, {"result", getType()}});
}

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // embed_c1
  FailureOr<ArrayRef<int64_t>> table =
      verifyWeight(*this, symbols, {"table", getTableAttr()},
                   {anySize, getFeatures(getType())});
  if (failed(table))
    return failure();
  // embed_c4
  if (failed(verifyPlain(*this, symbols, {"table", getTableAttr()})))
    return failure();
  // embed_c3
  auto model = (*this)->getParentOfType<ModelOp>();
  if (model && table->front() < int64_t(model.getVocabulary()))
    return emitOpError() << "table " << getTableAttr() << " has "
                         << table->front()
                         << " rows when the vocabulary of the model has "
                         << model.getVocabulary() << " tokens";
  return success();
}

LogicalResult PickOp::verify() {
  // pick_c1
  RankedTensorType input = getInput().getType(), result = getType();
  if (input.getRank() != result.getRank())
    return emitOpError() << "result is " << result << " when the input is "
                         << input;
  if (input.getRank() == 2 && getFeatures(input) != getFeatures(result))
    return emitOpError() << "result has " << getFeatures(result)
                         << " features when the input has "
                         << getFeatures(input);
  // pick_c2
  return verifySameRows(*this,
                        {{"rows", getRows().getType()}, {"result", getType()}});
}

//===----------------------------------------------------------------------===//
// NormOp, LinearOp, ClampOp
//===----------------------------------------------------------------------===//

LogicalResult NormOp::verify() {
  // norm_c1
  if (!getEpsilon().isFinite() ||
      (getEpsilon().isNegative() && !getEpsilon().isZero()))
    return emitOpError() << "epsilon is " << realText(getEpsilon())
                         << " when it should be finite and at least 0";
  // norm_c2
  return verifyParts(*this, "groups", getGroups(), getType());
}

LogicalResult NormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // norm_c3
  return verifyWeight(*this, symbols, {"scale", getScaleAttr()},
                      getFeatures(getType()) / int64_t(getGroups()));
}

Type moe::getFloatRows(Type rows) {
  auto type = cast<RankedTensorType>(rows);
  return type.clone(Float32Type::get(type.getContext()));
}

LogicalResult QuantizeOp::verify() {
  int64_t block = cast<QuantizedType>(getType().getElementType()).getRotation();
  // quantize_c1
  int64_t features = getFeatures(getType());
  if (block && features % block != 0)
    return emitOpError() << "rotates blocks of " << block
                         << " features when that should divide " << features;
  // quantize_c2
  if (getInput().getType().getShape() != getType().getShape())
    return emitOpError() << "result is " << getType() << " when the input is "
                         << getInput().getType();
  // quantize_c3
  if (getArrivedRotated() && !block)
    return emitOpError("input arrived rotated when the result is not rotated");
  return success();
}

LogicalResult LinearOp::verify() {
  // linear_c3
  return verifySameRows(
      *this, {{"input", getInput().getType()}, {"result", getType()}});
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t inputs = getFeatures(getInput().getType());
  int64_t outputs = getFeatures(getType());
  // linear_c1
  if (failed(verifyWeight(*this, symbols, {"weight", getWeightAttr()},
                          {outputs, inputs})))
    return failure();
  // linear_c4
  if (failed(verifyStored(*this, symbols, {"weight", getWeightAttr()},
                          getInput().getType())))
    return failure();
  // linear_c2
  if (!getBiasAttr())
    return success();
  return verifyWeight(*this, symbols, {"bias", getBiasAttr()}, outputs);
}

LogicalResult ClampOp::verify() {
  // clamp_c1
  if (getLimit().isFinite() && getLimit().isNonZero() &&
      !getLimit().isNegative())
    return success();
  return emitOpError() << "limit is " << realText(getLimit())
                       << " when it should be finite and above 0";
}
