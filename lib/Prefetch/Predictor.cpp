//===- Predictor.cpp - what all predictors share --------------------------===//
#include "moe/Prefetch/Predictor.h"

using namespace moe;

llvm::Error Predictor::fit(const RoutingTrace &) {
  return llvm::Error::success();
}
