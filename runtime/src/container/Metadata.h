//===- Metadata.h - what section METADATA says, checked ---------*- C++ -*-===//
#ifndef MOERT_CONTAINER_METADATA_H
#define MOERT_CONTAINER_METADATA_H

#include "base/Status.h"
#include "module_generated.h"
#include <cstddef>
#include <span>
#include <string>

namespace moert {

/// Runs the FlatBuffers verifier and then checks that what the buffer says can
/// be true: every parameter lies inside WEIGHTS and has the size that its shape
/// needs, and all numbers are in range. `bytes` must be 8-byte aligned.
Status readMetadata(std::span<const std::byte> bytes, uint64_t weightsSize,
                    const std::string &origin, const fb::Module **out);

uint64_t elementSize(fb::ElementType type);
/// "bf16"
const char *elementName(fb::ElementType type);

/// Text of an optional string; "" when absent.
inline const char *text(const flatbuffers::String *string) {
  return string ? string->c_str() : "";
}

} // namespace moert

#endif // MOERT_CONTAINER_METADATA_H
