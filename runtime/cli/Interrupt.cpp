//===- Interrupt.cpp - Ctrl-C ends a run in good order --------------------===//
#include "Interrupt.h"

#include <csignal>

static volatile std::sig_atomic_t interruptFlag = 0;

static void noteInterrupt(int) { interruptFlag = 1; }

void moert::cli::catchSignals() {
  struct sigaction action = {};
  action.sa_handler = noteInterrupt;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool moert::cli::interrupted() { return interruptFlag != 0; }
