//===- Predictor.cpp - what all predictors share --------------------------===//
#include "moe/Prefetch/Predictor.h"

#include <algorithm>

using namespace moe;

void TraceGuesses::dropRows(int64_t rows) {
  experts.erase(experts.begin(), experts.begin() + rows * count);
  confidence.erase(confidence.begin(), confidence.begin() + rows * count);
}

int64_t moe::getUsualCount(int64_t experts, int64_t chosen) {
  return std::max(chosen, std::min(2 * chosen, experts / 2));
}

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
