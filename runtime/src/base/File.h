//===- File.h - files that are mapped, and files written beside -*- C++ -*-===//
#ifndef MOERT_BASE_FILE_H
#define MOERT_BASE_FILE_H

#include "base/Status.h"
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace moert {

/// "no space left on device": what the operating system said, as a clause.
std::string errnoText(int error);

/// A whole file, mapped for reading.
class MappedFile {
public:
  static Status open(const std::string &path, std::unique_ptr<MappedFile> *out);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::span<const std::byte> bytes() const { return {data, size}; }
  /// The open file, which stays the same when its name goes to another.
  int descriptor() const { return fd; }
  /// These bytes will not be read soon: their pages leave this process.
  static void forget(std::span<const std::byte> bytes);

private:
  MappedFile(const std::byte *data, size_t size, int fd)
      : data(data), size(size), fd(fd) {}
  const std::byte *data;
  size_t size;
  int fd;
};

/// A file that appears under its name only when it is complete: bytes go to
/// `<path>.<pid>.part`, finish() renames, and destroying the object before
/// that removes the part. Where `path` is a symbolic link, all this happens to
/// what it points to, and the link stays.
class PartFile {
public:
  static Status create(const std::string &path, std::unique_ptr<PartFile> *out);
  ~PartFile();
  PartFile(const PartFile &) = delete;
  PartFile &operator=(const PartFile &) = delete;

  const std::string &partPath() const { return part; }
  /// Bytes appended so far.
  uint64_t position() const { return written; }
  Status append(const void *bytes, size_t size);
  /// Replaces bytes that were appended before.
  Status overwrite(uint64_t offset, const void *bytes, size_t size);
  /// Takes back what was appended behind the first `size` bytes.
  Status truncate(uint64_t size);
  Status finish();

private:
  PartFile(std::string path, std::string target, std::string part, int fd)
      : path(std::move(path)), target(std::move(target)), part(std::move(part)),
        fd(fd) {}
  Status writeAt(uint64_t offset, const void *bytes, size_t size);
  Status failure(const char *what) const;

  std::string path;   ///< as the caller wrote it, for messages
  std::string target; ///< behind symbolic links
  std::string part;
  int fd;
  uint64_t written = 0;
};

} // namespace moert

#endif // MOERT_BASE_FILE_H
