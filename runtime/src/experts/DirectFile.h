//===- DirectFile.h - a file that is read past the page cache ---*- C++ -*-===//
#ifndef MOERT_EXPERTS_DIRECTFILE_H
#define MOERT_EXPERTS_DIRECTFILE_H

#include "base/Status.h"
#include <cstdint>
#include <string>

namespace moert {

/// Experts have a cache of their own; the system's would hold each of them
/// twice and push out what others need.
class DirectFile {
public:
  DirectFile() = default;
  ~DirectFile();
  DirectFile(const DirectFile &) = delete;
  DirectFile &operator=(const DirectFile &) = delete;

  Status open(const std::string &path);
  int descriptor() const { return fd; }
  /// False where the file system has no direct reads, as tmpfs: then pages are
  /// forgotten after each read.
  bool isDirect() const { return direct; }
  /// Reads bytes [offset, offset + size): how many, or a negative errno. Less
  /// than asked for only at the end of the file.
  int64_t read(uint64_t offset, uint64_t size, void *memory) const;
  /// These bytes were read.
  void forget(uint64_t offset, uint64_t size) const;

private:
  bool readsDirectly() const;

  int fd = -1;
  bool direct = false;
};

} // namespace moert

#endif // MOERT_EXPERTS_DIRECTFILE_H
