//===- RunMain.h - the whole of moe-run -------------------------*- C++ -*-===//
#ifndef MOERT_CLI_RUNMAIN_H
#define MOERT_CLI_RUNMAIN_H
namespace moert::cli {
/// Returns the exit code: 0, or 1 after one line on stderr.
int runMain(int argc, char **argv);
} // namespace moert::cli
#endif // MOERT_CLI_RUNMAIN_H
