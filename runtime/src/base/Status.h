//===- Status.h - making and passing on moert_status_t ----------*- C++ -*-===//
#ifndef MOERT_BASE_STATUS_H
#define MOERT_BASE_STATUS_H

#include "moert/status.h"
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace moert {

/// Owns a moert_status_t; empty means success. C++ code inside the runtime
/// passes these; release() hands one out through the C API.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(moert_status_code_t code, std::string message);
  explicit Status(moert_status_t status) : storage(status) {}

  bool ok() const { return !storage; }
  explicit operator bool() const { return !ok(); } ///< true when it failed
  moert_status_code_t code() const { return moert_status_code(storage.get()); }
  const char *message() const { return moert_status_message(storage.get()); }
  moert_status_t release() { return storage.release(); }

private:
  struct Free {
    void operator()(moert_status_t status) const { moert_status_free(status); }
  };
  std::unique_ptr<moert_status_storage_t, Free> storage;
};

/// Status(code, "a" + 1 + ...) without string conversions at the call.
template <typename... Parts>
Status makeStatus(moert_status_code_t code, const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  return Status(code, text.str());
}

#ifdef __cpp_exceptions // the compiler, which writes containers, has none
/// Runs `body` (returning Status) for a C function: no exception gets out.
template <typename Body> moert_status_t guarded(Body &&body) noexcept {
  try {
    return std::forward<Body>(body)().release();
  } catch (const std::bad_alloc &) {
    return Status(MOERT_RESOURCE_EXHAUSTED, "out of memory").release();
  } catch (const std::exception &e) {
    return Status(MOERT_INTERNAL, e.what()).release();
  }
}
#endif

#define MOERT_RETURN_IF_ERROR(expr)                                            \
  if (::moert::Status statusOfExpr = (expr); !statusOfExpr.ok())               \
  return statusOfExpr

} // namespace moert

#endif // MOERT_BASE_STATUS_H
