//===- SharedMemory.cpp - a block's memory, and what is in it -------------===//
#include "SharedMemory.h"

#include "base/Memory.h"

using namespace moert;
using namespace moert::emulator;

Status SharedMemory::allocate() {
  if (memory)
    return Status();
  void *all = nullptr;
  MOERT_RETURN_IF_ERROR(allocateHostMemory(allBytes, &all));
  memory = static_cast<char *>(all);
  states = reinterpret_cast<uint8_t *>(memory) + total;
  return Status();
}

SharedMemory::~SharedMemory() { releaseHostMemory(memory, allBytes); }

void SharedMemory::forget() {
  if (written == 254) {
    std::memset(states, 0, maxSharedBytes);
    written = 0;
  }
  written += 2;
}

int64_t SharedMemory::findUnwritten(int64_t offset, int64_t count) const {
  int64_t i = offset;
  while (i < offset + count && states[i] == written)
    ++i;
  return i;
}
