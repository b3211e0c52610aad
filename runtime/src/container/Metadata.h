//===- Metadata.h - what section METADATA says, checked ---------*- C++ -*-===//
#ifndef MOERT_CONTAINER_METADATA_H
#define MOERT_CONTAINER_METADATA_H

#include "base/Status.h"
#include "code/Code.h"
#include "module_generated.h"
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace moert {

/// Runs the FlatBuffers verifier and then checks that what the buffer says can
/// be true: every parameter lies inside WEIGHTS and has the size that its shape
/// and its codes need, and all numbers are in range. `bytes` must be 8-byte
/// aligned. `codes` are those that the matrices of parameters point to.
Status readMetadata(std::span<const std::byte> bytes, uint64_t weightsSize,
                    const std::string &origin, const fb::Module **out,
                    std::vector<Code> *codes);

/// Most bytes that a module may ask for in one place; beyond it lies damage.
inline constexpr uint64_t mostBytes = uint64_t(1) << 46;

uint64_t elementSize(fb::ElementType type);
/// "bf16"
const char *elementName(fb::ElementType type);

/// Text of an optional string; "" when absent.
inline const char *text(const flatbuffers::String *string) {
  return string ? string->c_str() : "";
}

} // namespace moert

#endif // MOERT_CONTAINER_METADATA_H
