//===- Checksum.h - XXH3-64, and bytes that are not 0 -----------*- C++ -*-===//
#ifndef MOERT_CONTAINER_CHECKSUM_H
#define MOERT_CONTAINER_CHECKSUM_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace moert {

uint64_t checksum(std::span<const std::byte> bytes);
/// Index of the first byte that is not zero; the size when all are.
uint64_t firstNonZero(std::span<const std::byte> bytes);
/// 16 hexadecimal digits.
std::string hex(uint64_t value);

} // namespace moert

#endif // MOERT_CONTAINER_CHECKSUM_H
