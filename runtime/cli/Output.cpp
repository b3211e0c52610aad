//===- Output.cpp - standard output, files and progress -------------------===//
#include "Output.h"
#include "Failure.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace moert::cli;

static_assert(std::endian::native == std::endian::little,
              ".npy files are written as the machine holds them");

//===-- Standard streams --------------------------------------------------===//

void moert::cli::keepStandardStreams() {
  // Opened for reading, also in place of an output: writing there must fail.
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0)
      std::_Exit(1);
}

/// Returns 0, or errno.
static int writeAll(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t done = ::write(fd, bytes, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return errno;
    bytes += done;
    size -= size_t(done);
  }
  return 0;
}

void moert::cli::writeOut(std::string_view text) {
  if (int error = writeAll(STDOUT_FILENO, text.data(), text.size()))
    fail("standard output", "cannot write: ", systemError(error));
}

void moert::cli::writeJson(const Json &object) {
  writeOut(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

//===-- Files -------------------------------------------------------------===//

std::string moert::cli::readFile(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail(path, "cannot open: ", systemError(errno));
  std::string text;
  std::array<char, 1 << 16> buffer;
  ssize_t size;
  while ((size = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0) {
      int error = errno;
      ::close(fd);
      fail(path, "cannot read: ", systemError(error));
    }
    text.append(buffer.data(), size_t(size));
  }
  ::close(fd);
  return text;
}

std::string moert::cli::followLinks(const std::string &path) {
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

std::string moert::cli::partPathOf(const std::string &target) {
  return target + "." + std::to_string(::getpid()) + ".part";
}

OutputFile::OutputFile(const std::string &path)
    : path(path), target(followLinks(path)) {
  struct stat info;
  bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    part = partPathOf(target);
    guard.emplace(part);
    fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  if (fd < 0)
    fail(path, "cannot write: ", systemError(errno));
}

OutputFile::~OutputFile() {
  if (fd >= 0)
    ::close(fd);
  if (fd >= 0 && !part.empty())
    ::unlink(part.c_str());
}

void OutputFile::append(const void *bytes, size_t size) {
  if (int error = writeAll(fd, static_cast<const char *>(bytes), size))
    fail(path, "cannot write: ", systemError(error));
}

void OutputFile::finish() {
  // Some file systems tell of a full disk only now.
  if (!part.empty() && ::fsync(fd) != 0)
    fail(path, "cannot write: ", systemError(errno));
  if (!part.empty() && ::rename(part.c_str(), target.c_str()) != 0)
    fail(path, "cannot rename ", part, ": ", systemError(errno));
  int closing = fd;
  fd = -1;
  if (::close(closing) != 0)
    fail(path, "cannot write: ", systemError(errno));
}

std::string moert::cli::npyHeader(int64_t rows, int64_t columns,
                                  const std::string &comment) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                     std::to_string(rows) + ", " + std::to_string(columns) +
                     "), }";
  if (!comment.empty())
    text += " # " + comment;
  // The data starts at a multiple of 64.
  const size_t preamble = 10;
  text.append(63 - (preamble + text.size()) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(text.size() & 0xff);
  header += char(text.size() >> 8);
  return header + text;
}

NpyWriter::NpyWriter(const std::string &path, int64_t rows, int64_t columns)
    : file(path), columns(columns) {
  std::string header = npyHeader(rows, columns);
  file.append(header.data(), header.size());
}

void NpyWriter::append(const float *rows, int64_t count) {
  file.append(rows, size_t(count * columns) * sizeof(float));
}

void NpyWriter::finish() { file.finish(); }

//===-- Progress ----------------------------------------------------------===//

std::string moert::cli::progressText(const std::string &what, int64_t done,
                                     int64_t total, double seconds) {
  char text[128];
  double share = total > 0 ? double(done) / double(total) : 0;
  if (share <= 0)
    std::snprintf(text, sizeof(text), "0 %%");
  else
    std::snprintf(text, sizeof(text), "%.0f %%, %.0f s left", 100 * share,
                  seconds * (1 - share) / share);
  return what + ": " + text;
}

Progress::Progress(std::string what, int64_t total)
    : what(std::move(what)), total(total), start(Clock::now()), shown(start),
      terminal(::isatty(STDERR_FILENO)) {}

void Progress::update(int64_t done) {
  if (!terminal || secondsSince(start) < 2 ||
      (visible && secondsSince(shown) < 0.2))
    return;
  shown = Clock::now();
  visible = true;
  std::string line = progressText(what, done, total, secondsSince(start));
  std::fprintf(stderr, "\r%s\033[K", line.c_str());
  std::fflush(stderr);
}

void Progress::clear() {
  if (visible)
    std::fputs("\r\033[K", stderr);
  visible = false;
}
