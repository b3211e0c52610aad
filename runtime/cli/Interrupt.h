//===- Interrupt.h - Ctrl-C ends a run in good order ------------*- C++ -*-===//
#ifndef MOERT_CLI_INTERRUPT_H
#define MOERT_CLI_INTERRUPT_H

namespace moert::cli {

/// What a shell reports for a program that SIGINT ended.
constexpr int interruptedExitCode = 130;

/// From now on the first SIGINT only sets a flag; a second one kills. A closed
/// pipe and a limit of the size of files no longer kill: the write fails
/// instead.
void catchSignals();

/// True once SIGINT has come; loops stop and hand out what they have.
bool interrupted();

} // namespace moert::cli

#endif // MOERT_CLI_INTERRUPT_H
