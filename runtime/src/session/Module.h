//===- Module.h - an open module --------------------------------*- C++ -*-===//
#ifndef MOERT_SESSION_MODULE_H
#define MOERT_SESSION_MODULE_H

#include "container/Reader.h"
#include "moert/abi/driver.h"
#include "moert/moert.h"
#include <memory>
#include <mutex>
#include <vector>

struct moert_module_t {
  static moert::Status open(const char *path, const moert::ReadOptions &options,
                            std::unique_ptr<moert_module_t> *out);
  static std::unique_ptr<moert_module_t>
  fromContainer(std::unique_ptr<moert::Container> container);
  moert_module_t() = default;
  ~moert_module_t() { moert_tokenizer_free(tokenizer); }
  moert_module_t(const moert_module_t &) = delete;
  moert_module_t &operator=(const moert_module_t &) = delete;

  const moert::fb::Module &metadata() const { return container->metadata(); }
  const std::string &origin() const { return container->origin(); }
  /// Most positions of a sequence: the model's, or those that the code can hold.
  int64_t context() const;
  /// What a driver wants to know about the code; points into the module.
  moert_code_t code() const;
  double bitsPerWeight() const;
  double codedBitsPerWeight() const; ///< 0 if none is stored as a code

  /// Compares checksums of experts unless that has been done, or nobody wants
  /// it. From any thread.
  moert::Status verifyExperts() const;

  std::unique_ptr<moert::Container> container;
  /// Whether somebody must yet compare checksums of experts: verifyExperts, or
  /// who fetches them one by one.
  bool checksExperts = false;
  std::vector<const char *> features;
  moert_tokenizer_t *tokenizer = nullptr; ///< made when first asked for

private:
  mutable std::mutex mutex; ///< of the next
  mutable bool expertsVerified = false;
};

namespace moert {

/// The driver of that name; the error lists those that this build has.
Status findDriver(const std::string &name, const std::string &origin,
                  const moert_driver_t **out);
/// Whether the driver is here and can run the module's code.
Status checkRunnable(const moert_module_t &module,
                     const moert_driver_t &driver);
moert_module_info_t infoOf(const moert_module_t &module);
moert_parameter_info_t infoOf(const fb::Parameter &parameter);
/// The module as JSON, for people and scripts.
std::string describeModule(const moert_module_t &module);

} // namespace moert

#endif // MOERT_SESSION_MODULE_H
