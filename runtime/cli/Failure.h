//===- Failure.h - the one line that ends a run that failed -----*- C++ -*-===//
#ifndef MOERT_CLI_FAILURE_H
#define MOERT_CLI_FAILURE_H

#include "moert/status.h"

#include <sstream>
#include <stdexcept>
#include <string>

namespace moert::cli {

/// "<origin>: <what>": the user reads it behind "error: ", on one line.
class Failure : public std::runtime_error {
public:
  Failure(const std::string &origin, const std::string &what);
};

/// Throws a failure out of its parts.
template <typename... Parts>
[[noreturn]] void fail(const std::string &origin, const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Failure(origin, text.str());
}

/// Throws if the runtime refused; a message that already starts with its
/// origin is left as it is.
void check(moert_status_t status, const std::string &origin);

/// "no space left on device": what the operating system says.
std::string systemError(int error);

/// Where failures of the command line itself come from.
inline const char *const commandLine = "command line";

} // namespace moert::cli

#endif // MOERT_CLI_FAILURE_H
