//===- ExitPolicy.cpp - what most exit policies have in common ------------===//
#include "moe/Exit/ExitPolicy.h"

#include <cmath>

using namespace moe;

std::vector<double> ExitPolicy::getThresholdsToTry(int64_t) const {
  constexpr int steps = 16;
  auto [least, most] = getRange();
  std::vector<double> thresholds;
  for (int step = steps; step >= 0; --step) {
    double threshold = most - (most - least) * std::exp2(-0.5 * step);
    // Four decimals, for people.
    thresholds.push_back(std::round(threshold * 1e4) / 1e4);
  }
  return thresholds;
}

llvm::Error ExitPolicy::fit(llvm::ArrayRef<ExitSample>) {
  return llvm::Error::success();
}

llvm::Error ExitPolicy::setFit(llvm::ArrayRef<double> numbers, size_t) {
  if (numbers.empty())
    return llvm::Error::success();
  return llvm::createStringError("exit policy '" + getName() + "' is given " +
                                 llvm::Twine(numbers.size()) +
                                 " fitted numbers, it has 0");
}
