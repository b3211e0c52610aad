//===- Output.h - standard output, files and progress -----------*- C++ -*-===//
#ifndef MOERT_CLI_OUTPUT_H
#define MOERT_CLI_OUTPUT_H

#include "Interrupt.h"

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace moert::cli {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

inline double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Makes sure that descriptors 0 to 2 are taken, so that no file that is opened
/// later gets what is meant for a stream that the caller closed.
void keepStandardStreams();

/// Writes all of it to standard output at once, or throws.
void writeOut(std::string_view text);
/// The object on one line. Bytes that are not UTF-8 become U+FFFD.
void writeJson(const Json &object);

/// The whole of a file, or throws.
std::string readFile(const std::string &path);

/// Where a file is written that will be `path`: beside what stands behind its
/// symbolic links, also if nothing stands there yet.
std::string followLinks(const std::string &path);
std::string partPathOf(const std::string &target);

/// A file that appears only when it is complete: written beside, renamed by
/// finish(), removed if that is never called. Symbolic links are followed,
/// pipes and devices are written directly.
class OutputFile {
public:
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void append(const void *bytes, size_t size);
  void finish();

private:
  std::string path;   ///< as the user wrote it, for messages
  std::string target; ///< behind symbolic links
  std::string part;   ///< empty: written directly
  std::optional<RemovedOnSignal> guard;
  int fd;
};

/// A float32 [rows, columns] array in NumPy's format, a few rows at a time.
class NpyWriter {
public:
  NpyWriter(const std::string &path, int64_t rows, int64_t columns);
  void append(const float *rows, int64_t count);
  void finish();

private:
  OutputFile file;
  int64_t columns;
};

/// Magic, version and description of such an array, and a comment that NumPy
/// reads over.
std::string npyHeader(int64_t rows, int64_t columns,
                      const std::string &comment = "");

/// One line on the terminal that says how far we are, from the second second
/// on; nothing where standard error is not a terminal.
class Progress {
public:
  Progress(std::string what, int64_t total);
  ~Progress() { clear(); }
  void update(int64_t done);
  void clear();

private:
  std::string what;
  int64_t total;
  Clock::time_point start, shown;
  bool terminal, visible = false;
};

/// "23 % of the prompt, 12 s left": what a progress line says.
std::string progressText(const std::string &what, int64_t done, int64_t total,
                         double seconds);

} // namespace moert::cli

#endif // MOERT_CLI_OUTPUT_H
