//===- Evaluate.h - exact-match accuracy on a file of tasks -----*- C++ -*-===//
#ifndef MOERT_CLI_EVALUATE_H
#define MOERT_CLI_EVALUATE_H

#include <string>
#include <string_view>
#include <vector>

namespace moert::cli {

struct EvalItem {
  std::string prompt, answer, task;
  size_t line; ///< of the file, from 1
};

/// The items of a file of JSON objects, one a line; throws a Failure that names
/// the file and the line. Other keys and blank lines are ignored.
std::vector<EvalItem> parseEvalFile(const std::string &text,
                                    const std::string &file);

/// The first line of a continuation without the white space around it.
std::string_view answerIn(std::string_view text);

} // namespace moert::cli

#endif // MOERT_CLI_EVALUATE_H
