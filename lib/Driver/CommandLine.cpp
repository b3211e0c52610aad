//===- CommandLine.cpp - the flags of moe-compile -------------------------===//
#include "CommandLine.h"

#include "Flags.h"
#include "Version.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/ExitPolicy.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"

using namespace moe;
using namespace llvm;

namespace {
/// A flag for every option of the pipelines, so that each is declared once.
class PipelineFlags {
public:
  PipelineFlags(CompileOptions &options, cl::OptionCategory &category) {
    for (auto &[name, option] : options.OptionsMap)
      flags.push_back({option, std::make_unique<cl::opt<std::string>>(
                                   name, cl::desc(option->HelpStr),
                                   cl::value_desc(option->ValueStr),
                                   cl::ZeroOrMore, cl::cat(category))});
  }

  /// Whether a flag was given without a value.
  bool isEmpty(StringRef name) const {
    return any_of(flags, [&](const auto &item) {
      return item.second->ArgStr == name && item.second->getNumOccurrences() &&
             item.second->empty();
    });
  }

  /// Whether a flag was given.
  bool isGiven(StringRef name) const {
    return any_of(flags, [&](const auto &item) {
      return item.second->ArgStr == name && item.second->getNumOccurrences();
    });
  }

  /// Hands over what the command line said.
  Error apply() {
    for (auto &[option, flag] : flags)
      if (flag->getNumOccurrences() &&
          option->addOccurrence(0, option->ArgStr, flag->getValue()))
        return createStringError("--" + option->ArgStr + ": bad value '" +
                                 flag->getValue() + "'");
    return Error::success();
  }

private:
  std::vector<std::pair<cl::Option *, std::unique_ptr<cl::opt<std::string>>>>
      flags;
};
} // namespace

static Error getEffort(StringRef name, Effort &effort) {
  static constexpr StringLiteral names[] = {"fast", "normal", "max"};
  const auto *found = find(names, name);
  if (found == std::end(names))
    return createStringError("--effort: bad value '" + name +
                             "', known are fast, normal and max");
  effort = Effort(found - names);
  return Error::success();
}

static Error getBits(const cl::opt<std::string> &flag,
                     std::optional<double> &bits) {
  if (!flag.getNumOccurrences())
    return Error::success();
  double value = 0;
  if (StringRef(flag).getAsDouble(value) || !(value > 0 && value <= 64))
    return createStringError("--" + flag.ArgStr + ": bad value '" +
                             StringRef(flag) +
                             "', expected bits of a weight, such as 3.5");
  bits = value;
  return Error::success();
}

static Error getThreads(const cl::opt<std::string> &flag, int64_t &threads) {
  constexpr int64_t most = 1024;
  if (!flag.getNumOccurrences())
    return Error::success();
  if (StringRef(flag).getAsInteger(10, threads) || threads < 1 ||
      threads > most)
    return createStringError("--" + flag.ArgStr + ": bad value '" +
                             StringRef(flag) + "', expected 1 to " +
                             Twine(most));
  return Error::success();
}

/// A share that is neither nothing nor all.
static Error getShare(const cl::opt<std::string> &flag, double &share) {
  if (!flag.getNumOccurrences())
    return Error::success();
  if (StringRef(flag).getAsDouble(share) || !(share > 0 && share < 1))
    return createStringError("--" + flag.ArgStr + ": bad value '" +
                             StringRef(flag) +
                             "', expected a number between 0 and 1");
  // Nobody has as many prompts, and doubles know little below.
  if (share < 1e-9)
    return createStringError("--" + flag.ArgStr + ": is " + StringRef(flag) +
                             ", the least is 1e-9");
  return Error::success();
}

/// The phases that a flag names; a target's name is that of its own phase.
static Error findPhases(const cl::list<std::string> &flag, StringRef target,
                        std::set<Phase> &phases) {
  for (const std::string &name : flag) {
    if (name == target) {
      phases.insert(Phase::Target);
      continue;
    }
    Expected<const PhaseInfo *> phase = findPhase(name);
    if (!phase)
      return phase.takeError();
    phases.insert((*phase)->phase);
  }
  return Error::success();
}

static std::string describePhases() {
  std::string result;
  for (const PhaseInfo &phase : getPhases())
    result += (result.empty() ? "" : "|") + phase.name.str();
  return result + " (or the target's name)";
}

namespace {
/// The flags while they are registered. They live no longer than one parse, but
/// libraries (the linker) go over all that are registered.
struct Flags {
  explicit Flags(CompileOptions &options);
  ~Flags() { cl::ResetCommandLineParser(); }

  /// Fills `command` with what the command line said.
  Error apply(CompileCommand &command);

  cl::OptionCategory files{"Files"}, making{"Making the module"},
      watching{"Watching it"};
  const std::string stopHelp =
      "Stop after a phase and print the IR: " + describePhases();

  cl::list<std::string> inputs{cl::Positional, cl::cat(files),
                               cl::desc("<checkpoint directory | .mlir file>")};
  cl::opt<std::string> output{
      "o", cl::ZeroOrMore, cl::cat(files), cl::value_desc("file"),
      cl::desc("The module; with --compile-to, the IR")};
  PipelineFlags pipeline;
  cl::opt<std::string> bits{
      "bits", cl::ZeroOrMore, cl::cat(making), cl::value_desc("number"),
      cl::desc("Choose schemes that lose least at so many bits of a quantised "
               "weight; --quantize, if given, says for which classes")};
  cl::opt<std::string> calibrate{
      "calibrate", cl::ZeroOrMore, cl::cat(making), cl::value_desc("file"),
      cl::desc("Text whose rows say which errors count")};
  cl::opt<std::string> effort{
      "effort",
      cl::ZeroOrMore,
      cl::cat(making),
      cl::value_desc("fast|normal|max"),
      cl::init("normal"),
      cl::desc("How long to search for good codes (normal)")};
  cl::opt<std::string> report{
      "quant-report", cl::ZeroOrMore, cl::cat(watching), cl::value_desc("file"),
      cl::desc("Write bits and errors of each stored weight as JSON")};
  cl::opt<std::string> scheduleReport{
      "schedule-report", cl::ZeroOrMore, cl::cat(watching),
      cl::value_desc("file"),
      cl::desc("Write what --trace and --memory-budget let expect as JSON")};
  cl::opt<std::string> exitCalibrate{
      "exit-calibrate", cl::ZeroOrMore, cl::cat(making),
      cl::value_desc("file"),
      cl::desc("Prompts, as lines of JSON with \"prompt\" and perhaps "
               "\"answer\"; the module is run on them, and gets the boldest "
               "threshold that is certain to keep the risk")};
  cl::opt<std::string> exitRisk{
      "exit-risk", cl::ZeroOrMore, cl::cat(making), cl::value_desc("share"),
      cl::desc("Share of prompts whose answers early exits may spoil (0.05)")};
  cl::opt<std::string> exitError{
      "exit-error", cl::ZeroOrMore, cl::cat(making), cl::value_desc("share"),
      cl::desc("Most likely that the risk is above that nevertheless (0.05)")};
  cl::opt<std::string> exitCertificate{
      "exit-certificate", cl::ZeroOrMore, cl::cat(making),
      cl::value_desc("file"),
      cl::desc("Exits as an --exit-report of the same model says")};
  cl::opt<std::string> exitReport{
      "exit-report", cl::ZeroOrMore, cl::cat(watching), cl::value_desc("file"),
      cl::desc("Write the certificate, and what was tested, as JSON")};
  cl::opt<std::string> threads{
      "threads", cl::ZeroOrMore, cl::cat(making), cl::value_desc("number"),
      cl::desc("Threads that encode weights (one for each processor)")};
  cl::alias t{"t", cl::NotHidden, cl::aliasopt(threads), cl::cat(making),
              cl::desc("Short for --threads")};
  cl::opt<std::string> emitIr{
      "emit-ir",
      cl::ValueOptional,
      cl::ZeroOrMore,
      cl::cat(making),
      cl::value_desc("bool"),
      cl::desc("Put the model's IR into the module, for people")};
  cl::opt<std::string> noWeights{
      "no-weights",
      cl::ValueOptional,
      cl::ZeroOrMore,
      cl::cat(making),
      cl::value_desc("bool"),
      cl::desc("Leave the weights out, and read none; moe-fill puts random ones "
               "in, to measure speed")};
  cl::list<std::string> compileTo{"compile-to", cl::cat(watching),
                                  cl::value_desc("phase"), cl::desc(stopHelp)};
  cl::list<std::string> dumpPhase{
      "dump-phase", cl::cat(watching), cl::value_desc("phase"),
      cl::desc("Print the IR after a phase to standard error and go on")};
  cl::opt<std::string> timing{
      "timing",          cl::ValueOptional,
      cl::ZeroOrMore,    cl::value_desc("bool"),
      cl::cat(watching), cl::desc("Say how long each pass took")};
  cl::opt<std::string> verifyEach{
      "verify-each",          cl::ValueOptional,
      cl::ZeroOrMore,         cl::cat(watching),
      cl::value_desc("bool"), cl::desc("Verify the IR after each pass (true)")};
};
} // namespace

Flags::Flags(CompileOptions &options) : pipeline(options, making) {
  cl::HideUnrelatedOptions({&files, &making, &watching});
}

Error Flags::apply(CompileCommand &command) {
  if (Error error = pipeline.apply())
    return error;
  if (Error error = getSwitch(emitIr, command.emitIr))
    return error;
  bool omitsWeights = false;
  if (Error error = getSwitch(noWeights, omitsWeights))
    return error;
  command.hasWeights = !omitsWeights;
  if (Error error = getSwitch(timing, command.timing))
    return error;
  if (Error error = getSwitch(verifyEach, command.verifyEach))
    return error;
  if (Error error = getEffort(effort, command.effort))
    return error;
  if (Error error = getThreads(threads, command.threads))
    return error;
  if (Error error = getBits(bits, command.bits))
    return error;
  command.calibration = calibrate;
  command.report = report;
  command.scheduleReport = scheduleReport;
  command.exits.prompts = exitCalibrate;
  command.exits.certificate = exitCertificate;
  command.exits.report = exitReport;
  if (Error error = getShare(exitRisk, command.exits.bound.delta))
    return error;
  if (Error error = getShare(exitError, command.exits.bound.epsilon))
    return error;
  std::set<Phase> stops;
  StringRef target = command.options.target.getValue();
  if (Error error = findPhases(compileTo, target, stops))
    return error;
  if (Error error = findPhases(dumpPhase, target, command.dumpedPhases))
    return error;
  if (!stops.empty())
    command.lastPhase = *stops.begin();
  if (inputs.size() != 1)
    return createStringError(
        Twine(inputs.size()) +
        " inputs given, 1 expected: a checkpoint directory or a .mlir file");
  command.input = inputs.front();
  command.output = output;
  return Error::success();
}

/// IR goes to standard output unless told otherwise, a module never.
static Error resolveOutput(CompileCommand &command) {
  if (command.lastPhase != Phase::Container) {
    if (command.output.empty())
      command.output = "-";
  } else if (command.output.empty()) {
    return createStringError("no output given, use -o FILE");
  } else if (command.output == "-") {
    return createStringError(
        "a module cannot go to standard output, use -o FILE");
  }
  return Error::success();
}

/// What is asked about codes must have a use.
static Error verifyQuantizing(const Flags &flags,
                              const CompileCommand &command) {
  if (flags.calibrate.getNumOccurrences() && command.calibration.empty())
    return createStringError("--calibrate: needs a file");
  if (flags.report.getNumOccurrences() && command.report.empty())
    return createStringError("--quant-report: needs a file");
  if (!command.report.empty() && command.report == command.output)
    return createStringError("--quant-report: '" + command.report +
                             "' is the module's file, too");
  if (!command.report.empty() && command.lastPhase != Phase::Container)
    return createStringError("--quant-report: there is none without a module, "
                             "and --compile-to makes IR");
  return Error::success();
}

/// Nobody reads weights for a module without.
static Error verifyWithoutWeights(const Flags &flags,
                                  const CompileCommand &command) {
  if (command.hasWeights)
    return Error::success();
  for (const cl::opt<std::string> *flag :
       {&flags.bits, &flags.calibrate, &flags.report, &flags.exitCalibrate,
        &flags.exitCertificate})
    if (flag->getNumOccurrences())
      return createStringError("--no-weights: leaves no weights for --" +
                               flag->ArgStr);
  return Error::success();
}

/// So must what is asked about the LPU.
static Error verifyLpu(const Flags &flags, const CompileCommand &command) {
  for (StringRef name : {"lpu-machine", "lpu-context", "lpu-report", "lpu-chips"})
    if (flags.pipeline.isEmpty(name))
      return createStringError("--" + name + ": needs a value");
  StringRef page = command.options.lpuReport.getValue();
  if (page.empty())
    return Error::success();
  for (const std::string &other :
       {command.output, command.report, command.scheduleReport,
        command.exits.report})
    if (!other.empty() && followLinks(page) == followLinks(other))
      return createStringError("--lpu-report: '" + page +
                               "' is written by another flag, too");
  if (command.lastPhase < Phase::Target)
    return createStringError("--lpu-report: there is none before phase target");
  return Error::success();
}

/// So must what is asked about the GPU.
static Error verifyGpu(const Flags &flags, const CompileCommand &command) {
  const CompileOptions &options = command.options;
  for (StringRef name : {"gpu-arch", "gpu-ptx", "gpu-report", "ptxas"})
    if (flags.pipeline.isEmpty(name))
      return createStringError("--" + name + ": needs a value");
  std::vector<std::string> taken = {command.output, command.report,
                                    command.scheduleReport,
                                    command.exits.report};
  for (const auto &[name, file] :
       {std::pair<StringRef, StringRef>("--gpu-ptx", options.gpuPtx.getValue()),
        {"--gpu-report", options.gpuReport.getValue()}}) {
    if (file.empty())
      continue;
    for (const std::string &other : taken)
      if (!other.empty() && followLinks(file) == followLinks(other))
        return createStringError(name + ": '" + file +
                                 "' is written by another flag, too");
    if (command.lastPhase != Phase::Container)
      return createStringError(name + ": there is none without a module, and "
                                      "--compile-to makes IR");
    taken.push_back(file.str());
  }
  return Error::success();
}

/// So must what is asked about fetches.
static Error verifyScheduling(const Flags &flags,
                              const CompileCommand &command) {
  for (StringRef name :
       {"trace", "memory-budget", "device-profile", "prefetch-ahead",
        "prefetch-count", "prefetch-threshold"})
    if (flags.pipeline.isEmpty(name))
      return createStringError("--" + name + ": needs a value");
  const std::string &report = command.scheduleReport;
  if (flags.scheduleReport.getNumOccurrences() && report.empty())
    return createStringError("--schedule-report: needs a file");
  if (report.empty())
    return Error::success();
  if (report == command.output || report == command.report)
    return createStringError("--schedule-report: '" + report +
                             "' is written by another flag, too");
  if (command.options.trace.empty() || command.options.memoryBudget.empty())
    return createStringError("--schedule-report: there is none without --trace "
                             "and --memory-budget");
  if (command.lastPhase < Phase::Policy)
    return createStringError(
        "--schedule-report: there is none before phase policy");
  return Error::success();
}

/// So must what makes exits trustworthy.
static Error verifyExits(const Flags &flags, const CompileCommand &command) {
  const ExitTrust &exits = command.exits;
  for (const cl::opt<std::string> *flag :
       {&flags.exitCalibrate, &flags.exitCertificate, &flags.exitReport})
    if (flag->getNumOccurrences() && flag->empty())
      return createStringError("--" + flag->ArgStr + ": needs a file");
  bool isCalibrating = !exits.prompts.empty();
  if (isCalibrating && !exits.certificate.empty())
    return createStringError("--exit-calibrate: makes a certificate, and "
                             "--exit-certificate has one already");
  StringRef source = isCalibrating                ? "--exit-calibrate"
                     : !exits.certificate.empty() ? "--exit-certificate"
                                                  : "";
  for (const cl::opt<std::string> *flag : {&flags.exitRisk, &flags.exitError})
    if (flag->getNumOccurrences() && !isCalibrating)
      return createStringError("--" + flag->ArgStr +
                               ": has no use without --exit-calibrate");
  if (source.empty() && !exits.report.empty())
    return createStringError("--exit-report: there is none without "
                             "--exit-calibrate or --exit-certificate");
  if (source.empty())
    return Error::success();
  if (flags.pipeline.isGiven("exit-threshold"))
    return createStringError("--exit-threshold: thresholds come from " +
                             source);
  if (isCalibrating && command.options.exitPolicy.getValue() == "none")
    return createStringError(
        "--exit-calibrate: has no use when --exit-policy is none");
  if (command.lastPhase != Phase::Container)
    return createStringError(source +
                             ": is about a module, and --compile-to makes IR");
  for (const std::string *other :
       {&command.output, &command.report, &command.scheduleReport})
    if (!exits.report.empty() && exits.report == *other)
      return createStringError("--exit-report: '" + exits.report +
                               "' is written by another flag, too");
  return Error::success();
}

/// A policy that learns says nothing before it did.
static Error verifyFitted(const CompileCommand &command,
                          const Registry &registry) {
  const ExitTrust &exits = command.exits;
  auto policy = registry.exitPolicies.find(command.options.exitPolicy);
  if (policy == registry.exitPolicies.end() || !exits.prompts.empty() ||
      !exits.certificate.empty() || !policy->second()->needsFit())
    return Error::success();
  return createStringError("--exit-policy=" + command.options.exitPolicy +
                           ": knows nothing without --exit-calibrate or "
                           "--exit-certificate");
}

Error moe::parseCommandLine(int argc, char **argv, const Registry &registry,
                            CompileCommand &command) {
  // LLVM's libraries bring some hundred flags of their own.
  cl::ResetCommandLineParser();
  cl::SetVersionPrinter(printVersion);
  Flags flags(command.options);
  if (Error error = parseFlags(
          argc, argv,
          "makes a module, which moe-run runs, from a Hugging Face checkpoint "
          "or moe IR\n"))
    return error;
  if (Error error = flags.apply(command))
    return error;
  if (Error error = resolveOutput(command))
    return error;
  if (Error error = verifyQuantizing(flags, command))
    return error;
  if (Error error = verifyWithoutWeights(flags, command))
    return error;
  if (Error error = verifyLpu(flags, command))
    return error;
  if (Error error = verifyGpu(flags, command))
    return error;
  if (Error error = verifyScheduling(flags, command))
    return error;
  if (Error error = verifyExits(flags, command))
    return error;
  if (Error error = verifyOptions(command.options, registry))
    return error;
  return verifyFitted(command, registry);
}
