//===- PrefetchOptions.cpp - contradictions are found before any work -----===//
#include "PrefetchOptions.h"

#include "OptionValue.h"
#include "cache/CachePolicy.h"
#include "moe/Dialect/Sched/Transforms/MemoryBudget.h"
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/DeviceProfile.h"
#include "moe/Prefetch/Predictor.h"
#include "moe/Support/UnknownName.h"
#include "moe/Target/TargetBackend.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Nothing for an empty text.
static llvm::Error getNumber(StringRef flag, StringRef text,
                             std::optional<int64_t> &number) {
  constexpr int64_t most = 1 << 20;
  int64_t value = 0;
  if (text.empty())
    return llvm::Error::success();
  if (text.getAsInteger(10, value) || value < 1 || value > most)
    return badValue(flag, text, "1 to " + llvm::Twine(most));
  number = value;
  return llvm::Error::success();
}

static llvm::Error getShare(StringRef flag, StringRef text,
                            std::optional<double> &share) {
  double value = 0;
  if (text.empty())
    return llvm::Error::success();
  if (text.getAsDouble(value) || !(value >= 0 && value <= 1))
    return badValue(flag, text, "0 to 1");
  share = value;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Names and uses
//===----------------------------------------------------------------------===//

bool PrefetchOptions::isGuessing() const {
  return options->predictor.getValue() != "none";
}

bool PrefetchOptions::isJudged() const {
  return !options->trace.empty() && !options->memoryBudget.empty();
}

/// A profile of this build's; files are read later.
static llvm::Error verifyProfile(StringRef name) {
  bool isFile = name.contains('/') || name.ends_with(".json");
  std::vector<std::string> names = DeviceProfile::getNames();
  if (name.empty() || isFile || llvm::is_contained(names, name))
    return llvm::Error::success();
  return unknownName("device profile", name, llvm::join(names, ", "));
}

llvm::Error PrefetchOptions::verifyNames(const Registry &registry) const {
  if (!registry.predictors.count(options->predictor))
    return unknownMember("predictor", options->predictor, registry.predictors);
  const moert::CachePolicyInfo *policy =
      moert::findCachePolicy(options->cachePolicy);
  if (!policy)
    return unknownName("cache policy", options->cachePolicy,
                       moert::cachePolicyNames());
  if (policy->needsFuture)
    return llvm::createStringError(
        "--cache-policy=" + options->cachePolicy +
        ": needs to know the future, which moe-run takes from a trace");
  return verifyProfile(options->deviceProfile);
}

/// An option without effect is a mistake.
llvm::Error PrefetchOptions::verifyUses(const Registry &registry) const {
  const std::string &name = options->predictor;
  if (isGuessing() || !options->memoryBudget.empty())
    if (!registry.backends.at(options->target)()->fetchesExperts())
      return llvm::createStringError(
          "--target=" + options->target +
          ": takes all experts from memory, so --" +
          (isGuessing() ? "predictor" : "memory-budget") + " has no use");
  bool hasTrace = !options->trace.empty();
  if (!hasTrace && registry.predictors.at(name)()->needsTrace())
    return llvm::createStringError("--predictor=" + name +
                                   ": learns from a routing trace, and there "
                                   "is no --trace");
  std::pair<StringRef, bool> limits[] = {
      {"prefetch-ahead", bool(ahead)},
      {"prefetch-count", bool(count)},
      {"prefetch-threshold", bool(threshold)}};
  for (auto [flag, isGiven] : limits)
    if (isGiven && !isGuessing())
      return llvm::createStringError("--" + flag +
                                     ": has no use when --predictor is none");
  if (hasTrace && !isGuessing() && options->memoryBudget.empty())
    return llvm::createStringError(
        "--trace: has no use without --predictor or --memory-budget");
  if (!options->deviceProfile.empty() && !isJudged())
    return llvm::createStringError(
        "--device-profile: has no use without --trace and --memory-budget");
  return llvm::Error::success();
}

llvm::Expected<PrefetchOptions>
PrefetchOptions::parse(const CompileOptions &options,
                       const Registry &registry) {
  PrefetchOptions result(options);
  if (llvm::Error error = result.verifyNames(registry))
    return std::move(error);
  if (llvm::Error error =
          getNumber("prefetch-ahead", options.prefetchAhead, result.ahead))
    return std::move(error);
  if (llvm::Error error =
          getNumber("prefetch-count", options.prefetchCount, result.count))
    return std::move(error);
  if (llvm::Error error = getShare("prefetch-threshold",
                                   options.prefetchThreshold, result.threshold))
    return std::move(error);
  if (!options.memoryBudget.empty())
    if (llvm::Error error =
            sched::MemoryBudget::parse(options.memoryBudget).takeError())
      return std::move(error);
  if (llvm::Error error = result.verifyUses(registry))
    return std::move(error);
  return result;
}

//===----------------------------------------------------------------------===//
// For the passes
//===----------------------------------------------------------------------===//

sched::InsertFetchesPassOptions PrefetchOptions::getFetches() const {
  sched::InsertFetchesPassOptions result;
  result.policy = options->cachePolicy;
  result.budget = options->memoryBudget;
  return result;
}

sched::InsertPrefetchPassOptions PrefetchOptions::getGuesses() const {
  sched::InsertPrefetchPassOptions result;
  result.predictor = options->predictor;
  result.trace = options->trace;
  result.ahead = ahead.value_or(result.ahead);
  result.count = count.value_or(result.count);
  result.threshold = threshold.value_or(result.threshold);
  return result;
}

sched::DropUnprofitablePassOptions PrefetchOptions::getJudgement() const {
  sched::DropUnprofitablePassOptions result;
  result.trace = options->trace;
  result.budget = options->memoryBudget;
  if (!options->deviceProfile.empty())
    result.profile = options->deviceProfile;
  result.ahead = ahead.value_or(result.ahead);
  result.count = count.value_or(result.count);
  result.threshold = threshold.value_or(result.threshold);
  return result;
}
