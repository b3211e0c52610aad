//===- Generate.h - several texts on one stream -----------------*- C++ -*-===//
#ifndef MOERT_CLI_GENERATE_H
#define MOERT_CLI_GENERATE_H

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace moert::cli {

/// Texts that grow at the same time, written one after the other: the first
/// that has not ended is written as it grows, those behind it wait. Several
/// texts get a heading each; every text ends with a newline.
class TextStreams {
public:
  using Write = std::function<void(std::string_view)>;
  TextStreams(size_t count, Write write);

  void append(size_t i, std::string_view piece);
  void end(size_t i);

private:
  void openFront();

  Write write;
  std::vector<std::string> texts;
  std::vector<bool> ended;
  size_t front = 0;
  bool opened = false; ///< the text in front has its heading
};

} // namespace moert::cli

#endif // MOERT_CLI_GENERATE_H
