//===- Memory.cpp - large zeroed host memory ------------------------------===//
#include "base/Memory.h"

#include "base/File.h"
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sys/mman.h>

using namespace moert;

static constexpr uint64_t unknown = std::numeric_limits<uint64_t>::max();
static constexpr uint64_t hugePage = uint64_t(2) << 20;
static constexpr uint64_t smallPage = 4096;

/// The number in a file that holds only that; control groups say "max".
static uint64_t readNumber(const char *path) {
  uint64_t value;
  return std::ifstream(path) >> value ? value : unknown;
}

/// The number behind `key` in a file of lines "key number ...".
static uint64_t readNumber(const char *path, const std::string &key) {
  std::ifstream file(path);
  std::string word;
  uint64_t value;
  while (file >> word >> value) {
    if (word == key)
      return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return unknown;
}

/// What the control group still grants; cached files do not count, they go
/// when memory is needed.
static uint64_t availableInGroup() {
  uint64_t limit = readNumber("/sys/fs/cgroup/memory.max");
  uint64_t used = readNumber("/sys/fs/cgroup/memory.current");
  uint64_t cached = readNumber("/sys/fs/cgroup/memory.stat", "file");
  if (limit == unknown || used == unknown || cached == unknown)
    return unknown;
  used -= std::min(used, cached);
  return limit - std::min(limit, used);
}

uint64_t moert::availableHostMemory() {
  uint64_t kibibytes = readNumber("/proc/meminfo", "MemAvailable:");
  uint64_t available = kibibytes == unknown ? unknown : kibibytes * 1024;
  return std::min(available, availableInGroup());
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
  if (bytes > unknown - 2 * hugePage)
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
