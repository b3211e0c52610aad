//===- Flags.cpp - command lines whose errors are one line ----------------===//
#include "Flags.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace moe;
using namespace llvm;

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

/// LLVM's parser prints some complaints itself. Of those, this finds a value
/// that is missing at the end; on-or-off flags are text for the same reason.
static Error verifyLastValue(StringRef argument) {
  auto &options = cl::getRegisteredOptions();
  auto option = options.find(argument.ltrim('-'));
  if (!argument.starts_with("-") || option == options.end() ||
      option->second->getValueExpectedFlag() != cl::ValueRequired)
    return Error::success();
  return createStringError(argument + ": needs a value");
}

Error moe::parseFlags(int argc, char **argv, StringRef overview) {
  if (Error error = verifyLastValue(argv[argc - 1]))
    return error;
  std::string messages;
  raw_string_ostream stream(messages);
  if (cl::ParseCommandLineOptions(argc, argv, overview, &stream,
                                  /*VFS=*/nullptr, /*EnvVar=*/nullptr,
                                  /*LongOptionsUseDoubleDash=*/true))
    return Error::success();
  return createStringError(condense(messages, sys::path::filename(argv[0])));
}

Error moe::getSwitch(const cl::opt<std::string> &flag, bool &value) {
  if (!flag.getNumOccurrences())
    return Error::success();
  if (flag.empty() || flag == "true" || flag == "1")
    value = true;
  else if (flag == "false" || flag == "0")
    value = false;
  else
    return createStringError("--" + flag.ArgStr + ": bad value '" +
                             StringRef(flag) + "', known are true and false");
  return Error::success();
}
