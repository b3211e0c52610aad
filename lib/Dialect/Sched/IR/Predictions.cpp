//===- Predictions.cpp - scores, and guesses made of them -----------------===//
#include "Verify.h"

#include "moe/Dialect/MoE/IR/Assembly.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

LogicalResult sched::verifyLayer(Operation *op, int64_t layer) {
  if (layer >= 0)
    return success();
  return op->emitOpError() << "layer is " << layer
                           << " when it should be at least 0";
}

//===----------------------------------------------------------------------===//
// BlendOp
//===----------------------------------------------------------------------===//

LogicalResult BlendOp::verify() {
  // blend_c1; without scores there is no type that the result could have.
  if (!getWeights())
    return success();
  if (getWeights()->size() != getScores().size())
    return emitOpError() << "has " << getWeights()->size() << " weights for "
                         << getScores().size() << " scores";
  for (auto [index, weight] : llvm::enumerate(*getWeights()))
    if (failed(verifyFinite(*this, ("weight " + Twine(index)).str(),
                            APFloat(weight))))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// PredictOp
//===----------------------------------------------------------------------===//

// predict_c1
static LogicalResult verifyCounts(PredictOp op) {
  int64_t experts = getFeatures(op.getScores().getType());
  for (auto [name, count] : {std::pair("count", int64_t(op.getCount())),
                             std::pair("chosen", int64_t(op.getChosen()))})
    if (count < 1 || count > experts)
      return op.emitOpError()
             << name << " is " << count << " when it should lie between 1 and "
             << experts;
  return success();
}

// predict_c3
static LogicalResult verifyCalibration(PredictOp op) {
  ArrayRef<double> calibration = op.getCalibration();
  if (calibration.size() != 2)
    return op.emitOpError() << "calibration has " << calibration.size()
                            << " numbers when it should have 2";
  if (failed(verifyFinite(op, "slope", APFloat(calibration[0]))) ||
      failed(verifyFinite(op, "bias", APFloat(calibration[1]))))
    return failure();
  if (calibration[0] > 0)
    return success();
  return op.emitOpError() << "slope is " << realText(APFloat(calibration[0]))
                          << " when it should be above 0.0";
}

LogicalResult PredictOp::verify() {
  if (failed(verifyCounts(*this)))
    return failure();
  // predict_c2
  int64_t count = getCount();
  for (RankedTensorType result :
       {getExperts().getType(), getConfidence().getType()})
    if (getFeatures(result) != count)
      return emitOpError() << "a result has " << getFeatures(result)
                           << " columns when count is " << count;
  if (failed(verifyCalibration(*this)))
    return failure();
  // predict_c4
  if (failed(
          verifySameRows(*this, {{"scores", getScores().getType()},
                                 {"experts", getExperts().getType()},
                                 {"confidence", getConfidence().getType()}})))
    return failure();
  // predict_c5
  return verifyLayer(*this, getLayer());
}

void PredictOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getExperts(), ("guessed." + Twine(getLayer())).str());
  setName(getConfidence(), ("sure." + Twine(getLayer())).str());
}

//===----------------------------------------------------------------------===//
// RecordOp
//===----------------------------------------------------------------------===//

LogicalResult RecordOp::verify() {
  // record_c1
  int64_t experts = getFeatures(getExperts().getType());
  int64_t weights = getFeatures(getWeights().getType());
  if (experts != weights)
    return emitOpError() << "a row has " << weights << " weights for "
                         << experts << " experts";
  if (failed(verifySameRows(*this, {{"logits", getLogits().getType()},
                                    {"experts", getExperts().getType()},
                                    {"weights", getWeights().getType()}})))
    return failure();
  // record_c2
  return verifyLayer(*this, getLayer());
}
