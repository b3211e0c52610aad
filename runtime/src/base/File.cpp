//===- File.cpp - files that are mapped, and files written beside ---------===//
#include "base/File.h"

#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace moert;

std::string moert::errnoText(int error) {
  std::string text = std::strerror(error);
  if (!text.empty())
    text[0] = std::tolower(static_cast<unsigned char>(text[0]));
  return text;
}

//===----------------------------------------------------------------------===//
// MappedFile
//===----------------------------------------------------------------------===//

static Status mapDescriptor(const std::string &path, int fd,
                            const std::byte **data, size_t *size) {
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return makeStatus(MOERT_IO_ERROR, path,
                      ": cannot read: ", errnoText(errno));
  if (S_ISDIR(info.st_mode))
    return makeStatus(MOERT_INVALID_ARGUMENT, path,
                      ": is a directory, not a module file");
  if (!S_ISREG(info.st_mode))
    return makeStatus(MOERT_INVALID_ARGUMENT, path, ": is not a regular file");
  *size = static_cast<size_t>(info.st_size);
  *data = nullptr;
  if (*size == 0)
    return Status(); // there is nothing to map; the reader refuses it
  void *memory = ::mmap(nullptr, *size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED)
    return makeStatus(MOERT_IO_ERROR, path, ": cannot map ", *size,
                      " bytes: ", errnoText(errno));
  // Huge pages spare the page walks of decoding where the file system offers
  // them; where it does not, the advice does nothing.
  ::madvise(memory, *size, MADV_HUGEPAGE);
  *data = static_cast<const std::byte *>(memory);
  return Status();
}

Status MappedFile::open(const std::string &path,
                        std::unique_ptr<MappedFile> *out) {
  // Not blocking, so that a pipe is refused and not waited for.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return makeStatus(errno == ENOENT ? MOERT_NOT_FOUND : MOERT_IO_ERROR, path,
                      ": cannot open: ", errnoText(errno));
  const std::byte *data;
  size_t size;
  Status status = mapDescriptor(path, fd, &data, &size);
  if (status.ok())
    out->reset(new MappedFile(data, size, fd));
  else
    ::close(fd);
  return status;
}

void MappedFile::forget(std::span<const std::byte> bytes) {
  constexpr uintptr_t page = 4096;
  auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  uintptr_t end = (begin + bytes.size()) / page * page;
  begin = (begin + page - 1) / page * page;
  if (begin < end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<std::byte *>(data), size);
  ::close(fd);
}

//===----------------------------------------------------------------------===//
// PartFile
//===----------------------------------------------------------------------===//

/// Where writing to `path` ends, whether or not there is a file.
static std::string followLinks(const std::string &path) {
  std::filesystem::path target(path);
  constexpr int most = 40; // as the kernel
  for (int i = 0; i < most; ++i) {
    std::error_code noLink;
    std::filesystem::path next = std::filesystem::read_symlink(target, noLink);
    if (noLink)
      break;
    target = target.parent_path() / next;
  }
  return target.string();
}

Status PartFile::create(const std::string &path,
                        std::unique_ptr<PartFile> *out) {
  // Renaming onto a directory fails only at the end, and renaming onto a device
  // would replace it: say so before any work is done.
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return makeStatus(MOERT_INVALID_ARGUMENT, path, ": cannot write: is ",
                      S_ISDIR(info.st_mode) ? "a directory"
                                            : "not a regular file");
  std::string target = followLinks(path);
  std::string part = target + "." + std::to_string(::getpid()) + ".part";
  ::unlink(part.c_str()); // left by a killed process that had our number
  int fd = ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return makeStatus(MOERT_IO_ERROR, path,
                      ": cannot write: ", errnoText(errno));
  out->reset(new PartFile(path, std::move(target), std::move(part), fd));
  return Status();
}

PartFile::~PartFile() {
  if (fd < 0)
    return;
  ::close(fd);
  ::unlink(part.c_str());
}

Status PartFile::failure(const char *what) const {
  int error = errno;
  bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return makeStatus(full ? MOERT_RESOURCE_EXHAUSTED : MOERT_IO_ERROR, path,
                    ": cannot ", what, " after ", written,
                    " bytes: ", errnoText(error));
}

Status PartFile::writeAt(uint64_t offset, const void *bytes, size_t size) {
  const char *from = static_cast<const char *>(bytes);
  while (size > 0) {
    ssize_t done = ::pwrite(fd, from, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return failure("write");
    from += done;
    offset += done;
    size -= done;
  }
  return Status();
}

Status PartFile::append(const void *bytes, size_t size) {
  MOERT_RETURN_IF_ERROR(writeAt(written, bytes, size));
  written += size;
  return Status();
}

Status PartFile::overwrite(uint64_t offset, const void *bytes, size_t size) {
  if (offset > written || size > written - offset)
    return makeStatus(MOERT_INTERNAL, path, ": overwriting ", size,
                      " bytes at ", offset, " of ", written);
  return writeAt(offset, bytes, size);
}

Status PartFile::truncate(uint64_t size) {
  if (size > written)
    return makeStatus(MOERT_INTERNAL, path, ": truncating ", written,
                      " bytes to ", size);
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0)
    return failure("truncate");
  written = size;
  return Status();
}

Status PartFile::finish() {
  // No fsync: a disk takes seconds for what memory takes at once, and a file
  // that a power cut tears is refused by its checksums and made again.
  int closed = ::close(fd);
  fd = -1;
  if (closed != 0 || ::rename(part.c_str(), target.c_str()) != 0) {
    Status status = failure("finish");
    ::unlink(part.c_str());
    return status;
  }
  return Status();
}
