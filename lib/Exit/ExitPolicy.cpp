//===- ExitPolicy.cpp - what most exit policies have in common ------------===//
#include "moe/Exit/ExitPolicy.h"

using namespace moe;

llvm::Error ExitPolicy::fit(llvm::ArrayRef<ExitSample>) {
  return llvm::Error::success();
}

llvm::Error ExitPolicy::setFit(llvm::ArrayRef<double> numbers) {
  if (numbers.empty())
    return llvm::Error::success();
  return llvm::createStringError("exit policy '" + getName() + "' is given " +
                                 llvm::Twine(numbers.size()) +
                                 " fitted numbers, it has 0");
}
