//===- CacheSimFlags.cpp - the flags of moe-cache-sim ---------------------===//
#include "CacheSim.h"
#include "Flags.h"
#include "Version.h"
#include "cache/CachePolicy.h"
#include "moe/Driver/Registry.h"
#include "moe/Support/UnknownName.h"
#include <cmath>

using namespace moe;
using namespace llvm;

namespace {
/// A flag that is text, so that errors are ours.
struct Flag : cl::opt<std::string> {
  Flag(StringRef name, StringRef value, StringRef help,
       cl::OptionCategory &category)
      : cl::opt<std::string>(name, cl::ZeroOrMore, cl::value_desc(value),
                             cl::desc(help), cl::cat(category)) {}
};
/// One that may stand alone.
struct Switch : Flag {
  Switch(StringRef name, StringRef help, cl::OptionCategory &category)
      : Flag(name, "bool", help, category) {
    setValueExpectedFlag(cl::ValueOptional);
  }
};

/// They live no longer than one parse: see CommandLine.cpp.
struct Flags {
  Flags() { cl::HideUnrelatedOptions({&what, &guessing, &time, &shown}); }
  ~Flags() { cl::ResetCommandLineParser(); }

  Error apply(CacheSimCommand &command);

  cl::OptionCategory what{"What is simulated"}, guessing{"Guesses"},
      time{"Time"}, shown{"What is shown"};
  const std::string policyHelp =
      "Who leaves: " + moert::cachePolicyNames() + " (all)";
  cl::list<std::string> traces{cl::Positional, cl::cat(what),
                               cl::desc("<routing trace>...")};
  Flag policy{"policy", "name,...", policyHelp, what};
  Flag budget{"budget", "12,25%,...",
              "Entries of the cache, or a share of all experts (10%,25%,50%)",
              what};
  Switch partition{"partition",
                   "Also with shares for each layer, from the first half",
                   what};
  Flag predictor{"predictor", "name,...|all", "Who guesses (none)", guessing};
  Flag count{"count", "number",
             "Guesses per row and layer (as many as a row chooses)", guessing};
  Flag threshold{"threshold", "0 to 1",
                 "Least confidence that is worth a read (0)", guessing};
  Flag ahead{"ahead", "number", "Layers between guess and use (1)", guessing};
  Flag profile{"profile", "name|file", "The machine; needs --expert-bytes",
               time};
  Flag expertBytes{"expert-bytes", "number", "Bytes of one expert", time};
  Flag layerSeconds{"layer-seconds", "number",
                    "Computing of a layer (reading its experts from memory)",
                    time};
  Switch recall{"recall", "Compare predictors at equal bytes", shown};
  Switch calibration{"calibration",
                     "How often guesses of each confidence come true", shown};
  Switch json{"json", "One JSON object", shown};
};
} // namespace

static Error fail(const Flag &flag, const Twine &what) {
  return createStringError("--" + flag.ArgStr + ": " + what);
}

static Error fail(const Flag &flag, Error error) {
  return fail(flag, toString(std::move(error)));
}

static Error badValue(const Flag &flag, StringRef value,
                      const Twine &expected) {
  return fail(flag, "bad value '" + value + "', expected " + expected);
}

/// A number of the flag; stays as it is without it.
template <typename T>
static Error getNumber(const Flag &flag, T least, T most, T &value) {
  if (!flag.getNumOccurrences())
    return Error::success();
  double number = 0;
  bool isBad = false;
  if constexpr (std::is_integral_v<T>) {
    isBad = StringRef(flag).getAsInteger(10, value);
    number = double(value);
  } else {
    isBad = StringRef(flag).getAsDouble(value) || !std::isfinite(value);
    number = value;
  }
  if (isBad || number < double(least) || number > double(most))
    return badValue(flag, flag,
                    std::is_integral_v<T>
                        ? Twine(int64_t(least)) + " to " + Twine(int64_t(most))
                    : least == 0 ? Twine("0 to ") + Twine(int64_t(most))
                                 : Twine("a number above 0"));
  return Error::success();
}

static std::vector<std::string> getList(StringRef text) {
  std::vector<std::string> list;
  for (StringRef part : split(text, ','))
    list.push_back(part.trim().str());
  return list;
}

static Error getPolicies(const Flag &flag, std::vector<std::string> &policies) {
  if (!flag.getNumOccurrences() || flag == "all") {
    for (const moert::CachePolicyInfo *policy : moert::cachePolicies())
      policies.push_back(policy->name);
    return Error::success();
  }
  policies = getList(flag);
  for (const std::string &policy : policies)
    if (!moert::findCachePolicy(policy))
      return fail(flag, unknownName("cache policy", policy,
                                    moert::cachePolicyNames()));
  return Error::success();
}

static Error getPredictors(const Flag &flag, CacheSimCommand &command) {
  const auto &known = getRegistry().predictors;
  command.areAllPredictors = flag == "all";
  if (!flag.getNumOccurrences())
    command.predictors = {"none"};
  else if (!command.areAllPredictors)
    command.predictors = getList(flag);
  else
    for (const auto &predictor : known)
      command.predictors.push_back(predictor.first);
  for (const std::string &name : command.predictors)
    if (!known.count(name))
      return fail(flag, unknownMember("predictor", name, known));
  return Error::success();
}

static Error getBudgets(const Flag &flag, std::vector<CacheBudget> &budgets) {
  for (const std::string &text :
       getList(flag.getNumOccurrences() ? StringRef(flag) : "10%,25%,50%")) {
    CacheBudget budget;
    budget.text = text;
    StringRef number = text;
    bool isBad =
        number.consume_back("%")
            ? number.getAsDouble(budget.percent) ||
                  !(budget.percent > 0 && budget.percent <= 100)
            : number.getAsInteger(10, budget.entries) || budget.entries < 1;
    if (isBad)
      return badValue(flag, text,
                      "entries, such as 12, or a share of all "
                      "experts, such as 25%");
    budgets.push_back(budget);
  }
  return Error::success();
}

static Error getTimes(const Flags &flags, CacheSimCommand &command) {
  constexpr uint64_t mostBytes = uint64_t(1) << 50;
  if (Error error = getNumber<uint64_t>(flags.expertBytes, 1, mostBytes,
                                        command.expertBytes))
    return error;
  if (Error error =
          getNumber(flags.layerSeconds, 1e-12, 1e6, command.layerSeconds))
    return error;
  if (!flags.profile.getNumOccurrences()) {
    if (command.layerSeconds)
      return fail(flags.layerSeconds, "needs --profile");
    return Error::success();
  }
  if (!command.expertBytes)
    return fail(flags.profile, "needs --expert-bytes");
  Expected<DeviceProfile> profile = DeviceProfile::load(flags.profile);
  if (!profile)
    return fail(flags.profile, profile.takeError());
  command.profile = *profile;
  return Error::success();
}

Error Flags::apply(CacheSimCommand &command) {
  if (traces.empty())
    return createStringError("0 inputs given, at least 1 expected: a routing "
                             "trace, as moe-run --record-routing writes");
  command.traces = traces;
  if (Error error = getPolicies(policy, command.policies))
    return error;
  if (Error error = getBudgets(budget, command.budgets))
    return error;
  if (Error error = getPredictors(predictor, command))
    return error;
  if (Error error = getNumber<int64_t>(count, 1, 1 << 16, command.count))
    return error;
  if (Error error = getNumber<int64_t>(ahead, 1, 1 << 16, command.ahead))
    return error;
  if (Error error = getNumber(threshold, 0.0, 1.0, command.threshold))
    return error;
  if (Error error = getTimes(*this, command))
    return error;
  if (Error error = getSwitch(partition, command.partition))
    return error;
  if (Error error = getSwitch(recall, command.recall))
    return error;
  if (Error error = getSwitch(calibration, command.calibration))
    return error;
  return getSwitch(json, command.json);
}

Error moe::parseCacheSimCommandLine(int argc, char **argv,
                                    CacheSimCommand &command) {
  // LLVM's libraries bring some hundred flags of their own.
  cl::ResetCommandLineParser();
  cl::SetVersionPrinter(printVersion);
  Flags flags;
  if (Error error = parseFlags(
          argc, argv,
          "replays routing traces through caches of experts, on paper\n"))
    return error;
  return flags.apply(command);
}
