//===- FeedForward.cpp - what dense and routed networks demand ------------===//
#include "moe/Dialect/MoE/IR/Verify.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// MlpOp
//===----------------------------------------------------------------------===//

LogicalResult MlpOp::verify() {
  // mlp_c5
  bool isQuantized = isa<QuantizedType>(getInput().getType().getElementType());
  bool wantsRows = getSharedGate() && isQuantized;
  if (bool(getGateInput()) != wantsRows)
    return emitOpError() << "shared gate has " << (getGateInput() ? 1 : 0)
                         << " inputs of its own when it should have "
                         << (wantsRows ? 1 : 0);
  if (wantsRows && getGateInput().getType() != getType())
    return emitOpError() << "shared gate takes " << getGateInput().getType()
                         << " when it should take " << getType();
  return success();
}

LogicalResult MlpOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t features = getFeatures(getType());
  // mlp_c1
  FailureOr<ArrayRef<int64_t>> gate = verifyWeight(
      *this, symbols, {"gate", getGateAttr()}, {anySize, features});
  if (failed(gate) ||
      failed(verifyWeight(*this, symbols, {"up", getUpAttr()}, *gate)))
    return failure();
  // mlp_c4
  if (failed(verifyStored(*this, symbols, {"gate", getGateAttr()},
                          getInput().getType())) ||
      failed(verifyStored(*this, symbols, {"up", getUpAttr()},
                          getInput().getType())))
    return failure();
  // mlp_c2
  if (failed(verifyWeight(*this, symbols, {"down", getDownAttr()},
                          {features, (*gate)[0]})))
    return failure();
  // mlp_c3
  if (!getSharedGateAttr())
    return success();
  SymbolUse shared{"shared gate", getSharedGateAttr()};
  if (failed(verifyPlain(*this, symbols, shared)))
    return failure();
  return verifyWeight(*this, symbols, shared, {1, features});
}

//===----------------------------------------------------------------------===//
// RouteOp
//===----------------------------------------------------------------------===//

LogicalResult RouteOp::verify() {
  int64_t k = getK();
  int64_t experts = getFeatures(getLogits().getType());
  // route_c1
  if (k < 1 || k > experts)
    return emitOpError() << k << " experts requested, there are " << experts;
  // route_c2
  for (RankedTensorType result :
       {getExperts().getType(), getWeights().getType()})
    if (getFeatures(result) != k)
      return emitOpError() << "a result has " << getFeatures(result)
                           << " columns when k is " << k;
  // route_c3
  if (failed(verifyFinite(*this, "scale", getScale())))
    return failure();
  // route_c4
  return verifySameRows(*this, {{"logits", getLogits().getType()},
                                {"experts", getExperts().getType()},
                                {"weights", getWeights().getType()}});
}

//===----------------------------------------------------------------------===//
// ExpertsOp
//===----------------------------------------------------------------------===//

LogicalResult ExpertsOp::verify() {
  // experts_c3
  int64_t experts = getFeatures(getExperts().getType());
  int64_t weights = getFeatures(getWeights().getType());
  if (experts != weights)
    return emitOpError() << "a row has " << weights << " weights for "
                         << experts << " experts";
  // experts_c5
  return verifySameRows(*this, {{"input", getType()},
                                {"experts", getExperts().getType()},
                                {"weights", getWeights().getType()}});
}

LogicalResult ExpertsOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t features = getFeatures(getType());
  // experts_c1
  FailureOr<ArrayRef<int64_t>> gate = verifyWeight(
      *this, symbols, {"gate", getGateAttr()}, {anySize, anySize, features});
  if (failed(gate) ||
      failed(verifyWeight(*this, symbols, {"up", getUpAttr()}, *gate)))
    return failure();
  int64_t count = (*gate)[0], width = (*gate)[1];
  // experts_c6
  if (failed(verifyStored(*this, symbols, {"gate", getGateAttr()},
                          getInput().getType())) ||
      failed(verifyStored(*this, symbols, {"up", getUpAttr()},
                          getInput().getType())))
    return failure();
  // experts_c2
  if (failed(verifyWeight(*this, symbols, {"down", getDownAttr()},
                          {count, features, width})))
    return failure();
  // experts_c4
  int64_t chosen = getFeatures(getExperts().getType());
  if (chosen > count)
    return emitOpError() << "a row chooses " << chosen << " experts, there are "
                         << count;
  return success();
}
