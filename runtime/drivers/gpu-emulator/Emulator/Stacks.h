//===- Stacks.h - the stacks that fibres run on -----------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_STACKS_H
#define MOERT_DRIVERS_EMULATOR_STACKS_H

#include "Fibre.h"
#include "base/Status.h"
#include <memory>
#include <vector>

namespace moert::emulator {

struct Stack {
  Fibre fibre;
  void *low = nullptr;
  size_t bytes = 0;
};

/// Stacks of one thread of the operating system, made when first needed and
/// kept. Below each lies a page that nobody may touch. A stack is free when its
/// fibre waits for work.
class Stacks {
public:
  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  /// Sees to it that `count` stacks exist; fibres begin with entry(argument).
  Status reserve(size_t count, void (*entry)(void *), void *argument);
  /// All fibres begin anew, wherever they are.
  void restart();

  Stack *take() {
    Stack *stack = free.back();
    free.pop_back();
    return stack;
  }
  void give(Stack *stack) { free.push_back(stack); }
  size_t getCount() const { return all.size(); }

private:
  Status grow();

  struct Region {
    void *memory;
    size_t bytes;
  };
  std::vector<Region> regions;
  std::vector<std::unique_ptr<Stack>> all;
  std::vector<Stack *> free; ///< the one used last at the end: it is warm
  void (*entry)(void *) = nullptr;
  void *argument = nullptr;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_STACKS_H
