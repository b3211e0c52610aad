//===- Predictor.cpp - what all predictors share --------------------------===//
#include "moe/Prefetch/Predictor.h"

using namespace moe;

RoutingTrace moe::getTeachingRows(const RoutingTrace &trace) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < int64_t(trace.rows.size()); ++row)
    if (isTeachingRow(row))
      rows.push_back(row);
  return trace.pick(rows);
}

llvm::Error Predictor::fit(const RoutingTrace &) {
  return llvm::Error::success();
}
