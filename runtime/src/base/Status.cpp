//===- Status.cpp - status objects ----------------------------------------===//
#include "base/Status.h"

#include <cstdlib>

struct moert_status_storage_t {
  moert_status_code_t code;
  std::string message;
};

moert::Status::Status(moert_status_code_t code, std::string message)
    : storage(code == MOERT_OK
                  ? nullptr
                  : new moert_status_storage_t{code, std::move(message)}) {}

moert_status_code_t moert_status_code(moert_status_t status) {
  return status ? status->code : MOERT_OK;
}
const char *moert_status_message(moert_status_t status) {
  return status ? status->message.c_str() : "ok";
}
void moert_status_free(moert_status_t status) { delete status; }
void moert_free(void *memory) { std::free(memory); }
