//===- LogitsFile.h - logits of a scored text, in a file --------*- C++ -*-===//
//
// A NumPy array, float32 [scored positions, vocabulary], in the order of the
// text. A comment behind the description of the array, which NumPy reads over,
// says what the logits belong to; behind the array come 8 bytes, the XXH3-64 of
// the array's bytes, which NumPy does not look at.
//===----------------------------------------------------------------------===//
#ifndef MOERT_CLI_LOGITSFILE_H
#define MOERT_CLI_LOGITSFILE_H

#include "Output.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace moert::cli {

/// What logits belong to.
struct LogitsFacts {
  LogitsFacts() = default;
  LogitsFacts(const std::vector<int32_t> &ids, int64_t window,
              int64_t vocabulary);

  int64_t tokens = 0;
  uint64_t hash = 0;  ///< XXH3-64 of the tokens, each as 4 bytes
  int64_t window = 0; ///< never above the number of tokens
  int64_t vocabulary = 0;

  /// Positions that a text scores: all but the first of each window.
  int64_t rows() const;
  std::string header() const;
};

struct ChecksumState;

/// Writes such a file, a few rows at a time; it appears when it is complete.
class LogitsWriter {
public:
  LogitsWriter(const std::string &path, const LogitsFacts &facts);
  ~LogitsWriter();
  void append(const float *rows, int64_t count);
  void finish();

private:
  OutputFile file;
  int64_t vocabulary;
  std::unique_ptr<ChecksumState> checksum;
};

/// Reads such a file, a few rows at a time.
class LogitsReader {
public:
  /// Refuses a file that does not belong to `facts` or is not whole.
  LogitsReader(const std::string &path, const LogitsFacts &facts);
  ~LogitsReader();
  LogitsReader(const LogitsReader &) = delete;
  LogitsReader &operator=(const LogitsReader &) = delete;

  const std::string path;
  /// The next `count` rows. The last ones are refused if the bytes of all are
  /// not those that were written.
  void read(int64_t count, std::vector<float> &rows);

private:
  std::string readHeader() const;
  void checkFacts(const LogitsFacts &found) const;
  void checkSize(const LogitsFacts &found, size_t header) const;
  void readAt(uint64_t offset, void *bytes, size_t size) const;

  LogitsFacts facts;
  int64_t left; ///< rows
  uint64_t position = 0;
  int fd;
  std::unique_ptr<ChecksumState> checksum;
};

} // namespace moert::cli

#endif // MOERT_CLI_LOGITSFILE_H
