//===- Writer.h - writes a container, beside its place ----------*- C++ -*-===//
#ifndef MOERT_CONTAINER_WRITER_H
#define MOERT_CONTAINER_WRITER_H

#include "base/Status.h"
#include "moert/abi/container.h"
#include <memory>
#include <string>

namespace moert {

/// Writes sections one after the other into `<path>.<pid>.part`; finish()
/// writes the header and renames. A writer that is destroyed before
/// that removes what it wrote. The compiler uses it, and tests.
class ContainerWriter {
public:
  static Status create(const std::string &path,
                       std::unique_ptr<ContainerWriter> *outWriter);
  virtual ~ContainerWriter() = default;

  /// Where the bytes go until finish(): for a signal handler to remove.
  virtual const std::string &partPath() const = 0;
  /// Starts a section at the next page; the one before ends.
  virtual Status beginSection(uint32_t id, uint32_t flags) = 0;
  virtual Status append(const void *bytes, size_t size) = 0;
  /// Zeros up to `offset` from the section's start.
  virtual Status padTo(uint64_t offset) = 0;
  /// Makes the part a container that can be read; more may follow.
  virtual Status complete() = 0;
  /// Takes the section and all behind it back; none of it was there, ever.
  virtual Status dropFrom(uint32_t id) = 0;
  virtual Status finish() = 0;

  Status addSection(uint32_t id, uint32_t flags, const void *bytes,
                    size_t size) {
    MOERT_RETURN_IF_ERROR(beginSection(id, flags));
    return append(bytes, size);
  }
};

} // namespace moert

#endif // MOERT_CONTAINER_WRITER_H
