//===- ExitPlan.cpp - what is wrong with options is said here -------------===//
#include "ExitPlan.h"

#include "moe/Dialect/MoE/IR/Assembly.h"
#include "moe/Support/UnknownName.h"
#include <cmath>

using namespace mlir;
using namespace moe;
using llvm::createStringError;
using llvm::Twine;

/// Behind each layer but the last, if nobody says.
static llvm::Error planLayers(ArrayRef<int64_t> chosen, int64_t layers,
                              ExitPlan &plan) {
  if (layers < 2)
    return createStringError("exits lie between two layers, the model has " +
                             Twine(layers));
  for (int64_t number = 1; chosen.empty() && number < layers; ++number)
    plan.exits.push_back({number, 0, std::nullopt});
  for (int64_t number : chosen) {
    if (number < 1 || number >= layers)
      return createStringError("exit behind layer " + Twine(number) +
                               " requested, the model has " + Twine(layers) +
                               " layers: rows may leave behind 1 to " +
                               Twine(layers - 1));
    if (!plan.exits.empty() && number <= plan.exits.back().layers)
      return createStringError("exit behind layer " + Twine(number) +
                               " requested after one behind layer " +
                               Twine(plan.exits.back().layers) +
                               ", expected ascending numbers");
    plan.exits.push_back({number, 0, std::nullopt});
  }
  return llvm::Error::success();
}

/// What suffices at some depth suffices deeper.
static llvm::Error planThresholds(ArrayRef<double> chosen, double fallback,
                                  ExitPlan &plan) {
  size_t count = plan.exits.size();
  if (chosen.size() > 1 && chosen.size() != count)
    return createStringError(Twine(chosen.size()) + " thresholds for " +
                             Twine(count) + " exits, expected " +
                             (count > 1 ? "1 or " : "") + Twine(count));
  const ExitPlan::Exit *before = nullptr;
  for (auto [number, exit] : llvm::enumerate(plan.exits)) {
    exit.threshold = chosen.empty()       ? fallback
                     : chosen.size() == 1 ? chosen[0]
                                          : chosen[number];
    if (std::isnan(exit.threshold))
      return createStringError("threshold nan behind layer " +
                               Twine(exit.layers) + ", expected a number");
    if (before && exit.threshold > before->threshold)
      return createStringError(
          "threshold " + realText(APFloat(exit.threshold)) + " behind layer " +
          Twine(exit.layers) + " is above " +
          realText(APFloat(before->threshold)) + " behind layer " +
          Twine(before->layers) + ", expected none that grows with depth");
    before = &exit;
  }
  return llvm::Error::success();
}

static llvm::Error planTaken(ArrayRef<double> counted, ExitPlan &plan) {
  size_t count = plan.exits.size();
  if (!counted.empty() && counted.size() != count)
    return createStringError(Twine(counted.size()) +
                             " shares of leaving rows for " + Twine(count) +
                             " exits, expected " + Twine(count));
  for (auto [share, exit] : llvm::zip(counted, plan.exits)) {
    if (!(share >= 0 && share <= 1))
      return createStringError("share " + realText(APFloat(share)) +
                               " of leaving rows behind layer " +
                               Twine(exit.layers) + ", expected 0 to 1");
    exit.taken = share;
  }
  return llvm::Error::success();
}

llvm::Expected<ExitPlan> ExitPlan::make(const InsertExitsPassOptions &options,
                                        const ExitPolicy &policy,
                                        int64_t layers) {
  ExitPlan plan;
  if (options.state != "propagate" && options.state != "recompute")
    return unknownName("exit state", options.state, "propagate, recompute");
  plan.rowsWait = options.state == "recompute";
  llvm::Expected<BuildHead> head = findExitHead(options.head);
  if (!head)
    return head.takeError();
  plan.buildHead = *head;
  if (llvm::Error error = planLayers(options.layers, layers, plan))
    return std::move(error);
  if (llvm::Error error = planThresholds(options.thresholds,
                                         policy.getDefaultThreshold(), plan))
    return std::move(error);
  if (llvm::Error error = planTaken(options.taken, plan))
    return std::move(error);
  return plan;
}
