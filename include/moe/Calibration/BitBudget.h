//===- BitBudget.h - spends bits where they count most ----------*- C++ -*-===//
#ifndef MOE_CALIBRATION_BITBUDGET_H
#define MOE_CALIBRATION_BITBUDGET_H

#include "moe/Quant/QuantScheme.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>

namespace moe {

struct Registry;

/// A scheme that a budget may be spent on.
struct BudgetScheme {
  std::string name;
  CodeAttr code;
  double error = 0; ///< QuantScheme::getGaussianError()
};

/// All schemes with a code, sorted by name.
std::vector<BudgetScheme> getBudgetSchemes(const Registry &registry,
                                           mlir::MLIRContext *context);

/// A weight to be stored; a whole bank of experts is one, since moe.weight has
/// one code.
struct BudgetTensor {
  std::string symbol;
  int64_t matrices = 1, rows = 0, columns = 0;
  /// Loss for each unit of relative squared error.
  double sensitivity = 0;
};

/// With the sensitivity that is assumed without calibration: the number of
/// weights, as if an error counted alike in each of them.
BudgetTensor getBudgetTensor(WeightOp weight);

struct BudgetPlan {
  std::map<std::string, std::string> schemes; ///< by symbol
  double bits = 0; ///< of a weight, all that is stored counted
  double loss = 0; ///< sum of sensitivity * error
};

/// The schemes with the least loss whose bits for each weight, on average over
/// all tensors and with scales and zeros counted, are at most `bits`. Fails if
/// the smallest schemes need more.
llvm::Expected<BudgetPlan> spendBits(llvm::ArrayRef<BudgetTensor> tensors,
                                     llvm::ArrayRef<BudgetScheme> schemes,
                                     double bits);

} // namespace moe

#endif // MOE_CALIBRATION_BITBUDGET_H
