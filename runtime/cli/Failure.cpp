//===- Failure.cpp - one line out of whatever went wrong ------------------===//
#include "Failure.h"

#include <algorithm>
#include <cctype>
#include <cstring>

using namespace moert::cli;

static std::string oneLine(const std::string &origin, const std::string &what) {
  std::string line =
      what.rfind(origin + ":", 0) == 0 ? what : origin + ": " + what;
  std::replace_if(
      line.begin(), line.end(),
      [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  return line;
}

Failure::Failure(const std::string &origin, const std::string &what)
    : std::runtime_error(oneLine(origin, what)) {}

void moert::cli::check(moert_status_t status, const std::string &origin) {
  if (!status)
    return;
  std::string message = moert_status_message(status);
  moert_status_free(status);
  throw Failure(origin, message);
}

std::string moert::cli::systemError(int error) {
  std::string text = std::strerror(error);
  text[0] = char(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}
