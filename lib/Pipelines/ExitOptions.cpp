//===- ExitOptions.cpp - contradictions are found before any work ---------===//
#include "ExitOptions.h"

#include "OptionValue.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitPolicy.h"
#include "moe/Support/UnknownName.h"
#include "moe/Target/TargetBackend.h"
#include <cmath>

using namespace mlir;
using namespace moe;

static constexpr StringLiteral states[] = {"propagate", "recompute", "verify"};

bool ExitOptions::isLeaving() const {
  return options->exitPolicy.getValue() != "none";
}

//===----------------------------------------------------------------------===//
// Names and uses
//===----------------------------------------------------------------------===//

llvm::Error ExitOptions::verifyNames(const Registry &registry) const {
  const auto &policies = registry.exitPolicies;
  if (isLeaving() && !policies.count(options->exitPolicy))
    return unknownName("exit policy", options->exitPolicy,
                       llvm::join(llvm::make_first_range(policies), ", ") +
                           ", none");
  if (!llvm::is_contained(states, options->exitState.getValue()))
    return unknownName("exit state", options->exitState,
                       llvm::join(std::begin(states), std::end(states), ", "));
  return verifyExitHead(options->exitHead);
}

/// An option without effect is a mistake.
llvm::Error ExitOptions::verifyUses(const Registry &registry) const {
  if (isLeaving()) {
    if (registry.backends.at(options->target)()->leavesEarly())
      return llvm::Error::success();
    return llvm::createStringError(
        "--target=" + options->target +
        ": runs all tokens through all layers, so --exit-policy has no use");
  }
  std::pair<StringRef, bool> given[] = {
      {"exit-layers", !options->exitLayers.empty()},
      {"exit-threshold", !options->exitThreshold.empty()},
      {"exit-state", options->exitState.getValue() != "propagate"},
      {"exit-head", options->exitHead.getValue() != "full"}};
  for (auto [flag, isGiven] : given)
    if (isGiven)
      return llvm::createStringError("--" + flag +
                                     ": has no use when --exit-policy is none");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

llvm::Error ExitOptions::parseNumbers() {
  StringRef layersText = options->exitLayers.getValue();
  for (StringRef part : llvm::split(layersText, ','))
    if (!layersText.empty() &&
        part.trim().getAsInteger(10, layers.emplace_back()))
      return badValue("exit-layers", layersText,
                      "numbers of layers, such as 2,4");
  StringRef text = options->exitThreshold.getValue();
  for (StringRef part : llvm::split(text, ',')) {
    if (text.empty())
      continue;
    double &value = thresholds.emplace_back();
    if (part.trim().getAsDouble(value) || std::isnan(value))
      return badValue("exit-threshold", text,
                      "numbers, such as 0.9 or 0.95,0.9 or inf");
  }
  return llvm::Error::success();
}

llvm::Expected<ExitOptions> ExitOptions::parse(const CompileOptions &options,
                                               const Registry &registry) {
  ExitOptions result(options);
  if (llvm::Error error = result.verifyNames(registry))
    return std::move(error);
  if (llvm::Error error = result.parseNumbers())
    return std::move(error);
  if (llvm::Error error = result.verifyUses(registry))
    return std::move(error);
  return result;
}

//===----------------------------------------------------------------------===//
// For the pass
//===----------------------------------------------------------------------===//

std::unique_ptr<Pass> ExitOptions::createPass(const Registry &registry) const {
  InsertExitsPassOptions result;
  result.policy = options->exitPolicy;
  result.layers = layers;
  result.thresholds = thresholds;
  if (!options->exitThresholds.empty())
    result.thresholds.assign(options->exitThresholds.begin(),
                             options->exitThresholds.end());
  result.taken.assign(options->exitTaken.begin(), options->exitTaken.end());
  // A draft is a token that left and waits, so the code is the same.
  result.state = options->exitState == "propagate" ? "propagate" : "recompute";
  result.head = options->exitHead;
  result.shortlist.assign(options->exitShortlist.begin(),
                          options->exitShortlist.end());
  if (options->fittedExitPolicy)
    return createInsertExitsPass(options->fittedExitPolicy, result);
  return createInsertExitsPass(registry, result);
}
