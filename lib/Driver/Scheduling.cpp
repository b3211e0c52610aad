//===- Scheduling.cpp - a trace, a profile and a budget fit the model -----===//
#include "Scheduling.h"

#include "moe/Analysis/ModelFacts.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moe/Driver/Registry.h"

using namespace mlir;
using namespace moe;

/// The first flag that wants experts to be fetched; empty: none.
static StringRef findFlag(const CompileOptions &options) {
  if (options.predictor.getValue() != "none")
    return "--predictor";
  if (!options.memoryBudget.empty())
    return "--memory-budget";
  return {};
}

/// Layers between guess and use that the model has.
static llvm::Error verifyAhead(const CompileCommand &command, ModelOp model) {
  int64_t ahead = 0;
  StringRef text = command.options.prefetchAhead.getValue();
  if (text.empty() || text.getAsInteger(10, ahead))
    return llvm::Error::success();
  llvm::Expected<ModelFacts> facts = ModelFacts::get(model);
  if (!facts)
    return llvm::createStringError(command.input + ": " +
                                   llvm::toString(facts.takeError()));
  if (ahead < int64_t(facts->routed.size()))
    return llvm::Error::success();
  return llvm::createStringError(command.input + ": --prefetch-ahead is " +
                                 llvm::Twine(ahead) + ", the model has " +
                                 llvm::Twine(facts->routed.size()) +
                                 " layers with experts");
}

/// A trace must be of the model, and a predictor must find in it what says
/// whether its guesses pay.
static llvm::Error verifyTrace(const CompileOptions &options,
                               const Registry &registry, ModelOp model) {
  auto trace = RoutingTrace::read(options.trace);
  if (!trace)
    return trace.takeError();
  if (llvm::Error error = trace->verifyModel(model))
    return error;
  if (options.memoryBudget.empty())
    return llvm::Error::success();
  return checkGuessesOverTrace(*registry.predictors.at(options.predictor)(),
                               *trace);
}

llvm::Error moe::verifyScheduling(const CompileCommand &command,
                                  const Registry &registry, ModelOp model) {
  const CompileOptions &options = command.options;
  StringRef flag = findFlag(options);
  if (flag.empty())
    return llvm::Error::success();
  if (!model.getOps<sched::CacheOp>().empty())
    return llvm::createStringError(
        command.input + ": says already how experts are fetched, and " + flag +
        " would say it again");
  if (!options.deviceProfile.empty())
    if (llvm::Error error =
            DeviceProfile::load(options.deviceProfile).takeError())
      return error;
  if (!options.trace.empty())
    if (llvm::Error error = verifyTrace(options, registry, model))
      return error;
  return verifyAhead(command, model);
}

llvm::Error moe::verifyScheduled(const CompileCommand &command, ModelOp model,
                                 bool isEstimated) {
  StringRef flag = findFlag(command.options);
  bool isFetched = !model.getOps<sched::CacheOp>().empty();
  bool isComplete = isEstimated || command.scheduleReport.empty();
  if (flag.empty() || (isFetched && isComplete))
    return llvm::Error::success();
  return llvm::createStringError(command.input +
                                 ": has no experts to fetch, and " + flag +
                                 " is about such");
}
