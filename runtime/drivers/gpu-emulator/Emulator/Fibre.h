//===- Fibre.h - stacks, and how to go from one to another ------*- C++ -*-===//
//
// A fibre is a stack and the place where it stopped. Whoever switches says to
// which; nothing else ever interrupts a fibre, and fibres stay on the thread of
// the operating system that they began on.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_EMULATOR_FIBRE_H
#define MOERT_DRIVERS_EMULATOR_FIBRE_H

#include <cstddef>
#include <cstdint>

#if !defined(MOERT_EMULATOR_UCONTEXT) && !defined(__x86_64__) &&               \
    !defined(__aarch64__)
#define MOERT_EMULATOR_UCONTEXT
#endif
#ifdef MOERT_EMULATOR_UCONTEXT
#include <ucontext.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOERT_EMULATOR_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MOERT_EMULATOR_ASAN
#endif

namespace moert::emulator {

/// Where a fibre, or the thread's own stack, stopped.
struct Fibre {
#ifdef MOERT_EMULATOR_UCONTEXT
  ucontext_t place;
#else
  void *place = nullptr; ///< registers lie here, on its stack
#endif
#ifdef MOERT_EMULATOR_ASAN
  // The sanitizer wants to know whose stack we are on.
  const void *low = nullptr;
  size_t bytes = 0;
  void *shadow = nullptr;
#endif
};

/// The first switch to `fibre` calls entry(argument) on the stack that begins
/// at `low`. entry never returns.
void prepare(Fibre &fibre, void *low, size_t bytes, void (*entry)(void *),
             void *argument);

#if !defined(MOERT_EMULATOR_UCONTEXT) && !defined(MOERT_EMULATOR_ASAN)
extern "C" void moert_fibre_switch(void **from, void *to);
/// Stops here, as `from`, and goes on where `to` stopped.
inline void switchTo(Fibre &from, Fibre &to) {
  moert_fibre_switch(&from.place, to.place);
}
#else
void switchTo(Fibre &from, Fibre &to);
#endif
/// Goes on where `to` stopped and forgets the stack that we are on.
[[noreturn]] void leaveFor(Fibre &to);
/// What a fibre does first when it was switched to for the first time.
void arrived(Fibre &self);

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_FIBRE_H
