//===- ExpertReader.h - reads of a file that end later ----------*- C++ -*-===//
#ifndef MOERT_EXPERTS_EXPERTREADER_H
#define MOERT_EXPERTS_EXPERTREADER_H

#include "base/Status.h"
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace moert {

/// Of a large read, unless a caller knows better. A virtual disk (ext4, direct
/// reads) gave 1.06 GB/s with one read of so many bytes at a time, 1.20 with
/// two, and no more with eight.
constexpr uint64_t usualPieceBytes = uint64_t(512) << 10;

/// One read of a piece of an extent. Offset, size and memory are multiples of
/// 4096; the last piece of a file may come short.
struct ReadRequest {
  uint64_t id;     ///< the caller's
  uint64_t offset; ///< in the file
  uint64_t size;
  void *memory;
};

struct ReadResult {
  uint64_t id;
  int64_t bytes; ///< read, or a negative errno
};

/// Reads pieces of one file past the page cache where the file system lets it.
/// One thread uses it. Its end waits for reads that are under way: no memory is
/// written later.
class ExpertReader {
public:
  virtual ~ExpertReader() = default;
  /// "io_uring, direct": how it reads, for people.
  virtual const char *name() const = 0;
  /// Most requests that may be under way.
  virtual int depth() const = 0;
  virtual Status submit(const ReadRequest &request) = 0;
  /// Waits for at least one result, a call of wake(), or so many milliseconds
  /// (-1: for ever); returns how many results were written.
  virtual size_t wait(std::span<ReadResult> results, int milliseconds) = 0;
  /// Ends the wait under way, else the next one; from any thread.
  virtual void wake() = 0;
};

/// io_uring where this build and the kernel have it, else threads that read;
/// the reader's name says why.
Status openExpertReader(const std::string &path,
                        std::unique_ptr<ExpertReader> *out);
/// The same of a file that is open, whatever has become of its name.
Status openExpertReader(int descriptor, std::unique_ptr<ExpertReader> *out);
/// UNAVAILABLE where there is no io_uring.
Status openUringReader(const std::string &path,
                       std::unique_ptr<ExpertReader> *out);
/// `note`: why not a better one, for the name.
Status openThreadReader(const std::string &path, int threads,
                        std::unique_ptr<ExpertReader> *out,
                        const std::string &note = "");

} // namespace moert

#endif // MOERT_EXPERTS_EXPERTREADER_H
