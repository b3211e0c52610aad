//===- Memory.cpp - large zeroed host memory ------------------------------===//
#include "base/Memory.h"

#include "base/ControlGroup.h"
#include "base/File.h"
#include <algorithm>
#include <cerrno>
#include <sys/mman.h>

using namespace moert;

static constexpr uint64_t hugePage = uint64_t(2) << 20;
static constexpr uint64_t smallPage = 4096;

static uint64_t ofMachine(const char *key) {
  uint64_t kibibytes = readNumber("/proc/meminfo", key);
  return kibibytes == unknownMemory ? unknownMemory : kibibytes * 1024;
}

uint64_t moert::availableHostMemory() {
  return std::min(ofMachine("MemAvailable:"), readGroupMemory().available);
}

uint64_t moert::grantedHostMemory() {
  return std::min(ofMachine("MemTotal:"), readGroupMemory().limit);
}

static uint64_t roundedSize(uint64_t bytes) {
  uint64_t page = bytes >= hugePage ? hugePage : smallPage;
  return (std::max<uint64_t>(bytes, 1) + page - 1) / page * page;
}

/// Maps `size` bytes at a multiple of the huge page: maps more and gives back
/// both ends.
static void *mapAligned(uint64_t size) {
  void *memory = ::mmap(nullptr, size + hugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return memory;
  char *begin = static_cast<char *>(memory);
  uint64_t head = -reinterpret_cast<uintptr_t>(begin) % hugePage;
  if (head)
    ::munmap(begin, head);
  ::munmap(begin + head + size, hugePage - head);
  ::madvise(begin + head, size, MADV_HUGEPAGE);
  return begin + head;
}

Status moert::allocateHostMemory(uint64_t bytes, void **out) {
  uint64_t available = availableHostMemory();
  if (bytes > available)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, bytes,
                      " bytes of memory are needed, ", available,
                      " are available");
  if (bytes > unknownMemory - 2 * hugePage)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, bytes,
                      " bytes of memory are needed: out of range");
  uint64_t size = roundedSize(bytes);
  void *memory = size >= hugePage
                     ? mapAligned(size)
                     : ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, "cannot allocate ", bytes,
                      " bytes: ", errnoText(errno));
  *out = memory;
  return Status();
}

void moert::releaseHostMemory(void *memory, uint64_t bytes) {
  if (memory)
    ::munmap(memory, roundedSize(bytes));
}
