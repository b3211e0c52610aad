//===- CommandLine.cpp - the flags of moe-compile -------------------------===//
#include "CommandLine.h"

#include "Version.h"
#include "moe/Driver/Registry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"

using namespace moe;
using namespace llvm;

/// A flag for every option of the pipelines, so that each is declared once.
class PipelineFlags {
public:
  PipelineFlags(CompileOptions &options, cl::OptionCategory &category) {
    for (auto &[name, option] : options.OptionsMap)
      flags.push_back({option, std::make_unique<cl::opt<std::string>>(
                                   name, cl::desc(option->HelpStr),
                                   cl::value_desc(option->ValueStr),
                                   cl::cat(category))});
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

/// What LLVM's parser says, on one line: without the program's name in front
/// and the advice to ask for help behind.
static std::string condense(StringRef messages, StringRef program) {
  std::string result;
  for (StringRef line : split(messages.trim(), '\n')) {
    line.consume_front(program);
    line.consume_front(": ");
    line = line.split("  Try: ").first.rtrim(".!");
    if (line.empty())
      continue;
    if (!result.empty())
      result += ", ";
    result += toLower(line.front());
    result += line.drop_front();
  }
  return result;
}

static Error parse(int argc, char **argv) {
  std::string messages;
  raw_string_ostream stream(messages);
  if (cl::ParseCommandLineOptions(
          argc, argv,
          "makes a module, which moe-run runs, from a Hugging Face checkpoint "
          "or moe IR\n",
          &stream, /*VFS=*/nullptr, /*EnvVar=*/nullptr,
          /*LongOptionsUseDoubleDash=*/true))
    return Error::success();
  return createStringError(condense(messages, sys::path::filename(argv[0])));
}

static std::string describePhases() {
  std::string result;
  for (const PhaseInfo &phase : getPhases())
    result += (result.empty() ? "" : "|") + phase.name.str();
  return result;
}

Error moe::parseCommandLine(int argc, char **argv, const Registry &registry,
                            CompileCommand &command) {
  // LLVM's libraries bring some hundred flags of their own.
  cl::ResetCommandLineParser();
  cl::SetVersionPrinter(printVersion);
  cl::OptionCategory general("What to make"), pipeline("How to make it"),
      looking("Looking inside");
  std::string phaseNames = describePhases();

  cl::list<std::string> inputs(cl::Positional, cl::cat(general),
                               cl::desc("<checkpoint directory | .mlir file>"));
  cl::opt<std::string> output(
      "o", cl::cat(general), cl::value_desc("file"),
      cl::desc("The module; with --compile-to, the IR"));
  cl::opt<bool> emitIr(
      "emit-ir", cl::cat(general),
      cl::desc("Put the model's IR into the module, for people"));
  PipelineFlags pipelineFlags(command.options, pipeline);
  cl::opt<std::string> compileTo(
      "compile-to", cl::cat(looking), cl::value_desc("phase"),
      cl::desc("Stop after a phase and print the IR: " + phaseNames));
  cl::list<std::string> dumpPhase(
      "dump-phase", cl::cat(looking), cl::value_desc("phase"),
      cl::desc("Print the IR after a phase to standard error and go on"));
  cl::opt<bool> timing("timing", cl::cat(looking),
                       cl::desc("Say how long each pass took"));
  cl::opt<bool> verifyEach("verify-each", cl::cat(looking), cl::init(true),
                           cl::desc("Verify the IR after each pass (on)"));

  if (Error error = parse(argc, argv))
    return error;
  if (Error error = pipelineFlags.apply())
    return error;
  if (inputs.size() != 1)
    return createStringError(
        Twine(inputs.size()) +
        " inputs given, 1 expected: a checkpoint directory or a .mlir file");
  command.input = inputs.front();
  command.output = output;
  command.emitIr = emitIr;
  command.timing = timing;
  command.verifyEach = verifyEach;
  if (compileTo.getNumOccurrences()) {
    Expected<const PhaseInfo *> phase = findPhase(compileTo);
    if (!phase)
      return phase.takeError();
    command.lastPhase = (*phase)->phase;
  }
  for (const std::string &name : dumpPhase) {
    Expected<const PhaseInfo *> phase = findPhase(name);
    if (!phase)
      return phase.takeError();
    command.dumpedPhases.insert((*phase)->phase);
  }
  if (command.output.empty()) {
    if (command.lastPhase == Phase::Container)
      return createStringError("no output given, use -o FILE");
    command.output = "-";
  }
  return verifyOptions(command.options, registry);
}
