//===- Fibre.cpp - from one stack to another ------------------------------===//
//
// A switch saves the registers that a called function must keep, on the stack
// that it leaves, and takes them from the stack that it enters. It ends with a
// return, not a jump: lanes of a warp mostly wait at the same place, so the
// processor's guess of where returns lead is right for the stack that is
// entered, too, and for the functions that return next. The state of the
// floating-point unit is the same in all fibres.
//===----------------------------------------------------------------------===//
#include "Fibre.h"

#include <cstring>

#ifdef MOERT_EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

using namespace moert::emulator;

#ifdef MOERT_EMULATOR_UCONTEXT

static void enter(unsigned entryLow, unsigned entryHigh, unsigned low,
                  unsigned high) {
  auto whole = [](unsigned low, unsigned high) {
    return static_cast<uintptr_t>(uint64_t(high) << 32 | low);
  };
  auto entry = reinterpret_cast<void (*)(void *)>(whole(entryLow, entryHigh));
  entry(reinterpret_cast<void *>(whole(low, high)));
}

static void makePlace(Fibre &fibre, void *low, size_t bytes,
                      void (*entry)(void *), void *argument) {
  uint64_t code = reinterpret_cast<uintptr_t>(entry);
  uint64_t data = reinterpret_cast<uintptr_t>(argument);
  ::getcontext(&fibre.place);
  fibre.place.uc_stack.ss_sp = low;
  fibre.place.uc_stack.ss_size = bytes;
  fibre.place.uc_link = nullptr;
  // makecontext passes ints.
  ::makecontext(&fibre.place, reinterpret_cast<void (*)()>(enter), 4,
                unsigned(code), unsigned(code >> 32), unsigned(data),
                unsigned(data >> 32));
}

static void change(Fibre &from, Fibre &to) {
  ::swapcontext(&from.place, &to.place);
}

#else

extern "C" void moert_fibre_switch(void **from, void *to);
extern "C" void moert_fibre_start();

#if defined(__x86_64__)
asm(".text\n"
    ".p2align 4\n"
    ".globl moert_fibre_switch\n"
    ".hidden moert_fibre_switch\n"
    "moert_fibre_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n"
    "  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n"
    "  popq %rbx\n  popq %rbp\n"
    "  retq\n"
    ".p2align 4\n"
    ".globl moert_fibre_start\n"
    ".hidden moert_fibre_start\n"
    "moert_fibre_start:\n"
    "  movq %rbx, %rdi\n"
    "  xorl %ebp, %ebp\n"
    "  callq *%r12\n"
    "  ud2\n");

/// Registers as a switch leaves them: r15, r14, r13, r12, rbx, rbp, the
/// address.
static void makePlace(Fibre &fibre, void *low, size_t bytes,
                      void (*entry)(void *), void *argument) {
  auto top = (reinterpret_cast<uintptr_t>(low) + bytes) & ~uintptr_t(15);
  // Nine, so that the stack is aligned where moert_fibre_start calls.
  void **frame = reinterpret_cast<void **>(top) - 9;
  std::memset(frame, 0, 9 * sizeof(void *));
  frame[3] = reinterpret_cast<void *>(entry);
  frame[4] = argument;
  frame[6] = reinterpret_cast<void *>(moert_fibre_start);
  fibre.place = frame;
}

#elif defined(__aarch64__)
asm(".text\n"
    ".p2align 4\n"
    ".globl moert_fibre_switch\n"
    ".hidden moert_fibre_switch\n"
    "moert_fibre_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n"
    "  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
    "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n"
    "  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n"
    "  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n"
    ".p2align 4\n"
    ".globl moert_fibre_start\n"
    ".hidden moert_fibre_start\n"
    "moert_fibre_start:\n"
    "  mov x0, x20\n"
    "  mov x29, xzr\n"
    "  blr x19\n"
    "  brk #1\n");

static void makePlace(Fibre &fibre, void *low, size_t bytes,
                      void (*entry)(void *), void *argument) {
  auto top = (reinterpret_cast<uintptr_t>(low) + bytes) & ~uintptr_t(15);
  void **frame = reinterpret_cast<void **>(top) - 20;
  std::memset(frame, 0, 20 * sizeof(void *));
  frame[0] = reinterpret_cast<void *>(entry);
  frame[1] = argument;
  frame[11] = reinterpret_cast<void *>(moert_fibre_start);
  fibre.place = frame;
}
#endif

[[maybe_unused]] static void change(Fibre &from, Fibre &to) {
  moert_fibre_switch(&from.place, to.place);
}

#endif // MOERT_EMULATOR_UCONTEXT

#if defined(MOERT_EMULATOR_ASAN)
/// Who was left last on this thread: whoever arrives learns its stack.
static thread_local Fibre *leaving = nullptr;

void moert::emulator::arrived(Fibre &self) {
  const void *low = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(self.shadow, &low, &bytes);
  if (leaving && !leaving->low) {
    leaving->low = low;
    leaving->bytes = bytes;
  }
}

void moert::emulator::switchTo(Fibre &from, Fibre &to) {
  leaving = &from;
  __sanitizer_start_switch_fiber(&from.shadow, to.low, to.bytes);
  change(from, to);
  arrived(from);
}

void moert::emulator::leaveFor(Fibre &to) {
  static thread_local Fibre nowhere;
  leaving = &nowhere;
  nowhere.low = &nowhere; // anything: we never go back
  __sanitizer_start_switch_fiber(nullptr, to.low, to.bytes);
  change(nowhere, to);
  __builtin_unreachable();
}
#else
void moert::emulator::arrived(Fibre &) {}
void moert::emulator::leaveFor(Fibre &to) {
  Fibre nowhere;
  switchTo(nowhere, to);
  __builtin_unreachable();
}
#if defined(MOERT_EMULATOR_UCONTEXT)
void moert::emulator::switchTo(Fibre &from, Fibre &to) { change(from, to); }
#endif
#endif

void moert::emulator::prepare(Fibre &fibre, void *low, size_t bytes,
                              void (*entry)(void *), void *argument) {
#ifdef MOERT_EMULATOR_ASAN
  fibre.low = low;
  fibre.bytes = bytes;
  fibre.shadow = nullptr;
  __asan_unpoison_memory_region(low, bytes);
#endif
  makePlace(fibre, low, bytes, entry, argument);
}
