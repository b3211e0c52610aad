//===- Subject.h - a device in use, for properties --------------*- C++ -*-===//
#ifndef MOERT_CTS_SUBJECT_H
#define MOERT_CTS_SUBJECT_H

#include "Conformance.h"
#include "base/Status.h"

namespace moert::cts {

inline Outcome fail(std::string why) { return {Outcome::Fail, std::move(why)}; }

/// What a status means where success is expected.
inline Outcome expectOk(const char *what, moert_status_t raw) {
  Status status(raw);
  if (status.ok())
    return {};
  return {status.code() == MOERT_UNIMPLEMENTED ? Outcome::Unsupported
                                               : Outcome::Fail,
          std::string(what) + ": " + status.message()};
}

/// What a status means where this failure is expected.
inline Outcome expectCode(const char *what, moert_status_t raw,
                          moert_status_code_t code) {
  Status status(raw);
  if (status.ok())
    return fail(std::string(what) + " succeeded");
  if (status.code() == code)
    return {};
  return fail(std::string(what) + ": code " + std::to_string(status.code()) +
              " instead of " + std::to_string(code) + ": " + status.message());
}

#define CTS_CHECK(expr)                                                        \
  if (::moert::cts::Outcome outcomeOfExpr = (expr);                            \
      outcomeOfExpr.kind != ::moert::cts::Outcome::Pass)                       \
  return outcomeOfExpr

#define CTS_REQUIRE(condition, why)                                            \
  if (!(condition))                                                            \
  return ::moert::cts::fail(why)

/// A device that closes itself.
class Device {
public:
  Outcome open(const Subject &subject, int32_t threads) {
    driver = subject.driver;
    moert_device_options_t options = {};
    options.size = sizeof(options);
    options.threads = threads;
    return expectOk("open", driver->open(&options, &device));
  }
  ~Device() {
    if (executable)
      driver->unload(device, executable);
    if (device)
      driver->close(device);
  }
  Outcome load(const Subject &subject, const char *entry);
  moert_status_t forward(const moert_abi_forward_t &args,
                         void (*trace)(void *, int64_t) = nullptr,
                         void *host = nullptr) {
    return driver->forward(device, executable, &args, trace, host);
  }

  const moert_driver_t *driver = nullptr;
  moert_device_t *device = nullptr;
  moert_executable_t *executable = nullptr;
};

/// Conformance code with an entry; the features and triple are empty.
moert_code_t codeOf(const std::vector<char> &bytes, const char *entry);

// Metadata.cpp
/// Metadata of a module whose code has that entry; lives forever.
const std::vector<uint64_t> &metadataOf(const std::string &entry);

// Execution.cpp
Outcome checkLoad(const Subject &subject);
Outcome checkMissingEntry(const Subject &subject);
Outcome checkForward(const Subject &subject);
Outcome checkForwardFailure(const Subject &subject);
Outcome checkTrace(const Subject &subject);
Outcome checkParallelCoverage(const Subject &subject);
Outcome checkNestedParallel(const Subject &subject);
// Experts.cpp
Outcome checkExperts(const Subject &subject);
// Exits.cpp
Outcome checkExits(const Subject &subject);
Outcome checkParking(const Subject &subject);

} // namespace moert::cts

#endif // MOERT_CTS_SUBJECT_H
