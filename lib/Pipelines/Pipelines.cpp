//===- Pipelines.cpp - the table of phases and what each one runs ---------===//
#include "moe/Pipelines/Pipelines.h"

#include "ExitOptions.h"
#include "PrefetchOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Dialect/Sched/Transforms/Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/Quant/Transforms/Passes.h"
#include "moe/Quant/Transforms/SchemeChoice.h"
#include "moe/Support/UnknownName.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// What each phase runs
//===----------------------------------------------------------------------===//

static llvm::Error buildModel(OpPassManager &manager, const CompileOptions &,
                              const Registry &) {
  OpPassManager &model = manager.nest<ModelOp>();
  model.addPass(createCanonicalizerPass());
  model.addPass(createCSEPass());
  model.addPass(createDropUnusedWeightsPass());
  return llvm::Error::success();
}

static llvm::Error buildQuantize(OpPassManager &manager,
                                 const CompileOptions &options,
                                 const Registry &registry) {
  llvm::Expected<SchemeChoice> choice =
      SchemeChoice::parse(options.quantize, registry);
  if (!choice)
    return choice.takeError();
  if (choice->isNone())
    return llvm::Error::success();
  OpPassManager &model = manager.nest<ModelOp>();
  model.addPass(createAssignCodesPass(registry, options.quantize));
  model.addPass(createFoldRotationsPass());
  return llvm::Error::success();
}

/// Where the code takes all experts from memory, nothing is fetched.
static llvm::Expected<bool> fetchesExperts(const CompileOptions &options,
                                           const Registry &registry) {
  auto backend = createBackend(options, registry);
  if (!backend)
    return backend.takeError();
  return (*backend)->fetchesExperts();
}

static llvm::Error buildPolicy(OpPassManager &manager,
                               const CompileOptions &options,
                               const Registry &registry) {
  auto exits = ExitOptions::parse(options, registry);
  if (!exits)
    return exits.takeError();
  llvm::Expected<bool> fetches = fetchesExperts(options, registry);
  if (!fetches)
    return fetches.takeError();
  auto prefetch = PrefetchOptions::parse(options, registry);
  if (!prefetch)
    return prefetch.takeError();
  if (!exits->isLeaving() && !*fetches)
    return llvm::Error::success();
  OpPassManager &model = manager.nest<ModelOp>();
  if (exits->isLeaving())
    model.addPass(exits->createPass(registry));
  if (!*fetches)
    return llvm::Error::success();
  model.addPass(sched::createInsertFetchesPass(prefetch->getFetches()));
  if (prefetch->isGuessing())
    model.addPass(
        sched::createInsertPrefetchPass(registry, prefetch->getGuesses()));
  if (prefetch->isJudged())
    model.addPass(sched::createDropUnprofitablePass(
        registry, prefetch->getJudgement(), options.onEstimate));
  // Of predictors whose guesses were taken out.
  if (prefetch->isGuessing())
    model.addPass(createDropUnusedWeightsPass());
  return llvm::Error::success();
}

static llvm::Error buildSchedule(OpPassManager &manager,
                                 const CompileOptions &options,
                                 const Registry &registry) {
  llvm::Expected<bool> fetches = fetchesExperts(options, registry);
  if (!fetches || !*fetches)
    return fetches.takeError();
  OpPassManager &model = manager.nest<ModelOp>();
  if (!options.trace.empty()) {
    sched::PartitionCachePassOptions partition;
    partition.trace = options.trace;
    model.addPass(sched::createPartitionCachePass(partition));
  }
  model.addPass(sched::createHoistPrefetchPass());
  model.addPass(sched::createLaunchEarlyPass());
  return llvm::Error::success();
}

static llvm::Error buildTarget(OpPassManager &manager,
                               const CompileOptions &options,
                               const Registry &registry) {
  llvm::Expected<std::unique_ptr<TargetBackend>> backend =
      createBackend(options, registry);
  if (!backend)
    return backend.takeError();
  return (*backend)->buildPipeline(manager, options.getTargetOptions());
}

static constexpr PhaseInfo phases[] = {
    {Phase::Import, "import", "The checkpoint's configuration becomes IR.",
     nullptr},
    {Phase::Model, "model",
     "The model in canonical form, without weights that nothing uses.",
     buildModel},
    {Phase::Quantize, "quantize",
     "Weights get the encoding they are stored in.", buildQuantize},
    {Phase::Policy, "policy",
     "Exits, and fetches and predictions of experts are put in.", buildPolicy},
    {Phase::Schedule, "schedule", "Fetches of experts get their place in time.",
     buildSchedule},
    {Phase::Target, "target", "The backend lowers the model to its own IR.",
     buildTarget},
    {Phase::Container, "container", "Code and weights are put into one file.",
     nullptr},
};

llvm::ArrayRef<PhaseInfo> moe::getPhases() { return phases; }

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

llvm::Expected<const PhaseInfo *> moe::findPhase(StringRef name) {
  for (const PhaseInfo &phase : phases)
    if (phase.name == name)
      return &phase;
  auto names = llvm::map_range(
      phases, [](const PhaseInfo &phase) { return phase.name; });
  return unknownName("phase", name, llvm::join(names, ", "));
}

llvm::Expected<std::unique_ptr<TargetBackend>>
moe::createBackend(const CompileOptions &options, const Registry &registry) {
  auto backend = registry.backends.find(options.target);
  if (backend == registry.backends.end())
    return unknownMember("target", options.target, registry.backends);
  return backend->second();
}

llvm::Error moe::verifyOptions(const CompileOptions &options,
                               const Registry &registry) {
  auto backend = createBackend(options, registry);
  if (!backend)
    return backend.takeError();
  if (llvm::Error error =
          (*backend)->verifyOptions(options.getTargetOptions()))
    return error;
  if (llvm::Error error =
          SchemeChoice::parse(options.quantize, registry).takeError())
    return error;
  if (llvm::Error error = ExitOptions::parse(options, registry).takeError())
    return error;
  return PrefetchOptions::parse(options, registry).takeError();
}

//===----------------------------------------------------------------------===//
// For moe-opt
//===----------------------------------------------------------------------===//

void moe::registerPhasePipelines(const Registry &registry) {
  using OnError = llvm::function_ref<LogicalResult(const llvm::Twine &)>;
  using OnOptions = llvm::function_ref<void(const mlir::detail::PassOptions &)>;
  for (const PhaseInfo &phase : phases) {
    if (!phase.build)
      continue;
    auto build = [&phase, &registry](OpPassManager &manager, StringRef text,
                                     OnError onError) -> LogicalResult {
      CompileOptions options;
      if (failed(options.parseFromString(text)))
        return failure();
      if (llvm::Error error = phase.build(manager, options, registry))
        return onError(llvm::toString(std::move(error)));
      return success();
    };
    registerPassPipeline(
        ("moe-" + phase.name + "-pipeline").str(), phase.summary, build,
        [](OnOptions onOptions) { onOptions(CompileOptions()); });
  }
}
