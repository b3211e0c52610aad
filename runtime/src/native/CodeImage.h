//===- CodeImage.h - a shared object that is loaded from memory -*- C++ -*-===//
#ifndef MOERT_NATIVE_CODEIMAGE_H
#define MOERT_NATIVE_CODEIMAGE_H

#include "base/Status.h"
#include "moert/abi/driver.h"
#include <memory>

namespace moert {

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
  /// What the code exports by that name besides; null if nothing.
  const void *find(const char *symbol) const;

private:
  CodeImage(int fd, void *handle, moert_abi_forward_fn_t entry)
      : fd(fd), handle(handle), entry(entry) {}
  int fd; ///< stays open: its number is the name under which we loaded
  void *handle;
  moert_abi_forward_fn_t entry;
};

/// Whether the bytes are a whole shared object for this machine.
Status checkElf(const moert_code_t &code);

/// Whether this machine's processors have what the code was compiled for.
Status checkProcessor(const moert_code_t &code);

} // namespace moert

#endif // MOERT_NATIVE_CODEIMAGE_H
