//===- Interrupt.h - signals end a run in good order ------------*- C++ -*-===//
#ifndef MOERT_CLI_INTERRUPT_H
#define MOERT_CLI_INTERRUPT_H

#include <string>

namespace moert::cli {

/// From now on the first SIGINT, SIGTERM or SIGHUP (unless nohup ignores it)
/// only sets a flag; a second one ends the program at once, without unfinished
/// files. A closed pipe and a limit of the size of files no longer kill: the
/// write fails instead.
void catchSignals();

/// True once such a signal has come; loops stop and hand out what they have.
bool interrupted();

/// What a shell reports for a program that this signal ended.
int interruptedExitCode();

/// While this lives, a second signal removes the file on the way out.
class RemovedOnSignal {
public:
  explicit RemovedOnSignal(const std::string &path);
  ~RemovedOnSignal();
  RemovedOnSignal(const RemovedOnSignal &) = delete;
  RemovedOnSignal &operator=(const RemovedOnSignal &) = delete;

private:
  struct Slot *slot = nullptr;
};

} // namespace moert::cli

#endif // MOERT_CLI_INTERRUPT_H
