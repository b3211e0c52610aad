//===- Header.h - the first page of a container, checked --------*- C++ -*-===//
#ifndef MOERT_CONTAINER_HEADER_H
#define MOERT_CONTAINER_HEADER_H

#include "base/Status.h"
#include "moert/abi/container.h"
#include <cstddef>
#include <span>
#include <string>

namespace moert {

/// Copies the header out of `file` and checks magic, version, checksum, file
/// size, ABI and the table of sections. After this every section lies inside
/// the file, they do not overlap, and what lies between them is zero.
/// `checkChecksum` is false only for fuzzing.
Status readHeader(std::span<const std::byte> file, const std::string &origin,
                  bool checkChecksum, moert_container_header_t *header);

/// "METADATA", or "section 32752" for one without a name.
std::string sectionName(uint32_t id);

} // namespace moert

#endif // MOERT_CONTAINER_HEADER_H
