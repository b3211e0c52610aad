//===- DirectFile.cpp - a file that is read past the page cache -----------===//
#include "experts/DirectFile.h"

#include "base/File.h"
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

using namespace moert;

DirectFile::~DirectFile() {
  if (fd >= 0)
    ::close(fd);
}

/// Some file systems take O_DIRECT and refuse to read then.
bool DirectFile::readsDirectly() const {
  alignas(4096) char block[4096];
  ssize_t bytes;
  do
    bytes = ::pread(fd, block, sizeof(block), 0);
  while (bytes < 0 && errno == EINTR);
  return bytes >= 0;
}

Status DirectFile::open(const std::string &path) {
  fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  direct = fd >= 0 && readsDirectly();
  if (direct)
    return Status();
  if (fd >= 0)
    ::close(fd);
  fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return makeStatus(errno == ENOENT ? MOERT_NOT_FOUND : MOERT_IO_ERROR, path,
                      ": cannot read it: ", errnoText(errno));
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); // no reading ahead
  return Status();
}

int64_t DirectFile::read(uint64_t offset, uint64_t size, void *memory) const {
  uint64_t done = 0;
  while (done < size) {
    ssize_t bytes = ::pread(fd, static_cast<char *>(memory) + done, size - done,
                            off_t(offset + done));
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes < 0)
      return -int64_t(errno);
    done += uint64_t(bytes);
    // Behind an odd number of bytes is the end, and direct reads start at even
    // ones only.
    if (bytes == 0 || (direct && done % 4096 != 0))
      break;
  }
  forget(offset, done);
  return int64_t(done);
}

void DirectFile::forget(uint64_t offset, uint64_t size) const {
  if (!direct)
    ::posix_fadvise(fd, off_t(offset), off_t(size), POSIX_FADV_DONTNEED);
}
