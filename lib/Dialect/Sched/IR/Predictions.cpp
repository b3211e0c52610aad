//===- Predictions.cpp - scores, and guesses made of them -----------------===//
#include "moe/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

LogicalResult BlendOp::verify() { return success(); }

LogicalResult PredictOp::verify() { return success(); }

void PredictOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getExperts(), "guessed");
  setName(getConfidence(), "sure");
}
