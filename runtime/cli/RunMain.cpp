//===- RunMain.cpp - from the command line to a mode ----------------------===//
#include "RunMain.h"
#include "Failure.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Options.h"
#include "Output.h"

#include <cstdio>
#include <exception>

using namespace moert::cli;

static int runMode(const Options &options) {
  switch (options.mode) {
  case Mode::Generate:
    return generate(options);
  case Mode::Perplexity:
    return perplexity(options);
  case Mode::Evaluate:
    return evaluate(options);
  case Mode::Bench:
    return bench(options);
  case Mode::Inspect:
    return inspect(options);
  case Mode::ListDevices:
    return listDevices(options);
  case Mode::MeasureProfile:
    return measureProfile(options);
  }
  return 1;
}

static int run(int argc, char **argv) {
  CommandLineResult wanted = parseCommandLine(argc, argv);
  if (wanted.text) {
    writeOut(*wanted.text);
    return 0;
  }
  return runMode(wanted.options);
}

int moert::cli::runMain(int argc, char **argv) {
  keepStandardStreams();
  catchSignals();
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "error: moe-run: out of memory\n");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 1;
}
