//===- MemoryMap.cpp - the memory that kernels may touch ------------------===//
#include "MemoryMap.h"

#include <algorithm>

using namespace moert::emulator;

static bool beginsAbove(uintptr_t address, const Range &range) {
  return address < range.begin;
}

std::vector<Range>::const_iterator MemoryMap::below(uintptr_t address) const {
  auto above =
      std::upper_bound(ranges.begin(), ranges.end(), address, beginsAbove);
  return above == ranges.begin() ? ranges.end() : above - 1;
}

void MemoryMap::add(const void *memory, uint64_t bytes, bool writable) {
  auto begin = reinterpret_cast<uintptr_t>(memory);
  auto place =
      std::upper_bound(ranges.begin(), ranges.end(), begin, beginsAbove);
  ++version;
  if (place != ranges.begin() && (place - 1)->begin == begin)
    ++(place - 1)->uses;
  else
    ranges.insert(place, {begin, bytes, writable, 1});
}

bool MemoryMap::remove(const void *memory) {
  auto begin = reinterpret_cast<uintptr_t>(memory);
  auto found = below(begin);
  if (found == ranges.end() || found->begin != begin)
    return false;
  ++version;
  auto range = ranges.begin() + (found - ranges.begin());
  if (--range->uses == 0)
    ranges.erase(range);
  return true;
}

const Range *MemoryMap::find(uintptr_t address) const {
  auto range = below(address);
  return range != ranges.end() && range->holds(address, 1) ? &*range : nullptr;
}

static std::string allocationOf(const Range &range) {
  return "an allocation of " + std::to_string(range.bytes) + " bytes";
}

std::string MemoryMap::describe(uintptr_t address) const {
  auto range = below(address);
  auto above =
      std::upper_bound(ranges.begin(), ranges.end(), address, beginsAbove);
  uint64_t past = range == ranges.end() ? UINT64_MAX
                                        : address - range->begin - range->bytes;
  uint64_t before =
      above == ranges.end() ? UINT64_MAX : uint64_t(above->begin - address);
  if (range != ranges.end() && range->holds(address, 1))
    return std::to_string(range->bytes - (address - range->begin)) +
           " bytes before the end of " + allocationOf(*range);
  // Far away from everything the nearest allocation says nothing.
  if (std::min(past, before) > uint64_t(1) << 32)
    return "far from all allocations";
  if (past <= before)
    return std::to_string(past) + " bytes past the end of " +
           allocationOf(*range);
  return std::to_string(before) + " bytes before the start of " +
         allocationOf(*above);
}
