//===- Interrupt.cpp - signals end a run in good order --------------------===//
#include "Interrupt.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <unistd.h>

using namespace moert::cli;

static std::atomic<int> firstSignal = 0;
static_assert(decltype(firstSignal)::is_always_lock_free,
              "a signal handler may not wait");

/// The path lies here and not on the heap: the handler may run at any moment.
struct moert::cli::Slot {
  enum State { Free, Filling, Ready };
  std::atomic<State> state = Free;
  char path[4096];
};
/// A run writes at most logits and a trace.
static Slot slots[4];

static void noteSignal(int signal) {
  int none = 0;
  if (firstSignal.compare_exchange_strong(none, signal))
    return;
  for (Slot &slot : slots)
    if (slot.state == Slot::Ready)
      ::unlink(slot.path);
  ::_exit(128 + signal);
}

void moert::cli::catchSignals() {
  struct sigaction action = {};
  action.sa_handler = noteSignal;
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&action.sa_mask, signal);
  struct sigaction before = {};
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN)
    ::sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool moert::cli::interrupted() { return firstSignal != 0; }

int moert::cli::interruptedExitCode() { return 128 + firstSignal; }

RemovedOnSignal::RemovedOnSignal(const std::string &path) {
  if (path.size() >= sizeof(Slot::path))
    return; // beyond what the system opens
  for (Slot &candidate : slots) {
    Slot::State free = Slot::Free;
    if (!candidate.state.compare_exchange_strong(free, Slot::Filling))
      continue;
    std::memcpy(candidate.path, path.c_str(), path.size() + 1);
    candidate.state = Slot::Ready;
    slot = &candidate;
    return;
  }
}

RemovedOnSignal::~RemovedOnSignal() {
  if (slot)
    slot->state = Slot::Free;
}
