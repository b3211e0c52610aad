//===- Modes.h - what moe-run can do, one function each ---------*- C++ -*-===//
#ifndef MOERT_CLI_MODES_H
#define MOERT_CLI_MODES_H

#include "Options.h"

namespace moert::cli {

/// Each prints its result and returns the exit code, 0 or that of an
/// interrupted run; whatever goes wrong is thrown as a Failure.
int generate(const Options &options);
int perplexity(const Options &options);
int evaluate(const Options &options);
int bench(const Options &options);
int inspect(const Options &options);
int listDevices(const Options &options);
int measureProfile(const Options &options);

} // namespace moert::cli

#endif // MOERT_CLI_MODES_H
