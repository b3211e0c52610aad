//===- LogitsFile.cpp - logits of a scored text, in a file ----------------===//
#include "LogitsFile.h"
#include "Failure.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moert::cli;

namespace moert::cli {

struct ChecksumState {
  ChecksumState() { XXH3_64bits_reset(&state); }
  void add(const void *bytes, size_t size) {
    XXH3_64bits_update(&state, bytes, size);
  }
  uint64_t digest() const { return XXH3_64bits_digest(&state); }

private:
  XXH3_state_t state;
};

} // namespace moert::cli

static std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

//===-- LogitsFacts -------------------------------------------------------===//

/// What the comment starts with; the number is the format's.
static constexpr const char *mark = "moe-run logits 1:";

LogitsFacts::LogitsFacts(const std::vector<int32_t> &ids, int64_t window,
                         int64_t vocabulary)
    : tokens(int64_t(ids.size())),
      hash(XXH3_64bits(ids.data(), ids.size() * sizeof(int32_t))),
      window(std::min(window, tokens)), vocabulary(vocabulary) {}

int64_t LogitsFacts::rows() const {
  return tokens - tokens / window - (tokens % window != 0);
}

std::string LogitsFacts::header() const {
  return npyHeader(rows(), vocabulary,
                   std::string(mark) + " tokens=" + std::to_string(tokens) +
                       " hash=" + hex(hash) +
                       " window=" + std::to_string(window) +
                       " vocabulary=" + std::to_string(vocabulary));
}

/// The number behind " <name>=" in a header.
template <typename T>
static bool readFact(const std::string &header, const char *name, int base,
                     T &value) {
  std::string key = std::string(" ") + name + "=";
  size_t begin = header.find(key, header.find(mark));
  if (begin == std::string::npos)
    return false;
  const char *text = header.data() + begin + key.size();
  return std::from_chars(text, header.data() + header.size(), value, base).ec ==
         std::errc();
}

/// What a header says; nothing if we would write another one for that.
static std::optional<LogitsFacts> parseHeader(const std::string &header) {
  LogitsFacts facts;
  if (header.find(mark) == std::string::npos ||
      !readFact(header, "tokens", 10, facts.tokens) ||
      !readFact(header, "hash", 16, facts.hash) ||
      !readFact(header, "window", 10, facts.window) ||
      !readFact(header, "vocabulary", 10, facts.vocabulary) ||
      facts.window < 1 || facts.header() != header)
    return std::nullopt;
  return facts;
}

//===-- LogitsWriter ------------------------------------------------------===//

LogitsWriter::LogitsWriter(const std::string &path, const LogitsFacts &facts)
    : file(path), vocabulary(facts.vocabulary),
      checksum(std::make_unique<ChecksumState>()) {
  std::string header = facts.header();
  file.append(header.data(), header.size());
}

LogitsWriter::~LogitsWriter() = default;

void LogitsWriter::append(const float *rows, int64_t count) {
  size_t size = size_t(count * vocabulary) * sizeof(float);
  checksum->add(rows, size);
  file.append(rows, size);
}

void LogitsWriter::finish() {
  uint64_t digest = checksum->digest();
  file.append(&digest, sizeof(digest));
  file.finish();
}

//===-- LogitsReader ------------------------------------------------------===//

LogitsReader::LogitsReader(const std::string &path, const LogitsFacts &facts)
    : path(path), facts(facts), left(facts.rows()),
      // Not blocking, so that a pipe is refused and not waited for.
      fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
      checksum(std::make_unique<ChecksumState>()) {
  if (fd < 0)
    fail(path, "cannot open: ", systemError(errno));
  try {
    std::string header = readHeader();
    std::optional<LogitsFacts> found = parseHeader(header);
    if (!found)
      fail(path, "is not a file that --save-logits wrote");
    checkFacts(*found);
    checkSize(*found, header.size());
    position = header.size();
  } catch (...) {
    ::close(fd);
    throw;
  }
}

LogitsReader::~LogitsReader() { ::close(fd); }

/// The first line of the file; nothing if none ends where a header would.
std::string LogitsReader::readHeader() const {
  char buffer[1024];
  ssize_t size = ::pread(fd, buffer, sizeof(buffer), 0);
  if (size < 0)
    fail(path, "cannot read: ", systemError(errno));
  std::string front(buffer, size_t(size));
  return front.substr(0, front.find('\n') + 1);
}

void LogitsReader::checkFacts(const LogitsFacts &found) const {
  if (found.vocabulary != facts.vocabulary)
    fail(path, "has logits of a vocabulary of ", found.vocabulary,
         ", the module to compare has ", facts.vocabulary);
  if (found.tokens != facts.tokens)
    fail(path, "has logits of a text of ", found.tokens,
         " tokens, this text has ", facts.tokens);
  if (found.hash != facts.hash)
    fail(path, "has logits of another text: its tokens have the hash ",
         hex(found.hash), ", this text's have ", hex(facts.hash));
  if (found.window != facts.window)
    fail(path, "has logits of windows of ", found.window,
         " tokens, this run has windows of ", facts.window);
}

void LogitsReader::checkSize(const LogitsFacts &found, size_t header) const {
  struct stat info;
  if (::fstat(fd, &info) != 0)
    fail(path, "cannot read: ", systemError(errno));
  uint64_t wanted =
      header + sizeof(uint64_t) +
      uint64_t(found.rows()) * uint64_t(found.vocabulary) * sizeof(float);
  if (uint64_t(info.st_size) != wanted)
    fail(path, "has ", info.st_size, " bytes, its ", found.rows(), " rows of ",
         found.vocabulary, " logits need ", wanted);
}

void LogitsReader::readAt(uint64_t offset, void *bytes, size_t size) const {
  char *to = static_cast<char *>(bytes);
  while (size > 0) {
    ssize_t done = ::pread(fd, to, size, off_t(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      fail(path, "cannot read: ", systemError(errno));
    if (done == 0)
      fail(path, "ends after ", offset, " bytes, ", size, " more are needed");
    to += done;
    offset += uint64_t(done);
    size -= size_t(done);
  }
}

void LogitsReader::read(int64_t count, std::vector<float> &rows) {
  rows.resize(size_t(count * facts.vocabulary));
  size_t size = rows.size() * sizeof(float);
  readAt(position, rows.data(), size);
  checksum->add(rows.data(), size);
  position += size;
  left -= count;
  if (left > 0)
    return;
  uint64_t digest;
  readAt(position, &digest, sizeof(digest));
  if (digest != checksum->digest())
    fail(path, "is damaged: its logits have the checksum ",
         hex(checksum->digest()), ", it says ", hex(digest));
}
