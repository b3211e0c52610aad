//===- FillMain.cpp - the command line of moe-fill ------------------------===//
#include "FillMain.h"

#include "Fill.h"
#include "moert/moert.h"
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

using namespace moert;

static const char help[] =
    "Fills a module that was compiled without weights, to measure the speed of\n"
    "models that are not at hand: what it says is noise.\n"
    "\n"
    "Usage: moe-fill MODULE -o OUTPUT [--seed S]\n"
    "       moe-fill MODULE --size\n"
    "\n"
    "  -o,--output FILE  The module with weights\n"
    "  --seed S          Which weights; the same everywhere (0)\n"
    "  --size            Print how many bytes the weights would have\n"
    "  -h,--help         Print this help and exit\n"
    "  --version         Print the version and exit\n";

namespace {
struct Command {
  std::string module, output;
  uint64_t seed = 0;
  bool asksSize = false;
};
} // namespace

static Status parse(int argc, char **argv, Command *command) {
  auto fail = [](const auto &...parts) {
    return makeStatus(MOERT_INVALID_ARGUMENT, "command line: ", parts...);
  };
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    bool isOutput = argument == "-o" || argument == "--output";
    if (argument == "--size") {
      command->asksSize = true;
      continue;
    }
    if (isOutput || argument == "--seed") {
      if (++i == argc)
        return fail(argument, " needs a value");
      const char *end = argv[i] + std::strlen(argv[i]);
      if (isOutput) {
        command->output = argv[i];
      } else if (auto [stop, error] =
                     std::from_chars(argv[i], end, command->seed);
                 stop != end || error != std::errc()) {
        return fail("--seed is '", argv[i],
                    "' when it should be a number below 2^64");
      }
    } else if (argument.size() > 1 && argument[0] == '-') {
      return fail("unknown option ", argument);
    } else if (!command->module.empty()) {
      return fail("one module expected, also got '", argument, "'");
    } else {
      command->module = argument;
    }
  }
  if (command->module.empty() ||
      command->output.empty() != command->asksSize)
    return fail("a module and one of -o and --size are needed (see --help)");
  return Status();
}

int moert::fillMain(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "-h") || !std::strcmp(argv[i], "--help"))
      return std::fputs(help, stdout) < 0;
    if (!std::strcmp(argv[i], "--version"))
      return std::printf("moe-fill %s\n", moert_version()) < 0;
  }
  const bool shows = isatty(STDERR_FILENO);
  Status done(guarded([&]() -> Status {
    Command command;
    MOERT_RETURN_IF_ERROR(parse(argc, argv, &command));
    if (command.asksSize) {
      uint64_t bytes = 0;
      MOERT_RETURN_IF_ERROR(missingWeights(command.module, &bytes));
      std::printf("%llu\n", static_cast<unsigned long long>(bytes));
      return Status();
    }
    return fillModule(command.module, command.output, command.seed,
                      [&](uint64_t made, uint64_t all) {
                        if (shows)
                          std::fprintf(stderr, "\r%.1f of %.1f GB%s",
                                       double(made) / 1e9, double(all) / 1e9,
                                       made == all ? "\n" : "");
                      });
  }));
  if (done.ok())
    return 0;
  std::fprintf(stderr, "error: %s\n", done.message());
  return 1;
}
