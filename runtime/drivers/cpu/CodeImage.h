//===- CodeImage.h - a shared object that is loaded from memory -*- C++ -*-===//
#ifndef MOERT_DRIVERS_CPU_CODEIMAGE_H
#define MOERT_DRIVERS_CPU_CODEIMAGE_H

#include "base/Status.h"
#include "moert/abi/driver.h"
#include <memory>

namespace moert::cpu {

/// The code of one module in this process.
class CodeImage {
public:
  /// Checks that the bytes are a shared object for this machine and links it.
  /// Nothing is written to a disk.
  static Status load(const moert_code_t &code, std::unique_ptr<CodeImage> *out);
  ~CodeImage();
  CodeImage(const CodeImage &) = delete;
  CodeImage &operator=(const CodeImage &) = delete;

  moert_abi_forward_fn_t forward() const { return entry; }

private:
  CodeImage(int fd, void *handle, moert_abi_forward_fn_t entry)
      : fd(fd), handle(handle), entry(entry) {}
  int fd; ///< stays open: its number is the name under which we loaded
  void *handle;
  moert_abi_forward_fn_t entry;
};

/// Whether the bytes are a whole shared object for this machine.
Status checkElf(const moert_code_t &code);

} // namespace moert::cpu

#endif // MOERT_DRIVERS_CPU_CODEIMAGE_H
