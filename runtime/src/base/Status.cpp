//===- Status.cpp - status objects ----------------------------------------===//
#include "base/Status.h"

#include <cstdlib>

struct moert_status_storage_t {
  moert_status_code_t code;
  std::string message;
};

/// A message quotes names from files; none of them may break its line.
static std::string oneLine(std::string text) {
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return text;
}

moert::Status::Status(moert_status_code_t code, std::string message)
    : storage(code == MOERT_OK ? nullptr
                               : new moert_status_storage_t{
                                     code, oneLine(std::move(message))}) {}

moert_status_code_t moert_status_code(moert_status_t status) {
  return status ? status->code : MOERT_OK;
}
const char *moert_status_message(moert_status_t status) {
  return status ? status->message.c_str() : "ok";
}
void moert_status_free(moert_status_t status) { delete status; }
void moert_free(void *memory) { std::free(memory); }
