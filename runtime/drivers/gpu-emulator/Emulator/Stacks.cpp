//===- Stacks.cpp - stacks with a page below that nobody may touch --------===//
#include "Stacks.h"

#include "base/File.h"
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

using namespace moert;
using namespace moert::emulator;

/// Of one stack. Only what is touched costs memory.
static constexpr size_t stackBytes = size_t(64) << 10;
/// Stacks that are mapped together.
static constexpr size_t regionStacks = 32;

Stacks::~Stacks() {
  for (const Region &region : regions)
    ::munmap(region.memory, region.bytes);
}

Status Stacks::grow() {
  size_t guard = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  size_t stride = stackBytes + guard;
  size_t bytes = stride * regionStacks;
  void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, "cannot map ", bytes,
                      " bytes for stacks of the emulator: ", errnoText(errno));
  regions.push_back({memory, bytes});
  for (size_t i = 0; i < regionStacks; ++i) {
    char *low = static_cast<char *>(memory) + i * stride;
    if (::mprotect(low, guard, PROT_NONE) != 0)
      return makeStatus(
          MOERT_RESOURCE_EXHAUSTED,
          "cannot protect a stack of the emulator: ", errnoText(errno));
    auto stack = std::make_unique<Stack>();
    stack->low = low + guard;
    // Tops at different offsets within a page: otherwise the hot ends of all
    // stacks would meet in the same few lines of the cache.
    stack->bytes = stackBytes - all.size() % 31 * 128;
    prepare(stack->fibre, stack->low, stack->bytes, entry, argument);
    all.push_back(std::move(stack));
    // So that give() never allocates.
    free.reserve(all.size());
    free.push_back(all.back().get());
  }
  return Status();
}

Status Stacks::reserve(size_t count, void (*newEntry)(void *),
                       void *newArgument) {
  entry = newEntry;
  argument = newArgument;
  while (all.size() < count)
    MOERT_RETURN_IF_ERROR(grow());
  return Status();
}

void Stacks::restart() {
  free.clear();
  for (const std::unique_ptr<Stack> &stack : all) {
    prepare(stack->fibre, stack->low, stack->bytes, entry, argument);
    free.push_back(stack.get());
  }
}
