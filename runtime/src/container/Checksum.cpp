//===- Checksum.cpp - XXH3-64, and looking for bytes that are not 0 -------===//
#include "container/Checksum.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t moert::checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t moert::firstNonZero(std::span<const std::byte> bytes) {
  static const std::byte zeros[4096] = {};
  uint64_t begin = 0;
  while (begin < bytes.size()) {
    size_t step = std::min(bytes.size() - begin, sizeof(zeros));
    if (std::memcmp(bytes.data() + begin, zeros, step) != 0)
      break;
    begin += step;
  }
  while (begin < bytes.size() && bytes[begin] == std::byte(0))
    ++begin;
  return begin;
}

std::string moert::hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx",
                static_cast<unsigned long long>(value));
  return text;
}
